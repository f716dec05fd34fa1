"""Ask one question and put it on record: the one function behind `wb prompt` and the bench.

Guarantee: torch-free; every question that reached a model leaves exactly one `PromptRecord` in the
session log, also when it was cancelled or failed, with all that is needed to ask it again. Not for
evaluation: a run keeps its own predictions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sessions.errors import RecordError, WbError
from sessions.records import PromptRecord
from workbench.playground.record import pin_images, record_of
from workbench.sample import Answer, Timing, Token
from workbench.serving.remote.known_servers import remember

if TYPE_CHECKING:
    from sessions.session_log import SessionLog
    from workbench.playground.question import Question
    from workbench.serving.client import Engine


def ask(
    engine: Engine,
    question: Question,
    *,
    log: SessionLog | None,
    cancelled: Callable[[], bool] | None = None,
    on_progress: Callable[[str, float], None] | None = None,
    on_problem: Callable[[WbError], None] | None = None,
) -> Iterator[Token | Answer | PromptRecord]:
    """Ask, yielding the tokens as they come, then the whole `Answer`, then its record.

    Where it fails the record says so, holds what was said until then, and is yielded before the
    error is raised; so is the record of an answer that cannot be written down.

    Args:
        engine: Connected.
        question: What to ask.
        log: Where the record goes; `None` keeps none (the record is still yielded).
        cancelled: Checked between tokens; what was said so far is the answer.
        on_progress: Told the stage and share of a load, where the model has to be loaded.
        on_problem: Told what could not be kept of it; the answer comes all the same.

    Raises:
        WbError: What the engine raises, or an image that cannot be read; a record with `error`
            is in the log then.
        RecordError: The answer was given, and cannot be kept (kind `not_recorded`).
    """
    answer: Answer | None = None
    said: list[Token] = []
    began = time.monotonic()
    first_s = 0.0
    try:
        if question.replay_of is None:
            _remember(question.spec.model, on_problem)
        question = pin_images(question, keep=log is not None, on_problem=on_problem)
        for event in engine.chat(
            question.messages,
            question.spec,
            question.decoding,
            labels=question.score or None,
            cancelled=cancelled,
            on_progress=on_progress,
        ):
            if isinstance(event, Answer):
                answer = event
            else:
                first_s = first_s or time.monotonic() - began
                said.append(event)
            yield event
    except WbError as error:
        if said and answer is None:
            timing = Timing(0.0, first_s, time.monotonic() - began)
            answer = Answer("".join(t.text for t in said), tuple(said), "error", timing=timing)
        record = record_of(question, answer, error=error.to_json()["error"])
        lost = append(log, record)
        if lost is not None and on_problem is not None:
            on_problem(lost)
        yield record
        raise
    if answer is None:
        answer = Answer("", finish_reason="cancelled")
    record = record_of(question, answer)
    lost = append(log, record)
    yield record
    if lost is not None:
        raise lost


def append(log: SessionLog | None, record: PromptRecord) -> RecordError | None:
    """Write a record down; what kept it from that, in the words of whoever asked."""
    try:
        if log is not None:
            log.append(record)
    except RecordError as error:
        return RecordError(
            f"the answer is not on record: {error.message}", hint=error.hint, kind="not_recorded"
        )
    return None


def _remember(model: str, on_problem: Callable[[WbError], None] | None) -> None:
    """Note that a server was named here; a home that cannot be written stops no question."""
    try:
        remember(model)
    except RecordError as error:
        if on_problem is not None:
            on_problem(error)
