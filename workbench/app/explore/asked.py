"""What the answer in view answers, from the panel or from a record; and a record as an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.text import Text

from sessions.verdict import Verdict, answer_verdict
from workbench.app.lists.palette import PALETTE
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.app.explore.answer import AnswerPanel
    from workbench.grounding.answered import AnsweredRegions
    from workbench.inference.decoding import Decoding
    from workbench.models.spec import ModelSpec
    from workbench.playground.question import Question
    from workbench.sample import Answer, Message, Sample


@dataclass(frozen=True)
class Asked:
    """What the answer in view answers: enough to explain it, and to copy its command.

    Attributes:
        question: As it was asked.
        prompt_id: Its line of the session.
        places: Boxes and points of its answer, `None` where it has none.
    """

    question: Question
    prompt_id: str | None = None
    places: AnsweredRegions | None = None

    @property
    def uid(self) -> str:
        """The sample that it is about."""
        return str(self.question.uid)

    @property
    def messages(self) -> tuple[Message, ...]:
        """As sent."""
        return self.question.messages

    @property
    def spec(self) -> ModelSpec:
        """Whom it was asked of."""
        return self.question.spec

    @property
    def decoding(self) -> Decoding:
        """How the answer was drawn."""
        return self.question.decoding

    @property
    def template(self) -> str | None:
        """Where the words came from, `None` for free text."""
        return self.question.template

    @property
    def text(self) -> str | None:
        """The user's words, `None` where a template says them."""
        return None if self.template else self.messages[-1].text


def answer_of(record: Any) -> Answer:
    """The answer that a prompt record holds."""
    from workbench.sample import Answer, Timing, Token

    tokens = tuple(
        Token(
            id=int(t.get("id", -1)),
            text=str(t.get("text", "")),
            logprob=t.get("logprob"),
            top=tuple((str(text), float(lp)) for text, lp in t.get("top") or ()),
        )
        for t in record.tokens
    )
    timing = {k: float(v) for k, v in record.timing.items() if k in Timing.__dataclass_fields__}
    return Answer(
        text=record.text,
        tokens=tokens,
        finish_reason=record.finish_reason or "stop",
        prompt_tokens=record.prompt_tokens,
        timing=Timing(**timing),
        head={str(k): float(v) for k, v in record.head.items()} if record.head else None,
    )


def messages_of(record: Any, sample: Sample) -> tuple[Message, ...] | None:
    """The messages of a record, where all their images are the sample's; else `None`."""
    from workbench.sample import Message

    messages = []
    for turn in record.messages:
        parts: list[Any] = []
        content = turn.get("content")
        for part in content if isinstance(content, Sequence) else ():
            if isinstance(part, str):
                parts.append(part)
            elif part.get("type") == "text":
                parts.append(str(part.get("text", "")))
            elif part.get("uid") == sample.uid and isinstance(part.get("index"), int):
                if part["index"] >= len(sample.images):
                    return None
                parts.append(sample.images[part["index"]])
            else:
                return None
        messages.append(Message(turn.get("role", "user"), tuple(parts)))
    return tuple(messages) or None


def asked_of(
    record: PromptRecord, messages: tuple[Message, ...], sample: Sample, present: ModelSpec
) -> Asked:
    """What an earlier record asked of a sample, on the device of `present`.

    Raises `UsageError` where the record's model or knobs cannot be meant.
    """
    from workbench.playground.record import recorded_spec
    from workbench.playground.replay import question_asked

    spec = replace(recorded_spec(record), device=present.device)
    question = question_asked(record, messages, spec, (sample,))
    return Asked(question, record.id, places_of_record(record, len(sample.images)))


def places_of_record(record: PromptRecord, images: int) -> AnsweredRegions | None:
    """Boxes and points of the answer on record, of so many images; `None` where it has none."""
    from workbench.grounding.answered import recorded_regions

    return recorded_regions(record.grounding, images)


def note_on(record: PromptRecord, source: object) -> str:
    """Why nothing could be read from an answer, where the dataset knows; else empty."""
    from workbench.data.source import cannot_answer

    if answer_verdict(record) != "unparsed":
        return ""
    return cannot_answer(source, record.model, record.adapter)


def show_record(panel: AnswerPanel, record: PromptRecord, note: str = "") -> None:
    """Put an answer on record in view; one that failed with its whole reason."""
    failure = record.failure
    if record.error and (hint := record.error.get("hint")):
        failure += f"\n{hint}"
    panel.finish(answer_of(record), verdict=verdict_line(record), failure=failure, note=note)


def verdict_line(record: PromptRecord) -> Text:
    """What an answer was read as, against the label."""
    return verdict_words(
        answer_verdict(record), record.label, record.target, placed=record.grounding is not None
    )


def verdict_words(found: Verdict, label: str | None, target: str | None, *, placed: bool) -> Text:
    """`✗ read as True, label False`; empty where nothing says what is right."""
    if found == "unparsed":
        what = "box or point" if placed else "label"
        return Text(f"? unparsed: no {what} can be read from it", style="dim")
    if found not in ("right", "wrong"):
        return Text("")
    right = found == "right"
    line = Text(f"{'✓' if right else '✗'} read as {clean(label)}")
    line.stylize(PALETTE.good if right else PALETTE.bad)
    if not right:
        line.append(f", label {clean(target)}", style="dim")
    return line
