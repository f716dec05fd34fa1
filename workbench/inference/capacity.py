"""How much fits at once: lengths of prompts with their images, and what was found out the hard way.

Guarantee: a batch that runs out of memory is halved until its parts fit, and no later batch of the
model is as large as one that did not. The size of a batch is its rows times its longest prompt
with the answer that may follow. Only a prompt that does not fit alone fails.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from sessions.errors import WbError
from workbench.errors import ModelError
from workbench.images.decode import facts
from workbench.models.prompt import images_of, text_ids

if TYPE_CHECKING:
    from workbench.inference.prefix_cache import PrefixCache
    from workbench.models.base import LoadedModel
    from workbench.sample import Conversation, ImageRef, Sample

OUT_OF_MEMORY = "out_of_memory"
# What torch says where it raises a plain RuntimeError: the CPU's allocator, cuBLAS, Apple's GPUs.
_WORDS = ("can't allocate memory", "not enough memory", "ALLOC_FAILED", "out of memory")
# Pixels of an image that make a token where no processor tells: 28 x 28, as Qwen's.
_PIXELS_PER_TOKEN = 784


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that there was no memory."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, ModelError):
        return error.kind == OUT_OF_MEMORY
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)


@contextlib.contextmanager
def out_of_memory_explained(prefixes: PrefixCache | None = None) -> Iterator[None]:
    """Out of memory as a `ModelError`; the GPU's cache is given back, and what `prefixes` holds."""
    try:
        yield
    except Exception as error:
        if isinstance(error, WbError) or not is_out_of_memory(error):
            raise
        # What the failed forward had made hangs on the frames of its traceback.
        traceback.clear_frames(error.__traceback__)
        if prefixes is not None:
            prefixes.clear()
        torch.cuda.empty_cache()
        raise ModelError(
            "out of memory while generating",
            hint="use a smaller --batch-size, fewer --shots or --max-new-tokens, or 4bit",
            kind=OUT_OF_MEMORY,
        ) from error


def alone(error: WbError, length: int, new: int) -> WbError:
    """The failure of a prompt that had the memory to itself, with its size; others as they are."""
    if error.kind != OUT_OF_MEMORY:
        return error
    return ModelError(
        f"out of memory with this prompt alone: {length} tokens, and up to {new} new ones",
        hint="use fewer --shots, smaller images, a lower --max-new-tokens, or 4bit",
        kind=OUT_OF_MEMORY,
    )


def prompt_length(loaded: LoadedModel, conversation: Conversation) -> int:
    """Tokens of a prompt, image tokens included, told without reading a picture's pixels.

    What cannot be told (an image that cannot be read) counts nothing: reading it will say why.
    """
    try:
        count = len(text_ids(loaded, loaded.family.prompt(loaded, conversation)))
    except WbError:
        return 0
    return count + sum(max(0, image_tokens(loaded, i) - 1) for i in images_of(conversation))


def sample_length(loaded: LoadedModel, sample: Sample) -> int:
    """About how many tokens a sample's images and texts take, whatever prompt is made of them."""
    words = loaded.tokenizer(" ".join(sample.texts.values()))["input_ids"]
    return len(words) + sum(image_tokens(loaded, image) for image in sample.images)


def image_tokens(loaded: LoadedModel, image: ImageRef) -> int:
    """Tokens of one picture by its header, as its processor would cut it; 0 for what has none.

    Nothing is fetched for it.
    """
    if image.url is not None and not image.url.startswith("data:"):
        return 0
    try:
        found = facts(image)
    except WbError:
        return 0
    width, height = int(str(found["width"])), int(str(found["height"]))
    known = loaded.image_token_counts
    if (width, height) not in known:
        known[width, height] = _tokens_of_size(loaded, width, height)
    return known[width, height]


def _tokens_of_size(loaded: LoadedModel, width: int, height: int) -> int:
    try:  # what serving engines ask of a processor; not all have it
        told = loaded.processor._get_num_multimodal_tokens(image_sizes=[(height, width)])
        return int(told["num_image_tokens"][0])
    except Exception:
        return width * height // _PIXELS_PER_TOKEN


def size_of(lengths: Sequence[int]) -> int:
    """Rows times columns of a batch of such lengths, padded."""
    return len(lengths) * max(lengths, default=0)


def shrink(loaded: LoadedModel, lengths: Sequence[int]) -> None:
    """Remember that a batch of such lengths ran out of memory: half of it is tried next."""
    half = max(1, size_of(lengths) // 2)
    loaded.max_batch_tokens = (
        half if loaded.max_batch_tokens is None else min(loaded.max_batch_tokens, half)
    )


def parts(loaded: LoadedModel, lengths: Mapping[int, int]) -> list[list[int]]:
    """Batches that a model is known to hold, of prompts of like length.

    Args:
        loaded: The model.
        lengths: Each prompt's columns, the answer that may follow included, by its number.

    Returns:
        The numbers, by batch; a prompt that is too long stands alone.
    """
    if loaded.max_batch_tokens is None:
        return [list(lengths)]
    found: list[list[int]] = []
    for index in sorted(lengths, key=lambda i: lengths[i]):
        size = (len(found[-1]) + 1) * lengths[index] if found else 0
        if found and size <= loaded.max_batch_tokens:
            found[-1].append(index)
        else:
            found.append([index])
    return found
