"""What a line of a session log holds: one frozen dataclass per kind.

Guarantee: `from_json(record.to_json()) == record`; keys that this version does not know are kept
and written back; lines of older versions are brought up to date by an ordered list of
migrations; a kind that nobody knows stays readable as `UnknownRecord`. Not for display: texts are
stored raw, and cleaned where they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar

from sessions.errors import RecordError
from sessions.ids import new_id, now
from sessions.version import wb_version

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Record:
    """What every kind has in common.

    Attributes:
        id: Time-sortable (`sessions.ids.new_id`).
        ts: When, ISO 8601 in UTC.
        wb_version: Which `wb` wrote it.
        extra: Keys that this version does not know; kept as they came.
    """

    KIND: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1

    id: str = field(default_factory=new_id)
    ts: str = field(default_factory=now)
    wb_version: str = field(default_factory=wb_version)
    extra: Json = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        # Nested tuples become lists, as they are when read back: a record equals its line.
        for name in _wants(type(self)):
            value = getattr(self, name)
            if type(value) in _ATOMS:
                continue
            value = _plain(value)
            value = tuple(value) if isinstance(value, list) else value
            object.__setattr__(self, name, value)

    @property
    def kind(self) -> str:
        """The word in the line's `kind`."""
        return self.KIND

    def to_json(self) -> dict[str, Any]:
        """The line: `v`, `kind`, `id` and `ts` first, then the fields, then unknown keys."""
        own = {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name != "extra"}
        return {"v": self.VERSION, "kind": self.kind, **own} | {
            key: value for key, value in self.extra.items() if key not in own
        }


@dataclass(frozen=True, kw_only=True)
class PromptRecord(Record):
    """A prompt and its answer: enough to ask it again exactly.

    Attributes:
        uid: The sample, `None` for images of the user's own.
        images: What the prompt showed, in order: `{"sha256", "name"}`, and `path` or `url` where
            the image belongs to no sample (then its bytes are in `sessions.kept_images`).
        dataset_revision: `Source.revision` of the sample's dataset.
        model, revision, identity, adapter, quantization, dtype, device, attention: Of the loaded
            model; `identity` is the hash of weights, adapter, processor and precision.
        further: What else was asked of the model that has no field here: pixel bounds, say.
        engine: URL of a remote engine, `None` for one's own.
        messages: As sent: `{"role", "content": [{"type": "text", "text"} |
            {"type": "image", "sha256", "name", "uid", "index"}]}`.
        template, template_version: Which prompt of the pool, `None` for free text.
        shots: UIDs of the few-shot examples.
        decoding: `Decoding.to_json()`, seed included.
        labels: The label words that were scored, empty where none were.
        text, tokens, finish_reason, prompt_tokens: The answer; a token is `{"id", "text",
            "logprob", "top": [[text, logprob], ...]}`. Where asking failed in the middle of it:
            what had come by then, and `error` for the reason.
        label_scores: Total log-likelihood of each label, `None` where not asked for.
        head: Probability of each class by the model's classification head, `None` where it has
            none.
        words: Answer word -> label, by which the answer was read; empty where it was not, `None`
            where a version before they were kept asked.
        label: The label that the answer was read as, `None` where unparsed or not a label task.
        target: The sample's own label, as it was then.
        grounding: Boxes and points of the answer, in pixels of the image as it is shown:
            `{"v", "regions": [{"box" | "point", "name", "image"}], "gold", "problems", "judged",
            "correct"}`; `None` where it has none and none was asked for.
        timing: Seconds: `{"load_s", "first_token_s", "total_s"}`.
        replay_of: Id of the record that this one asks again.
        follows: Id of the record whose answer stands in these messages: a conversation's last turn.
        sweep: Shared by the answers of one grid.
        cell: What this one has of that grid's axes, by the words of the flags: `{"temperature":
            0.7, "template": "statement/yes-no"}`.
        environment: Where the answer was computed: versions (`wb`, `python`, `torch`, ...) and
            the `dtype` and `device` that `auto` came to; what is not known is left out.
        error: `WbError.to_json()["error"]` where it failed.
    """

    KIND: ClassVar[str] = "prompt"
    VERSION: ClassVar[int] = 2

    uid: str | None = None
    images: tuple[Json, ...] = ()
    dataset_revision: str | None = None
    model: str = ""
    revision: str | None = None
    identity: str | None = None
    adapter: str | None = None
    quantization: str = "none"
    dtype: str = "auto"
    device: str = "auto"
    attention: str | None = None
    further: Json = field(default_factory=dict)
    engine: str | None = None
    messages: tuple[Json, ...] = ()
    template: str | None = None
    template_version: str | int | None = None
    shots: tuple[str, ...] = ()
    decoding: Json = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    text: str = ""
    tokens: tuple[Json, ...] = ()
    finish_reason: str | None = None
    prompt_tokens: int = 0
    label_scores: Json | None = None
    head: Json | None = None
    words: Json | None = None
    label: str | None = None
    target: str | None = None
    grounding: Json | None = None
    timing: Json = field(default_factory=dict)
    replay_of: str | None = None
    follows: str | None = None
    sweep: str | None = None
    cell: Json = field(default_factory=dict)
    environment: Json = field(default_factory=dict)
    error: Json | None = None

    @property
    def failure(self) -> str:
        """Why it failed, in a sentence; empty where it did not."""
        return str(self.error.get("message") or "failed") if self.error else ""

    @property
    def asked(self) -> str:
        """The text of the last user turn, as it was sent."""
        for message in reversed(self.messages):
            if message.get("role") == "user":
                return _text_of(message)
        return ""

    @property
    def asked_system(self) -> str:
        """The text of the system turn, empty where there was none."""
        turns = [m for m in self.messages if m.get("role") == "system"]
        return _text_of(turns[0]) if turns else ""

    @property
    def cut_short(self) -> bool:
        """Whether the answer was not said to its end: cancelled, or failed in the middle of it."""
        return bool(self.error) or self.finish_reason == "cancelled"

    @property
    def answered(self) -> bool:
        """Whether there is an answer to compare with; a failure may have left the start of one."""
        return not self.error or bool(self.text)

    @property
    def said(self) -> str:
        """The answer, and where it failed the reason after what had come of it."""
        if not self.error:
            return self.text
        reason = f"failed: {self.failure}"
        return f"{self.text} [{reason}]" if self.text else reason


