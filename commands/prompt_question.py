"""The question of `wb prompt`: a UID, images, a conversation in a file, or text alone.

Guarantee: arguments and stdin are read once, and a damaged image is reported before a model is
loaded. The question is then built from the flags once per answer. Not for asking.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.asking import check_exists, decoding_from, spec_from
from commands.shots import shot_wish

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.playground.question import Question
    from workbench.playground.record_images import MessageFinder
    from workbench.sample import ImageRef, Message, Sample

_PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif"}
_MOST_STDIN = 64 * 2**20


@dataclass
class PromptArguments:
    """What the arguments name.

    Attributes:
        uid: A sample.
        images: Pictures, in the order of the arguments, their bytes read.
        places: Where those came from.
        text: The user's words, which may be none (`""`); `None` where a template says them.
        turns: A whole conversation, from a file.
        finder: Found that conversation's images.
    """

    uid: str | None = None
    images: tuple[ImageRef, ...] = ()
    places: Mapping[ImageRef, Mapping[str, str]] = field(default_factory=dict)
    text: str | None = None
    turns: tuple[Message, ...] = ()
    finder: MessageFinder | None = None

    @cached_property
    def source(self) -> Source:
        """The sample's dataset."""
        from workbench.playground.question import source_of

        return source_of(self.uid or "")

    @cached_property
    def sample(self) -> Sample:
        """The sample."""
        return self.source.get(self.uid or "")

    def question(self, flags: dict[str, Any]) -> Question:
        """The question by these flags. Raises `UsageError` where they do not go together."""
        from workbench.errors import UsageError
        from workbench.playground.question import (
            question_about,
            question_in_turns,
            question_on_images,
            refuse_two_prompts,
        )

        wish = shot_wish(flags)
        refuse_two_prompts(self.text, flags["template"], flags["system"])
        if self.uid is None and (flags["template"] or wish):
            name = "--template" if flags["template"] else wish.flag
            raise UsageError(f"{name} wants a sample", hint="give a UID, such as demo/test/000012")
        score = tuple(flags["labels"]) or bool(flags["label_scores"])
        spec = spec_from(flags)
        check_exists(spec)
        asked = {"spec": spec, "decoding": decoding_from(flags), "score": score}
        if self.uid is not None:
            return question_about(
                self.sample,
                source=self.source,
                template=flags["template"],
                text=self.text,
                system=flags["system"],
                wish=wish,
                **asked,
            )
        if self.turns:
            found = self.finder
            return question_in_turns(
                self.turns,
                samples=tuple(found.samples.values()) if found else (),
                places=found.places if found else None,
                **asked,
            )
        return question_on_images(
            self.images, self.text, system=flags["system"], places=self.places, **asked
        )


def read_wanted(what: tuple[str, ...], flags: dict[str, Any]) -> PromptArguments:
    """What the arguments and `--messages` name.

    Raises:
        UsageError: They cannot be meant.
        ImageError: A picture is damaged.
    """
    from workbench.errors import UsageError

    name = flags["messages"]
    if name is None:
        return _sort_out(what)
    crowd = ["TEXT"] if what else []
    crowd += [f"--{other}" for other in ("template", "system") if flags[other]]
    crowd += ["--shots"] if shot_wish(flags) else []
    if crowd:
        raise UsageError(
            f"--messages is the whole prompt; {crowd[0]} is one too", hint="leave one of them out"
        )
    return _read_messages(name)


def _sort_out(what: tuple[str, ...]) -> PromptArguments:
    """A UID or images, then at most one text; `-` is stdin: the text where it stands last.

    Raises:
        UsageError: An argument in front of the text is neither; nothing is asked.
    """
    from workbench.errors import UnknownName, UsageError

    if not what:
        raise UsageError("nothing to ask", hint="a UID, or images and a text; see --help")
    if what.count("-") > 1:
        raise UsageError("stdin (-) can be read once", hint="give the other image as a file")
    images: list[ImageRef] = []
    places: dict[ImageRef, dict[str, str]] = {}
    uid, rest = None, list(what)
    while rest and (_is_file(rest[0]) or (rest[0] == "-" and len(rest) > 1)):
        ref, place = _picture(rest.pop(0))
        images.append(ref)
        places[ref] = place
    if rest and (len(rest) > 1 or not images):
        _refuse_folder(rest[0])
    if rest and not images and _looks_like_uid(rest[0]):
        uid = rest.pop(0)
    if rest and Path(rest[0]).suffix.lower() in _PICTURES and " " not in rest[0]:
        raise UnknownName(f"there is no image {rest[0]!r}", hint="check the path")
    if len(rest) > 1:
        raise UsageError(
            f"{rest[0]!r} is neither a UID nor an image file",
            hint=_as_one_text(what, rest),
        )
    text = rest[0] if rest else None
    return PromptArguments(uid, tuple(images), places, _stdin_text() if text == "-" else text)


