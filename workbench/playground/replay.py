"""Ask a recorded prompt again and say what changed: behind `wb replay` and the bench's sessions.

Guarantee: torch-free; the images are those of the record, by their hash, or it is refused: a
replay on another picture would be no replay. The comparison looks at what was recorded and what
was answered; nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.records import PromptRecord
from sessions.verdict import answer_right
from workbench.errors import DataError
from workbench.grounding.region import regions_of
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec, as_recorded, chosen_spec
from workbench.playground.answer_diff import changed, pieces_of_both
from workbench.playground.ask import ask
from workbench.playground.question import Question
from workbench.playground.record import recorded_spec
from workbench.playground.record_images import MessageFinder
from workbench.sample import Answer, Message, Sample
from workbench.serving.protocol import absolute
from workbench.serving.remote.known_servers import check_named

if TYPE_CHECKING:
    from sessions.session_log import SessionLog
    from workbench.serving.client import Engine


@dataclass(frozen=True)
class AnswerDifference:
    """Where two answers part.

    Attributes:
        position: Of the first token that differs.
        before, after: That token's text, `None` where the answer had ended.
    """

    position: int
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Replayed:
    """One record asked again.

    Attributes:
        old: As recorded.
        new: `None` where asking failed.
        difference: `None` where the answers are the same.
        error: Why asking failed.
        kept: Whether the new answer is on record.
        environment: What differs between then and now (`model identity`, `wb`, ...).
    """

    old: PromptRecord
    new: PromptRecord | None = None
    difference: AnswerDifference | None = None
    error: WbError | None = None
    kept: bool = False
    environment: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the same text was said; of an answer that was cut short, as far as it went."""
        return self.new is not None and _same(self.old, self.new)

    @property
    def label_changed(self) -> bool:
        """Whether another label is read from the new answer."""
        if self.same and self.old.cut_short:
            return False  # it was not said to its end
        return self.new is not None and self.new.label != self.old.label

    def to_json(self) -> dict[str, Any]:
        """As `wb replay --json` lists it."""
        where = self.difference
        return {
            "id": self.old.id,
            "uid": self.old.uid,
            "same": self.same,
            "before": self.old.text,
            "after": self.new.text if self.new else None,
            "difference": vars(where) if where else None,
            "pieces_changed": list(changed(*pieces_of_both(self.old, self.new)))
            if self.new
            else None,
            "label_before": self.old.label,
            "label_after": self.new.label if self.new else None,
            "label_changed": self.label_changed,
            "target": self.old.target,
            "environment": list(self.environment),
            "new_id": self.new.id if self.new and self.kept else None,
            "error": self.error.to_json()["error"] if self.error else None,
        }


def spec_again(record: PromptRecord, said: Mapping[str, Any]) -> ModelSpec:
    """Whom to ask again: the model that answered then, with what is said now in its place.

    Args:
        record: What was asked.
        said: As `chosen_spec` takes it; empty for the model that answered.

    Raises:
        UsageError: They cannot be meant together.
    """
    return absolute(chosen_spec(said, recorded_spec(record)))


def question_from(record: PromptRecord, spec: ModelSpec | None = None) -> Question:
    """The question that a record answers, of the same model or another one.

    Raises:
        DataError: An image or its sample is gone, or is another one than was shown.
        UsageError: The record's knobs or model cannot be meant, or it names a server that was
            never named here.
    """
    spec = spec or recorded_spec(record)
    if spec.model == record.model:
        check_named(spec.model)
    finder = MessageFinder(f"record {record.id}")
    messages = tuple(finder.message(turn) for turn in record.messages)
    if not messages:
        raise DataError(f"record {record.id} holds no messages", hint="it cannot be asked again")
    return replace(
        question_asked(record, messages, spec, tuple(finder.samples.values())),
        dataset_revision=finder.revisions.get(record.uid or "", record.dataset_revision),
        places=finder.places,
        replay_of=record.id,
    )


def question_asked(
    record: PromptRecord,
    messages: tuple[Message, ...],
    spec: ModelSpec,
    samples: tuple[Sample, ...],
) -> Question:
    """The question that a record answered, where its messages are at hand.

    Args:
        record: What was asked.
        messages: Its messages, with their images.
        spec: The model that is meant.
        samples: Those whose images stand in the messages.

    Raises:
        UsageError: The record's knobs cannot be meant.
    """
    about = next((sample for sample in samples if sample.uid == record.uid), None)
    return Question(
        messages=messages,
        spec=spec,
        decoding=Decoding.from_json(record.decoding),
        samples=samples,
        uid=record.uid,
        dataset_revision=record.dataset_revision,
        target=record.target,
        gold=regions_of((record.grounding or {}).get("gold")),
        words=_words(record, about),
        score=tuple(record.labels),
        template=record.template,
        template_version=_whole(record.template_version),
        shots=tuple(record.shots),
        follows=record.follows,
    )


