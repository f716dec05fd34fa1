"""A prompt as text and pictures, before a processor has seen it; or the rest of one.

Guarantee: the rest of a prompt gives the tokens that it has inside the whole, without those that a
tokenizer puts before every text. Where a prompt may be cut: `workbench.inference.prefix_split`.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.sample import Conversation, ImageRef

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel


@dataclass(frozen=True)
class Prompt:
    """What a processor is given.

    Attributes:
        text: As the template wrote it, an image token for each picture.
        images: In the order of their tokens.
        starts: Whether it begins a sequence; else it follows on one that has been read.
    """

    text: str
    images: tuple[ImageRef, ...] = ()
    starts: bool = True


def images_of(conversation: Conversation) -> tuple[ImageRef, ...]:
    """The pictures of a conversation in reading order."""
    return tuple(image for message in conversation for image in message.images)


def adds_start(loaded: LoadedModel, texts: Sequence[str]) -> bool:
    """Whether the tokenizer is to put its first tokens before each text.

    A template may have written them already; two of them change the logits.
    """
    bos = loaded.tokenizer.bos_token
    return not (bos and any(text.startswith(bos) for text in texts))


def drop_start(loaded: LoadedModel, inputs: MutableMapping[str, Any], rows: Sequence[int]) -> None:
    """Mask the tokens that a tokenizer put before texts which begin nothing.

    Args:
        loaded: Whose tokenizer it was.
        inputs: With `attention_mask` (B, L), padded on either side; changed in place.
        rows: The texts that follow on others.
    """
    added = len(loaded.tokenizer("")["input_ids"]) if rows else 0
    for row in rows:
        real = inputs["attention_mask"][row].nonzero()[:, 0]
        inputs["attention_mask"][row, real[:added]] = 0


def text_ids(loaded: LoadedModel, text: str, *, starts: bool = True) -> list[int]:
    """The tokens of a prompt's text, one for each picture.

    Args:
        loaded: Whose tokenizer it is.
        text: Of a prompt.
        starts: Whether it begins a sequence.
    """
    special = starts and adds_start(loaded, [text])
    return loaded.tokenizer(text, add_special_tokens=special)["input_ids"]