def _text_of(message: Json) -> str:
    parts = message.get("content") or ()
    if isinstance(parts, str):
        return parts
    return "\n".join(str(p.get("text", "")) for p in parts if p.get("type") == "text")


@dataclass(frozen=True, kw_only=True)
class GradcamRecord(Record):
    """An explanation of one token of an answer.

    Attributes:
        prompt_id: The `PromptRecord` that it explains, `None` where there is none.
        attention, further: As in `PromptRecord`.
        messages, answer_text, token, token_text: What was explained; `token` counts from 0.
        answer_ids: The answer's tokens by their ids, empty where those are not known.
        method, layer, target, contrast: How; `target` and `contrast` are `None` where the token
            itself was.
        head: The class of the model's head that was explained, `None` where a token was.
        knobs: Those that were turned, by the words of the flags; `None` where a version before
            they were kept explained it.
        images: Per image `{"grid": [h, w], "peak": [x, y], "size": [W, H], "heat": [[...]]}`,
            peak and size in pixels of the original image; `heat` may be left out.
        others: As in `PromptRecord`.
    """

    KIND: ClassVar[str] = "gradcam"

    uid: str | None = None
    prompt_id: str | None = None
    dataset_revision: str | None = None
    model: str = ""
    revision: str | None = None
    identity: str | None = None
    adapter: str | None = None
    quantization: str = "none"
    dtype: str = "auto"
    attention: str | None = None
    further: Json = field(default_factory=dict)
    messages: tuple[Json, ...] = ()
    answer_text: str = ""
    answer_ids: tuple[int, ...] = ()
    token: int = 0
    token_text: str = ""
    method: str = ""
    layer: str = ""
    target: str | None = None
    contrast: str | None = None
    head: str | None = None
    knobs: Json | None = None
    images: tuple[Json, ...] = ()
    timing: Json = field(default_factory=dict)
    environment: Json = field(default_factory=dict)
    error: Json | None = None


@dataclass(frozen=True, kw_only=True)
class NoteRecord(Record):
    """Something that the user wrote down, about a sample or about the session.

    Attributes:
        uid: The sample, `None` for the session.
        text: As typed.
        about: Id of a record, run or job that it is about.
    """

    KIND: ClassVar[str] = "note"

    uid: str | None = None
    text: str = ""
    about: str | None = None


@dataclass(frozen=True, kw_only=True)
class BookmarkRecord(Record):
    """A change of the UID cache, so that a session tells what was set aside and when.

    Attributes:
        action: `add` or `remove`.
        tags: Those added or taken off; empty on `remove` means the whole bookmark.
    """

    KIND: ClassVar[str] = "bookmark"

    uid: str = ""
    action: str = "add"
    tags: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class UnknownRecord(Record):
    """A line of a kind that this version does not know; written back as it came."""

    @property
    def kind(self) -> str:
        """The word in the line's `kind`, empty where it has none."""
        return str(self.extra.get("kind", ""))

    def to_json(self) -> dict[str, Any]:
        """The line as it came."""
        return dict(self.extra)