def replay_record(
    engine: Engine,
    record: PromptRecord,
    spec: ModelSpec | None = None,
    *,
    log: SessionLog | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Answer, PromptRecord]:
    """Ask a record again; returns the answer and its record.

    Args:
        engine: Connected.
        record: What was asked.
        spec: Another model or adapter; `None` for the one that answered then.
        log: Where the new record goes; `None` keeps none.
        cancelled: Checked between tokens.

    Raises:
        WbError: As `question_from` and the engine raise.
    """
    question = question_from(record, spec)
    answer, new = Answer(""), record
    for event in ask(engine, question, log=log, cancelled=cancelled):
        if isinstance(event, Answer):
            answer = event
        elif isinstance(event, PromptRecord):
            new = event
    return answer, new


def replay(
    engine: Engine,
    record: PromptRecord,
    spec: ModelSpec | None = None,
    *,
    log: SessionLog | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Replayed:
    """Ask a record again and compare; a failure is part of what is returned."""
    try:
        _, new = replay_record(engine, record, spec, log=log, cancelled=cancelled)
    except WbError as error:
        return Replayed(record, error=error)
    parting, changes = first_difference(record, new), _changes(record, new)
    return Replayed(record, new, parting, kept=log is not None, environment=changes)


def _same(old: PromptRecord, new: PromptRecord) -> bool:
    if old.cut_short:
        before, after = _tokens(old), _tokens(new)
        return before == after[: len(before)] if before else new.text.startswith(old.text)
    return new.text == old.text


def first_difference(old: PromptRecord, new: PromptRecord) -> AnswerDifference | None:
    """Where the tokens of two answers part, `None` where they and the texts are the same.

    An answer that was cut short is compared as far as it went.
    """
    if old.cut_short and _same(old, new):
        return None
    before, after = _tokens(old), _tokens(new)
    for position in range(max(len(before), len(after))):
        pair = [side[position] if position < len(side) else None for side in (before, after)]
        if pair[0] != pair[1]:
            return AnswerDifference(position, *(part[1] if part else None for part in pair))
    if old.text != new.text:  # the records hold no tokens, or a stop string cut one of them
        return AnswerDifference(len(before), old.text[-40:], new.text[-40:])
    return None


def _tokens(record: PromptRecord) -> list[tuple[int, str]]:
    return [(int(t.get("id", -1)), str(t.get("text", ""))) for t in record.tokens]


def _changes(old: PromptRecord, new: PromptRecord) -> tuple[str, ...]:
    """What is not as it was then, in words; only facts that both records hold."""
    facts = {
        "model": (old.model, new.model),
        "adapter": (old.adapter, new.adapter),
        "quantization": (old.quantization, new.quantization),
        "weights": (old.identity, new.identity),
        "data": (old.dataset_revision, new.dataset_revision),
        "attention": (old.attention, new.attention),
    }
    knobs = [as_recorded({"quantization": r.quantization, **r.further}) for r in (old, new)]
    for name in sorted({*old.further, *new.further}):
        facts[name] = (knobs[0].get(name, "default"), knobs[1].get(name, "default"))
    then = {"dtype": old.dtype, "device": old.device, "wb": old.wb_version} | dict(old.environment)
    now = {"dtype": new.dtype, "device": new.device, "wb": new.wb_version} | dict(new.environment)
    if not {"dtype"} <= old.environment.keys() & new.environment.keys():
        then["dtype"], now["dtype"] = old.dtype, new.dtype  # what was asked for, on both sides
    facts |= {name: (then[name], now[name]) for name in then if name in now}
    if "auto" in facts.get("device", ()):
        del facts["device"]  # it was not known what that came to
    return tuple(
        f"{name}: {_short(a)} → {_short(b)}"
        for name, (a, b) in facts.items()
        if a != b and (name == "adapter" or (a and b))
    )


def _short(value: Any) -> str:
    text = str(value) if value else "none"
    return text[:12] if len(text) == 64 else text


def summary(done: Iterable[Replayed]) -> dict[str, int]:
    """Counts: asked, same, changed, labels changed (now right, now wrong), failed."""
    done = list(done)
    flips = [r for r in done if r.label_changed]
    return {
        "asked": len(done),
        "same": sum(r.same for r in done),
        "changed": sum(r.new is not None and not r.same for r in done),
        "labels_changed": sum(r.label_changed for r in done),
        "now_right": sum(r.new is not None and answer_right(r.new) is True for r in flips),
        "now_wrong": sum(answer_right(r.old) is True for r in flips),
        "failed": sum(r.new is None for r in done),
    }


def _words(record: PromptRecord, sample: Sample | None) -> dict[str, str]:
    """Answer word -> label, as the question had them: a next turn is free text and had none."""
    if record.words is not None:
        return {word: str(label) for word, label in record.words.items()}
    if record.follows:
        return {}
    labels = sample.labels if sample is not None else ()
    if record.template:
        from workbench.errors import UnknownName
        from workbench.prompts.pool import get_template

        version = f"@{record.template_version}" if record.template_version else ""
        try:
            template = get_template(record.template + version)
            return template.words() if sample is None else template.read_words(sample)
        except UnknownName:
            pass  # the template is gone; its messages are on record all the same
    return {label: label for label in labels}


def _whole(value: str | int | None) -> int | None:
    return int(value) if value is not None and str(value).isdigit() else None
