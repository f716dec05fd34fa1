"""A prompt and the answer's tokens, made into what the model takes, with the place of each image.

The answer is teacher-forced: only its tokens before the explained one enter, so that what is
explained is the model's choice of that token, given what it had said.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError, UsageError
from workbench.sample import ImageRef, Message

if TYPE_CHECKING:
    from PIL import Image

    from workbench.models.base import LoadedModel
    from workbench.models.batch import ImageSpan


@dataclass(frozen=True)
class Prepared:
    """One prompt, ready to run.

    Attributes:
        inputs: What the model's `forward` takes, one row, on its device.
        spans: Where each image lies, in the prompt's order.
        prompt_length: Tokens of the prompt, before any of the answer.
        answer_ids: All tokens of the answer; only some of them are in `inputs`.
    """

    inputs: dict[str, Any]
    spans: tuple[ImageSpan, ...]
    prompt_length: int
    answer_ids: tuple[int, ...]


def images_of(messages: Sequence[Message]) -> list[ImageRef]:
    """All images of a conversation, in order. Raises `UsageError` where there is none."""
    refs = [ref for message in messages for ref in message.images]
    if not refs:
        raise UsageError(
            "the prompt has no image to explain",
            hint="a heat map needs an image: ask about a sample",
        )
    return refs


def with_images(messages: Sequence[Message], images: Sequence[Image.Image]) -> tuple[Message, ...]:
    """The same conversation about other pictures, in order."""
    fresh = iter(images)

    def swap(part: str | ImageRef) -> str | ImageRef:
        if isinstance(part, str):
            return part
        buffer = io.BytesIO()
        next(fresh).save(buffer, "PNG", compress_level=0)
        return ImageRef(data=buffer.getvalue(), name=part.name)

    return tuple(Message(m.role, tuple(swap(p) for p in m.parts)) for m in messages)


def answer_tokens(
    loaded: LoadedModel, answer_text: str, answer_ids: Sequence[int] | None
) -> tuple[int, ...]:
    """The answer's tokens: those given, else those of its text.

    Raises:
        UsageError: The answer is empty.
    """
    from workbench.models.chat import text_ids

    ids = answer_ids or text_ids(loaded, answer_text)
    if not ids:
        raise UsageError("the answer is empty", hint="there is no token to explain")
    return tuple(int(i) for i in ids)


def prepare(
    loaded: LoadedModel, messages: Sequence[Message], answer_ids: Sequence[int], upto: int
) -> Prepared:
    """Encode the prompt and the first `upto` tokens of the answer.

    Raises:
        ModelError: The model's family does not say where an image lies in it.
        PromptTooLong: Prompt and answer do not fit the model's context.
    """
    if why := loaded.family.limits.get("gradcam"):
        raise ModelError(
            f"no gradient map for {loaded.spec.model}: {why}",
            hint="--method occlusion works with every model",
            kind="unsupported",
        )
    inputs, spans = encode(loaded, [messages], answer_ids[:upto])
    length = int(inputs["input_ids"].shape[1]) - upto
    return Prepared(inputs, spans[0], length, tuple(answer_ids))


def encode(
    loaded: LoadedModel, conversations: Sequence[Sequence[Message]], prefix: Sequence[int]
) -> tuple[dict[str, Any], tuple[tuple[ImageSpan, ...], ...]]:
    """Conversations with the same tokens of an answer behind each.

    Tokens are appended by id, not by text: what was generated need not be how its text would
    be cut anew.

    Returns:
        The model's inputs on its device, (B, L) left-padded, and each row's images.
    """
    import torch

    from workbench.models.chat import check_length

    batch = loaded.family.encode(loaded, conversations)
    inputs, count = dict(batch.inputs), len(prefix)
    if not count:
        return inputs, batch.image_spans
    check_length(loaded, max(batch.lengths), count)
    ids = batch.input_ids
    tail = ids.new_tensor(list(prefix)).expand(len(batch), count)
    inputs["input_ids"] = torch.cat([ids, tail], 1)
    # 1: attended to; 0: text, not image.
    kinds = {"attention_mask": 1, "mm_token_type_ids": 0, "token_type_ids": batch.answer_type}
    for name, value in kinds.items():
        if name in inputs:
            inputs[name] = torch.cat([inputs[name], torch.full_like(tail, value)], 1)
    steps = torch.arange(count, device=ids.device)
    positions = batch.next_positions.to(ids.device)[:, None] + steps
    for name, value in loaded.family.step_inputs(loaded, positions).items():
        inputs[name] = torch.cat([inputs[name], value.to(inputs[name])], -1)
    return inputs, batch.image_spans