KINDS: dict[str, type[Record]] = {
    cls.KIND: cls for cls in (PromptRecord, GradcamRecord, NoteRecord, BookmarkRecord)
}


def _prompt_2(line: dict[str, Any]) -> dict[str, Any]:
    """Version 1 said of the environment no more than its own version and the device."""
    device = line.get("device")
    known = {
        "wb": line.get("wb_version"),
        "device": device if device not in (None, "auto") else None,
    }
    return line | {"environment": {name: value for name, value in known.items() if value}}


# By kind: MIGRATIONS[kind][n] turns a line of version n + 1 into one of version n + 2. Append
# only: an old line is read by walking the list from its own version on; one without `v` is of 1.
MIGRATIONS: dict[str, list[Callable[[dict[str, Any]], dict[str, Any]]]] = {"prompt": [_prompt_2]}


def from_json(line: Json) -> Record:
    """The record on a line.

    Unknown keys go to `extra`; missing ones take their defaults; a newer version is read as far
    as it is understood.

    Raises:
        RecordError: A known kind whose fields are of the wrong shape.
    """
    cls, known, extra = _checked(line)
    # An old line without an id must not look newly made each time that it is read.
    missing = {name: "" for name in ("id", "ts", "wb_version") if name not in known}
    return cls(**missing, **known, extra=extra)


def head_of(line: Json) -> tuple[str, str, str]:
    """(kind, ts, model) of the record on a line, for lists: checked as `from_json` does, not built.

    Raises:
        RecordError: As of `from_json`.
    """
    cls, known, extra = _checked(line)
    kind = cls.KIND if cls is not UnknownRecord else str(extra.get("kind", ""))
    return kind, known.get("ts", ""), known.get("model", "")


def _checked(line: Json) -> tuple[type[Record], dict[str, Any], dict[str, Any]]:
    """(the record's class, its known fields, the unknown ones)."""
    data = dict(line)
    cls = KINDS.get(str(data.get("kind")))
    if cls is None:
        head = {key: str(data[key]) for key in ("id", "ts", "wb_version") if key in data}
        return UnknownRecord, head, data
    version = data.get("v", 1)
    if not isinstance(version, int):
        raise RecordError(f"a {cls.KIND} record has the version {version!r}", kind="bad_record")
    for migrate in MIGRATIONS.get(cls.KIND, [])[max(0, version - 1) :]:
        data = migrate(data)
    data.pop("kind", None)
    if version <= cls.VERSION:
        data.pop("v", None)  # a newer one's stays among the unknown keys and is written back
    wants = _wants(cls)
    known = {
        name: _typed(cls, name, value)
        for name, value in data.items()
        if name in wants and name != "extra"
    }
    return cls, known, {name: value for name, value in data.items() if name not in known}


def _typed(cls: type[Record], name: str, value: Any) -> Any:
    """`value` as the field's own container, refused where it is another kind of thing."""
    wants, allowed, inner = _wants(cls)[name]
    if inner is not None:
        if not isinstance(value, (list, tuple)):
            raise _wrong(cls, name, "a list", value)
        if not all(isinstance(item, inner) for item in value):
            raise _wrong(cls, name, f"a list of {inner.__name__}", value)
        return tuple(value)
    if not isinstance(value, allowed):
        raise _wrong(cls, name, wants, value)
    return value


@cache
def _wants(cls: type[Record]) -> dict[str, tuple[str, tuple[type, ...], type | None]]:
    """By field: its type in words, what a value may be, and of a tuple what each item may be.

    Found once: a list of ten thousand sessions checks millions of fields.
    """
    out: dict[str, tuple[str, tuple[type, ...], type | None]] = {}
    for spec in fields(cls):
        wants = str(spec.type)
        if wants.startswith("tuple"):
            out[spec.name] = (
                wants,
                (),
                dict if "Json" in wants else int if "int" in wants else str,
            )
        else:
            allowed = tuple(_SHAPES[word.strip()] for word in wants.split("|"))
            out[spec.name] = (wants, allowed, None)
    return out


_SHAPES: dict[str, type] = {"str": str, "int": int, "Json": dict, "None": type(None)}
_ATOMS = frozenset({str, int, float, bool, type(None)})


def _wrong(cls: type[Record], name: str, wants: str, value: Any) -> RecordError:
    return RecordError(
        f"a {cls.KIND} record's {name!r} wants {wants}, got {value!r:.80}", kind="bad_record"
    )


def _plain(value: Any) -> Any:
    """Tuples as lists, mappings as dicts: what JSON gives back."""
    if type(value) in _ATOMS:
        return value
    if type(value) is dict or isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
