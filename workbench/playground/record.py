"""The line of the session log for a question and its answer, and the images that it speaks of.

Guarantee: torch-free; an image is recorded by the hash of the bytes that were sent, with UID and
index where it is a dataset's, else with where it came from, and its bytes are kept
(`sessions.kept_images`). Not for asking: that is `ask`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sessions.errors import RecordError, WbError
from sessions.records import GradcamRecord, PromptRecord
from workbench.grounding.answered import answered_regions
from workbench.models.spec import ModelSpec, as_recorded
from workbench.sample import Answer, ImageRef, Message, Sample, Token

if TYPE_CHECKING:
    from workbench.playground.question import Question

# The words of a `ModelSpec` that are fields of the record.
_OWN = {"model", "adapter", "quantization", "dtype", "device", "revision", "attention"}
_DTYPES = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
Place = Mapping[str, str]  # where an image that is no dataset's came from: its path or its URL


def pin_images(
    question: Question, *, keep: bool, on_problem: Callable[[WbError], None] | None = None
) -> Question:
    """The question with the bytes of its own images in hand, read once.

    What is sent, what is hashed and what is kept are then the same, whatever becomes of the file
    meanwhile.

    Args:
        question: What is asked; a dataset's images stay as they are.
        keep: Whether the bytes are kept for a replay.
        on_problem: Told why an image could not be kept; the prompt is asked all the same.

    Raises:
        ImageError: An image cannot be read.
    """
    from sessions import kept_images

    known = images_of(question.samples)
    pinned: dict[ImageRef, ImageRef] = {}
    places: dict[ImageRef, Place] = {}
    for ref in (ref for message in question.messages for ref in message.images):
        if ref in known or ref in pinned:
            continue
        data = ref.read()
        pinned[ref] = ImageRef(data=data, name=ref.name)
        places[pinned[ref]] = question.places.get(ref) or _place(ref)
        try:
            if keep:
                kept_images.keep(data)
        except RecordError as error:
            if on_problem is not None:
                on_problem(error)
    if not pinned:
        return question
    messages = tuple(
        Message(m.role, tuple(p if isinstance(p, str) else pinned.get(p, p) for p in m.parts))
        for m in question.messages
    )
    return replace(question, messages=messages, places=places)


def _place(ref: ImageRef) -> Place:
    if ref.path is not None:
        return {"path": str(ref.path)}
    if ref.url is not None and not ref.url.startswith("data:"):
        return {"url": ref.url}
    return {}


def record_of(
    question: Question,
    answer: Answer | None,
    *,
    error: Mapping[str, Any] | None = None,
) -> PromptRecord:
    """The line of the session log for a question and its answer.

    Args:
        question: What was asked.
        answer: What was said; where it failed what had come of it, `None` for nothing.
        error: `WbError.to_json()["error"]` where it failed.
    """
    spec = question.spec
    loaded = answer.answered_by if answer is not None else {}
    # No label is read from the start of an answer: it may have gone on to say the opposite.
    whole = answer if answer is not None and not error else None
    parsed = _read_label(whole, question) if whole else None
    places = (
        answered_regions(whole, question.messages, question.gold, question.template)
        if whole
        else None
    )
    if places is not None and question.gold:
        parsed = places.label
    body: dict[str, Any] = {}
    if answer is not None:
        body = {
            "text": answer.text,
            "tokens": tuple(token_json(token) for token in answer.tokens),
            "finish_reason": answer.finish_reason,
            "prompt_tokens": answer.prompt_tokens,
            "label_scores": dict(answer.label_scores) if answer.label_scores else None,
            "head": dict(answer.head) if answer.head else None,
            "timing": {
                "load_s": answer.timing.load_s,
                "first_token_s": answer.timing.first_token_s,
                "total_s": answer.timing.total_s,
            },
        }
    known = images_of(question.samples)
    told = places is not None and (places.regions or question.gold)
    return PromptRecord(
        uid=question.uid,
        images=tuple(
            image_json(part, known, question.places)
            for message in question.messages
            for part in message.images
        ),
        dataset_revision=question.dataset_revision,
        **spec_fields(spec, loaded),
        device=_text(loaded.get("device")) or spec.device,
        engine=_text(loaded.get("engine")),
        messages=messages_json(question),
        template=question.template,
        template_version=question.template_version,
        shots=question.shots,
        decoding=question.decoding.to_json(),
        labels=question.score,
        words=dict(question.words),
        label=parsed,
        target=question.target,
        grounding=places.to_json() if places is not None and told else None,
        replay_of=question.replay_of,
        follows=question.follows,
        sweep=question.sweep,
        cell=dict(question.cell),
        environment=environment(loaded),
        error=dict(error) if error else None,
        **body,
    )


def spec_fields(spec: ModelSpec, loaded: Mapping[str, Any]) -> dict[str, Any]:
    """Whom a record names: the fields that a prompt's and an explanation's share.

    Args:
        spec: Who was asked.
        loaded: Who answered, as `Answer.answered_by` has it.
    """
    return {
        "model": spec.model,
        "revision": _text(loaded.get("revision")) or spec.revision,
        "identity": _text(loaded.get("identity")),
        "adapter": spec.adapter,
        "quantization": spec.quantization,
        "dtype": spec.dtype,
        "attention": spec.attention,
        "further": {k: v for k, v in spec.to_json().items() if k not in _OWN and v is not None},
    }


def recorded_spec(record: PromptRecord | GradcamRecord) -> ModelSpec:
    """The model that a record names, wherever it ran. Raises `UsageError` for no valid one."""
    return ModelSpec.from_json(
        as_recorded(
            {
                **record.further,
                "model": record.model or "demo",
                "adapter": record.adapter,
                "quantization": record.quantization,
                # Explanations once kept what `auto` came to, by torch's name.
                "dtype": _DTYPES.get(record.dtype, record.dtype),
                "attention": record.attention or "sdpa",
                # A record says where a model ran; only what was asked for by name is asked again.
                "revision": record.revision,
            }
        )
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


def messages_json(question: Question) -> tuple[dict[str, Any], ...]:
    """A question's messages as a record holds them."""
    known = images_of(question.samples)
    return tuple(message_json(m, known, question.places) for m in question.messages)


