"""Explain one answer and put it on record: behind `wb gradcam`, the bench's heat and the notebook.

Guarantee: torch-free; the tokens that were generated are explained, not what their text is cut
into anew; every explained token leaves one `GradcamRecord` with all that is needed to make the
map again, and `explained_by` reads that back. Not for how a map is made: that is
`workbench.explain`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sessions.errors import RecordError, WbError
from sessions.records import GradcamRecord
from workbench.errors import DataError
from workbench.playground.question import Question
from workbench.playground.record import environment, messages_json, recorded_spec, spec_fields
from workbench.sample import Answer

if TYPE_CHECKING:
    from sessions.session_log import SessionLog
    from workbench.serving.client import Engine

TokenWish = int | str | Sequence[int]  # one from 0, several, or `"all"`


@dataclass(frozen=True)
class Explained:
    """What is explained, and how.

    Attributes:
        question: What was asked.
        answer: What was said; without tokens its text is cut into some. `None` where it is still
            to be asked for.
        token: Which of its tokens.
        knobs: Of `workbench.explain.settings.Settings`; `None` takes a default.
        prompt_id: The `PromptRecord` that holds the answer.
    """

    question: Question
    answer: Answer | None
    token: TokenWish = 0
    knobs: Mapping[str, Any] = field(default_factory=dict)
    prompt_id: str | None = None

    @property
    def answer_ids(self) -> list[int] | None:
        """The ids of the answer's tokens, `None` where they are not known."""
        ids = [token.id for token in self.answer.tokens] if self.answer is not None else []
        return ids if ids and min(ids) >= 0 else None

    @property
    def turned(self) -> dict[str, Any]:
        """The knobs that were turned."""
        return {name: value for name, value in self.knobs.items() if value is not None}

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.answer.text if self.answer is not None else ""

    def request(self) -> dict[str, Any]:
        """The body that `workbench.explain.request.explain_request` takes."""
        return {
            "messages": self.question.messages,
            "answer": self.text,
            "answer_ids": self.answer_ids,
            "token": self.token,
            **self.turned,
        }


def explain(
    engine: Engine,
    wanted: Explained,
    *,
    log: SessionLog | None,
    cancelled: Callable[[], bool] | None = None,
    on_progress: Callable[[str, float], None] | None = None,
    on_problem: Callable[[WbError], None] | None = None,
) -> dict[str, Any]:
    """Have tokens of an answer explained; returns what `wb gradcam --json` prints.

    Args:
        engine: Connected.
        wanted: What is explained.
        log: Where the records go; `None` keeps none.
        cancelled: Asked at least twice a second.
        on_progress: Told the stage and share of a load.
        on_problem: Told that the map could not be put on record.

    Raises:
        Cancelled: `cancelled` said so.
        UsageError: A knob that cannot be meant, or no such token.
        RecordError: The record cannot be written, and nobody is told of problems.
        WbError: As `Engine.explain` raises.
    """
    reply = engine.explain(
        wanted.question.messages,
        wanted.text,
        wanted.question.spec,
        token=wanted.token,
        answer_ids=wanted.answer_ids,
        cancelled=cancelled,
        on_progress=on_progress,
        **wanted.turned,
    )
    keep(log, wanted, reply, on_problem)
    return reply


def keep(
    log: SessionLog | None,
    wanted: Explained,
    reply: Mapping[str, Any],
    on_problem: Callable[[WbError], None] | None = None,
) -> None:
    """Put what was explained on record, all tokens or none; raises as `explain` does."""
    if log is None:
        return
    try:
        log.append_many(records_of(wanted, reply))
    except RecordError as error:
        if on_problem is None:
            raise
        on_problem(error)


def records_of(wanted: Explained, reply: Mapping[str, Any]) -> list[GradcamRecord]:
    """The lines of the session log: one for each explained token.

    The heat itself is left out (it is made again in a moment, and would be most of the file);
    grid, peak, size and scale stay.

    Args:
        wanted: What was explained.
        reply: As `workbench.explain.request.explain_request` gives it.
    """
    question = wanted.question
    messages = messages_json(question)
    return [
        GradcamRecord(
            uid=question.uid,
            prompt_id=wanted.prompt_id,
            dataset_revision=question.dataset_revision,
            messages=messages,
            answer_text=wanted.text,
            answer_ids=tuple(wanted.answer_ids or ()),
            knobs=wanted.turned,
            token=int(one["token"]),
            token_text=str(one.get("token_text") or ""),
            method=str(one["method"]),
            layer=str(one["layer"]),
            target=one.get("target"),
            contrast=one.get("contrast"),
            head=one.get("head"),
            images=tuple({k: v for k, v in i.items() if k != "heat"} for i in one["images"]),
            timing={"total_s": one.get("seconds", 0.0)},
            environment=environment({"dtype": reply.get("dtype")}),
            **spec_fields(question.spec, reply),
        )
        for one in reply.get("tokens") or [reply]
    ]


def explained_by(record: GradcamRecord) -> Explained:
    """What a record explains, to make its map again.

    Raises:
        DataError: An image or its sample is gone, or is another one than was shown; or a record
            of a version that kept no messages.
        UsageError: The record's model cannot be meant.
    """
    from workbench.playground.record_images import MessageFinder
    from workbench.sample import Token

    if not record.messages:
        raise DataError(
            f"record {record.id} holds no messages", hint="explain its answer again: wb gradcam UID"
        )
    finder = MessageFinder(f"record {record.id}")
    messages = tuple(finder.message(turn) for turn in record.messages)
    how = {"method": record.method, "layer": record.layer or None, "target": record.target}
    # Records of versions without `knobs` say the contrast by its text alone.
    how["head" if record.head else "contrast"] = record.head or record.contrast
    return Explained(
        Question(
            messages=messages,
            spec=recorded_spec(record),
            samples=tuple(finder.samples.values()),
            uid=record.uid,
            dataset_revision=finder.revisions.get(record.uid or "", record.dataset_revision),
            places=finder.places,
        ),
        Answer(record.answer_text, tuple(Token(number, "") for number in record.answer_ids)),
        token=record.token,
        knobs=how if record.knobs is None else dict(record.knobs),
        prompt_id=record.prompt_id,
    )