def _as_one_text(what: tuple[str, ...], rest: list[str]) -> str:
    """What to type where the words of a text were not quoted."""
    before = [*what[: len(what) - len(rest)]]
    line = shlex.join(["wb", "prompt", *before, " ".join(rest)])
    return f"quote a text of several words: {line}; a UID is dataset/split/native-id"


def _picture(word: str) -> tuple[ImageRef, dict[str, str]]:
    """An image with its bytes, and where it came from; a damaged one is told now, by its name."""
    from workbench.sample import ImageRef

    if word == "-":
        ref = ImageRef(data=_stdin_bytes(), name="stdin")
        ref.load()
        return ref, {}
    path = Path(word).resolve()
    file = ImageRef(path=path, name=Path(word).name)
    file.load()
    return ImageRef(data=file.read(), name=file.name), {"path": str(path)}


def _stdin_bytes() -> bytes:
    from workbench.errors import ImageError

    stream = getattr(sys.stdin, "buffer", sys.stdin)
    data = stream.read(_MOST_STDIN + 1)
    data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    if not data:
        raise ImageError("stdin is empty; an image was to come from it", hint="wb prompt - TEXT <F")
    if len(data) > _MOST_STDIN:
        raise ImageError(f"the image on stdin has more than {_MOST_STDIN:,} bytes")
    return data


def _stdin_text() -> str:
    from workbench.errors import UsageError

    try:
        text = _stdin_bytes().decode("utf-8").strip()
    except UnicodeDecodeError:
        raise UsageError(
            "stdin holds no text", hint="for an image from stdin say what to ask: wb prompt - TEXT"
        ) from None
    return text


def _read_messages(name: str) -> PromptArguments:
    """A conversation: a JSON list of `{"role", "content"}`, or an object that holds `messages`."""
    from workbench.errors import UsageError
    from workbench.playground.record_images import MessageFinder

    what = "stdin" if name == "-" else name
    try:
        text = _stdin_text() if name == "-" else Path(name).read_text("utf-8")
        body = json.loads(text)
    except OSError as error:
        raise UsageError(
            f"{name} cannot be read: {error.strerror}", hint="check the path"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what} is no JSON: {error}", hint="see docs/prompts.md") from error
    turns = body.get("messages") if isinstance(body, dict) else body
    if not isinstance(turns, list) or not turns:
        raise UsageError(
            f"{what} wants a list of messages",
            hint='[{"role": "user", "content": "Is a circle round?"}]',
        )
    finder = MessageFinder(what, Path() if name == "-" else Path(name).resolve().parent)
    messages = tuple(_turn(finder, what, number, turn) for number, turn in enumerate(turns))
    if messages[-1].role != "user":
        raise UsageError(
            f"the last message of {what} is the {messages[-1].role}'s",
            hint="end with what the user asks",
        )
    for ref in (ref for message in messages for ref in message.images):
        ref.load()
    return PromptArguments(turns=messages, finder=finder)


def _turn(finder: MessageFinder, what: str, number: int, turn: Any) -> Message:
    from workbench.errors import UsageError

    role = turn.get("role") if isinstance(turn, dict) else None
    content = turn.get("content") if isinstance(turn, dict) else None
    if role not in ("system", "user", "assistant") or not isinstance(content, (str, list)):
        raise UsageError(
            f"message {number} of {what} is no turn of a conversation: {turn!r:.80}",
            hint="each wants a role (system, user, assistant) and a content",
        )
    return finder.message(turn)


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):  # a whole question can be too long for a name
        return False


def _refuse_folder(word: str) -> None:
    """Say which command takes a folder of pictures. Raises `UsageError`; nothing for a UID."""
    from workbench.data.registry import unknown_datasets
    from workbench.errors import UsageError
    from workbench.models.locate import existing_path

    path = existing_path(word) if word.strip() else None
    if path is None or not path.is_dir() or not unknown_datasets([word.partition("/")[0]]):
        return
    raise UsageError(
        f"{word} is a folder, and wb prompt asks about single pictures",
        hint=f"all its pictures: {shlex.join(['wb', 'infer', word, '--out', 'answers.json'])}",
    )


def _looks_like_uid(word: str) -> bool:
    from sessions.errors import BadUid
    from sessions.uid import Uid

    try:
        parsed = Uid.parse(word)
    except BadUid:
        return False
    # "is it red/green/blue?" has slashes too; names of datasets and splits have no spaces.
    return " " not in parsed.dataset + parsed.split and not word.startswith((".", "~"))