def message_json(
    message: Message,
    known: Mapping[ImageRef, tuple[str, int]] | None = None,
    places: Mapping[ImageRef, Place] | None = None,
) -> dict[str, Any]:
    """A message as the record holds it: text as it is, images as `image_json` has them."""
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, str):
            content.append({"type": "text", "text": part})
        else:
            content.append({"type": "image", **image_json(part, known or {}, places)})
    return {"role": message.role, "content": content}


def image_json(
    ref: ImageRef,
    known: Mapping[ImageRef, tuple[str, int]],
    places: Mapping[ImageRef, Place] | None = None,
) -> dict[str, Any]:
    """An image by its hash and where it can be found again.

    Args:
        ref: The image.
        known: Image -> (UID, index) of the samples at hand.
        places: Where an image came from whose bytes are in hand.
    """
    out: dict[str, Any] = {"sha256": _hash(ref), "name": ref.name}
    if (place := known.get(ref)) is not None:
        out["uid"], out["index"] = place
        return out
    return {**out, **((places or {}).get(ref) or _place(ref))}


def environment(loaded: Mapping[str, Any]) -> dict[str, Any]:
    """Versions, and what `auto` came to."""
    versions = loaded.get("versions")
    found = dict(versions) if isinstance(versions, Mapping) else {}
    return found | {name: str(loaded[name]) for name in ("dtype", "device") if loaded.get(name)}


def _hash(ref: ImageRef) -> str | None:
    """The digest of the encoded bytes, `None` where they cannot be read."""
    try:
        return ref.sha256()
    except (WbError, OSError):
        return None


def images_of(samples: Sequence[Sample]) -> dict[ImageRef, tuple[str, int]]:
    """Image -> (UID, index) of the samples."""
    found: dict[ImageRef, tuple[str, int]] = {}
    for sample in samples:
        for index, ref in enumerate(sample.images):
            found.setdefault(ref, (sample.uid, index))
    return found


def _text(value: Any) -> str | None:
    return str(value) if value else None
