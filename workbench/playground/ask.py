"""Ask one question and put it on record: the one function behind `wb prompt` and the bench.

Guarantee: torch-free; every question that reached a model leaves exactly one `PromptRecord` in the
session log, also when it was cancelled or failed, with all that is needed to ask it again. Not for
evaluation: a run keeps its own predictions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sessions.errors import RecordError, WbError
from sessions.records import PromptRecord
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.playground.record import pin_images, record_of
from workbench.sample import Answer, ImageRef, Message, Sample, Timing, Token
from workbench.serving.remote.known_servers import remember

if TYPE_CHECKING:
    from sessions.session_log import SessionLog
    from workbench.data.source import Source
    from workbench.prompts.shots import ShotWish
    from workbench.prompts.template import Template
    from workbench.serving.client import Engine


@dataclass(frozen=True)
class Question:
    """What is asked, of whom, and where it came from.

    Attributes:
        messages: The conversation, images as they come from the samples.
        samples: Those whose images stand in the messages; an image is recorded by UID and index
            where it is one of theirs, else by its path or URL.
        uid: The sample that it is about.
        target: That sample's own label.
        words: Answer word -> label, to read the answer by; empty for an open answer that is not
            read.
        score: Label words whose log-likelihood is asked for too.
        template, template_version, shots: Where the messages came from.
        places: Where images came from whose bytes are in hand: their path or URL.
        replay_of, follows, sweep, cell: As in `PromptRecord`.
    """

    messages: tuple[Message, ...]
    spec: ModelSpec = field(default_factory=ModelSpec)
    decoding: Decoding = field(default_factory=Decoding)
    samples: tuple[Sample, ...] = ()
    uid: str | None = None
    dataset_revision: str | None = None
    target: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    score: tuple[str, ...] = ()
    template: str | None = None
    template_version: int | None = None
    shots: tuple[str, ...] = ()
    places: Mapping[ImageRef, Mapping[str, str]] = field(default_factory=dict)
    replay_of: str | None = None
    follows: str | None = None
    sweep: str | None = None
    cell: Mapping[str, Any] = field(default_factory=dict)


def question_of(
    sample: Sample,
    *,
    spec: ModelSpec,
    decoding: Decoding,
    template: Template | None = None,
    text: str | None = None,
    system: str | None = None,
    shots: Sequence[Sample] = (),
    revision: str | None = None,
    score: Sequence[str] = (),
) -> Question:
    """The question about a sample, by a template or in free text.

    Args:
        sample: Whose images are shown and whose texts fill the template.
        spec: Who is asked.
        decoding: How the answer is drawn.
        template: Fills the messages; `None` for free text.
        text: The user's turn where there is no template; empty is the images alone.
        system: A system turn for free text.
        shots: Examples shown first; only with a template.
        revision: `Source.revision` of the sample's dataset.
        score: Label words whose log-likelihood is asked for too.

    Raises:
        UsageError: The template does not fit the sample, or there is nothing to ask.
    """
    from workbench.errors import UsageError
    from workbench.prompts.template import free_prompt

    if template is not None:
        messages = template.render(sample, shots)
        words = template.read_words(sample)
    elif text is None or not (text.strip() or sample.images):
        raise UsageError("there is nothing to ask: no template, and no text or image")
    else:
        messages = free_prompt(sample, text, system or None)
        words = {label: label for label in sample.labels}
    return Question(
        messages=tuple(messages),
        spec=spec,
        decoding=decoding,
        samples=(sample, *shots),
        uid=sample.uid,
        dataset_revision=revision,
        target=sample.label,
        words=words,
        score=tuple(score),
        template=template.name if template else None,
        template_version=template.version if template else None,
        shots=tuple(shot.uid for shot in shots),
    )


def draw_shots(
    source: Source, count: int, seed: int, sample: Sample, wish: ShotWish | None = None
) -> list[Sample]:
    """Few-shot examples for a sample, never itself; drawn from the train split unless wished else.

    Raises as `workbench.prompts.shots.choose_shots` does.
    """
    from workbench.prompts.shots import ShotWish, choose_shots

    wish = wish or ShotWish(count=count, seed=seed)
    return list(choose_shots(wish, source, sample.uid).shots)


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


def follow_up(question: Question, said: str, record_id: str, text: str) -> Question:
    """The next turn of a conversation: what was said so far, the answer, and another question.

    It is free text: no template is claimed for it, and no label is read from its answer.

    Args:
        question: What was asked before.
        said: What was answered.
        record_id: Of the record that holds that answer.
        text: What is asked now.
    """
    turns = (Message("assistant", (said,)), Message("user", (text,)))
    return replace(
        question,
        messages=(*question.messages, *turns),
        follows=record_id,
        template=None,
        template_version=None,
        target=None,
        words={},
        score=(),
    )
