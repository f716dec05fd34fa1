"""Ask one question and put it on record: the one function behind `wb prompt` and the bench.

Guarantee: torch-free; every question that reached a model leaves exactly one `PromptRecord` in the
session log, also when it was cancelled or failed, with all that is needed to ask it again. Not for
evaluation: a run keeps its own predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.records import PromptRecord
from workbench.engine.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.sample import Answer, ImageRef, Message, Sample, Token

if TYPE_CHECKING:
    from sessions.session_log import SessionLog
    from workbench.data.source import Source
    from workbench.engine.client import Engine
    from workbench.prompts.shots import ShotWish
    from workbench.prompts.template import Template


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
    replay_of: str | None = None


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
        text: The user's turn where there is no template.
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
        words = template.words(sample.labels)
    elif text is None or not text.strip():
        raise UsageError("there is nothing to ask: no template and no text")
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
) -> Iterator[Token | Answer | PromptRecord]:
    """Ask, yielding the tokens as they come, then the whole `Answer`, then its record.

    Args:
        engine: Connected.
        question: What to ask.
        log: Where the record goes; `None` keeps none (the record is still yielded).
        cancelled: Checked between tokens; what was said so far is the answer.
        on_progress: Told the stage and share of a load, where the model has to be loaded.

    Raises:
        WbError: What the engine raises; a record with `error` is in the log then.
    """
    answer: Answer | None = None
    try:
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
            yield event
    except WbError as error:
        if log is not None:
            log.append(record_of(question, None, {}, error=error.to_json()["error"]))
        raise
    if answer is None:
        answer = Answer("", finish_reason="cancelled")
    record = record_of(question, answer, _loaded(engine))
    if log is not None:
        log.append(record)
    yield record


def _loaded(engine: Engine) -> Mapping[str, Any]:
    """What the engine says of the model that answered; empty where it does not say."""
    try:
        status = engine.status()
    except WbError:
        return {}
    model = status.get("model")
    return model if isinstance(model, Mapping) else status


def record_of(
    question: Question,
    answer: Answer | None,
    loaded: Mapping[str, Any],
    *,
    error: Mapping[str, Any] | None = None,
) -> PromptRecord:
    """The line of the session log for a question and its answer.

    Args:
        question: What was asked.
        answer: What was said, `None` where it failed.
        loaded: `identity`, `revision`, `dtype`, `device` of the model that answered, where known.
        error: `WbError.to_json()["error"]` where it failed.
    """
    spec = question.spec
    parsed = _read_label(answer, question) if answer is not None else None
    body: dict[str, Any] = {}
    if answer is not None:
        body = {
            "text": answer.text,
            "tokens": tuple(token_json(token) for token in answer.tokens),
            "finish_reason": answer.finish_reason,
            "prompt_tokens": answer.prompt_tokens,
            "label_scores": dict(answer.label_scores) if answer.label_scores else None,
            "timing": {
                "load_s": answer.timing.load_s,
                "first_token_s": answer.timing.first_token_s,
                "total_s": answer.timing.total_s,
            },
        }
    known = _images_of(question.samples)
    return PromptRecord(
        uid=question.uid,
        images=tuple(
            image_json(part, known, full=True)
            for message in question.messages
            for part in message.images
        ),
        dataset_revision=question.dataset_revision,
        model=spec.model,
        revision=_text(loaded.get("revision")) or spec.revision,
        identity=_text(loaded.get("identity")),
        adapter=spec.adapter,
        quantization=spec.quantization,
        dtype=spec.dtype,
        device=_text(loaded.get("device")) or spec.device,
        attention=spec.attention,
        messages=tuple(message_json(m, known) for m in question.messages),
        template=question.template,
        template_version=question.template_version,
        shots=question.shots,
        decoding=question.decoding.to_json(),
        labels=question.score,
        label=parsed,
        target=question.target,
        replay_of=question.replay_of,
        error=dict(error) if error else None,
        **body,
    )


def _read_label(answer: Answer, question: Question) -> str | None:
    from workbench.prompts.parse import parse_answer

    return parse_answer(answer.text, question.words).label if question.words else None


def token_json(token: Token) -> dict[str, Any]:
    """A token as the record holds it."""
    return {
        "id": token.id,
        "text": token.text,
        "logprob": token.logprob,
        "top": [[text, logprob] for text, logprob in token.top],
    }


def message_json(
    message: Message, known: Mapping[ImageRef, tuple[str, int]] | None = None
) -> dict[str, Any]:
    """A message as the record holds it: text as it is, images by hash, UID and index."""
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, str):
            content.append({"type": "text", "text": part})
        else:
            content.append({"type": "image", **image_json(part, known or {})})
    return {"role": message.role, "content": content}


def image_json(
    ref: ImageRef, known: Mapping[ImageRef, tuple[str, int]], *, full: bool = False
) -> dict[str, Any]:
    """An image by its hash and where it can be found again.

    Args:
        ref: The image.
        known: Image -> (UID, index) of the samples at hand.
        full: Say its path or URL as well where it belongs to no sample.
    """
    out: dict[str, Any] = {"sha256": _hash(ref), "name": ref.name}
    place = known.get(ref)
    if place is not None:
        out["uid"], out["index"] = place
    elif ref.path is not None:
        out["path"] = str(ref.path)
    elif ref.url is not None and not ref.url.startswith("data:"):
        out["url"] = ref.url
    return out


def _hash(ref: ImageRef) -> str | None:
    """The digest of the encoded bytes, `None` where they cannot be read."""
    try:
        return ref.sha256()
    except (WbError, OSError):
        return None


def _images_of(samples: Sequence[Sample]) -> dict[ImageRef, tuple[str, int]]:
    found: dict[ImageRef, tuple[str, int]] = {}
    for sample in samples:
        for index, ref in enumerate(sample.images):
            found.setdefault(ref, (sample.uid, index))
    return found


def _text(value: Any) -> str | None:
    return str(value) if value else None
