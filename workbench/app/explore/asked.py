"""What the answer in view answers, from the panel or from a record; and a record as an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from sessions.errors import WbError
from workbench.app.lists.palette import PALETTE
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.app.explore.answer import AnswerPanel
    from workbench.inference.decoding import Decoding
    from workbench.models.spec import ModelSpec
    from workbench.sample import Answer, Message, Sample


@dataclass(frozen=True)
class Asked:
    """What the answer in view answers: enough to explain it.

    Attributes:
        messages: As sent.
        template, text, system, shots: As a command would say it; `text` is `None` with a template.
    """

    uid: str
    messages: tuple[Message, ...]
    spec: ModelSpec
    decoding: Decoding
    template: str | None = None
    text: str | None = None
    system: str | None = None
    shots: int = 0
    prompt_id: str | None = None


def answer_of(record: Any) -> Answer:
    """The answer that a prompt record holds."""
    from workbench.sample import Answer, Timing
    from workbench.sample import Token as AnswerToken

    tokens = tuple(
        AnswerToken(
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


def asked_of(record: Any, messages: tuple[Message, ...], present: ModelSpec) -> Asked:
    """What an earlier record asked; what it does not hold is taken from `present`."""
    from workbench.inference.decoding import Decoding
    from workbench.models.spec import FURTHER, as_recorded

    knobs = as_recorded({"quantization": record.quantization, **record.further})
    spec = present.but(
        model=record.model,
        adapter=record.adapter,
        quantization=record.quantization,
        **{name: knobs.get(name) for name in FURTHER},
    )
    try:
        decoding = Decoding.from_json(record.decoding)
    except WbError:
        decoding = Decoding()
    text = None if record.template else messages[-1].text
    return Asked(
        uid=record.uid,
        messages=messages,
        spec=spec,
        decoding=decoding,
        template=record.template,
        text=text,
        prompt_id=record.id,
    )


def show_record(panel: AnswerPanel, record: PromptRecord, sample: Sample | None) -> None:
    """Put an answer on record in view; one that failed with its whole reason."""
    failure = record.failure
    if record.error and (hint := record.error.get("hint")):
        failure += f"\n{hint}"
    panel.finish(answer_of(record), verdict=verdict_line(record, sample), failure=failure)


def verdict_line(record: PromptRecord, sample: Sample | None) -> Text:
    """What an answer was read as, against the label."""
    if record.error or record.target is None or sample is None or not sample.labels:
        return Text("")
    if record.label is None:
        return Text("? unparsed: no label can be read from it", style="dim")
    right = record.label.casefold() == record.target.casefold()
    line = Text(f"{'✓' if right else '✗'} read as {clean(record.label)}")
    line.stylize(PALETTE.good if right else PALETTE.bad)
    if not right:
        line.append(f", label {clean(record.target)}", style="dim")
    return line
