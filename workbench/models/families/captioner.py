"""Captioners: an image encoder that a language model reads by cross-attention (ViT and GPT-2).

The text of the prompt is the beginning of the caption; with none the captioner begins by itself.
No image token stands in the text: what an image says reaches every token by cross-attention, and
heat is taken at the encoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import VisionEncoderDecoderModel
from transformers.cache_utils import DynamicCache, DynamicLayer, EncoderDecoderCache

from workbench.errors import ModelError
from workbench.models.batch import Batch, ImageSpan
from workbench.models.chat import escape_special_tokens, special_pattern
from workbench.models.families.decoder import (
    DecoderFamily,
    Sizes,
    Spans,
    has_class_token,
    tower_layers,
)
from workbench.models.families.limits import LIMITS
from workbench.models.families.llava import seen_box
from workbench.models.loading import explained, load_weights
from workbench.models.patch_grid import without_first
from workbench.models.spec import ModelSpec
from workbench.sample import Conversation

if TYPE_CHECKING:
    from PIL import Image
    from torch import nn

    from workbench.models.base import LoadedModel


class _Layer(DynamicLayer):
    """Of another type than the plain one, so that no row joins: it would lack what rows see."""


class _Cache(DynamicCache):
    """The decoder's keys and values, with what the encoder saw: (B, P, hidden)."""

    def __init__(self, seen: torch.Tensor, begun: Any = None) -> None:
        """Begin empty, or with the virtual tokens of an adapter."""
        super().__init__()
        self.layer_class_to_replicate = _Layer
        if begun is not None:
            self.layers = begun.layers
            self.layer_class_to_replicate = begun.layer_class_to_replicate
        self.seen = seen

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows, of both."""
        super().batch_select_indices(indices)
        self.seen = self.seen[indices]


class _Passing(DynamicCache):
    """Of what the encoder saw no keys are kept: a forward that is run again makes them again."""

    def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> Any:
        """What came."""
        return key_states, value_states


class _Never(dict):
    """No layer has its keys of what the encoder saw."""

    def __setitem__(self, layer: int, updated: bool) -> None:
        """Forget it."""


def _both(cache: Any) -> EncoderDecoderCache:
    both = EncoderDecoderCache(cache, _Passing())
    both.is_updated = _Never()
    return both


class Captioner(VisionEncoderDecoderModel):
    """The real class, called as a decoder-only model is: prompt and cache in, logits out."""

    def forward(
        self,
        pixel_values: torch.Tensor | None = None,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        **kwargs: Any,
    ) -> Any:
        """Logits (B, T, V); as the class itself where the decoder's inputs come by their names."""
        run: Any = super().forward
        if input_ids is None:
            return run(pixel_values, past_key_values=past_key_values, use_cache=use_cache, **kwargs)
        cache, encoder = past_key_values, cast(Any, self.encoder)
        seen = getattr(cache, "seen", None)
        if seen is None:
            seen = encoder(pixel_values).last_hidden_state
            if cache is not None or use_cache:
                cache = _Cache(seen, cache)
        out = run(
            encoder_outputs=(seen,),
            decoder_input_ids=input_ids,
            decoder_attention_mask=attention_mask,
            decoder_position_ids=position_ids,
            past_key_values=None if cache is None else _both(cache),
            use_cache=bool(use_cache),
            **kwargs,
        )
        out.past_key_values = cache
        out.logits = out.logits[:, -logits_to_keep:]
        return out

    def generate(
        self,
        *args: Any,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """The prompt is the decoder's."""
        if input_ids is not None:
            kwargs["decoder_input_ids"] = input_ids
            kwargs["decoder_attention_mask"] = attention_mask
        run: Any = cast(Any, super()).generate
        return run(*args, **kwargs)


class ProcessorPair:
    """An image processor and a tokenizer, which captioners ship apart."""

    def __init__(self, image_processor: Any, tokenizer: Any) -> None:
        self.image_processor, self.tokenizer = image_processor, tokenizer


class CaptionerFamily(DecoderFamily):
    """The family of `nlpconnect/vit-gpt2-image-captioning`."""

    name = "captioner"
    model_types = ("vision-encoder-decoder",)
    limits = LIMITS["captioner"]
    causal = False  # what an image says is in no cache of keys

    def load(self, spec: ModelSpec, path: Path, device: torch.device) -> tuple[nn.Module, Any]:
        """The model in evaluation mode, its image processor and its tokenizer."""
        from transformers import AutoImageProcessor, AutoTokenizer

        kwargs: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        with explained(path):
            pair = ProcessorPair(
                AutoImageProcessor.from_pretrained(path, **kwargs),
                AutoTokenizer.from_pretrained(path, **kwargs),
            )
        return load_weights(Captioner, spec, path, device), pair

    def prompt(self, loaded: LoadedModel, conversation: Conversation) -> str:
        """The beginning of the caption.

        Raises:
            ModelError: There are several turns, or not exactly one image.
        """
        images = sum(len(message.images) for message in conversation)
        if len(conversation) != 1 or images != 1:
            raise ModelError(
                f"a captioner reads one image and the beginning of its caption; got "
                f"{len(conversation)} messages with {images} images",
                hint="leave out the system message and --shots, and give one image",
                kind="unsupported",
            )
        pattern = special_pattern(loaded.tokenizer, loaded.processor)
        return escape_special_tokens(conversation[0].text, pattern)

    def process(
        self, loaded: LoadedModel, texts: list[str], images: list[list[Image.Image]]
    ) -> dict[str, Any]:
        """The start token and the beginning of each caption, and the pictures (B, 3, H, W)."""
        start = _start_token(loaded)
        rows = [
            [start, *loaded.tokenizer(text, add_special_tokens=False)["input_ids"]]
            for text in texts
        ]
        width = max(map(len, rows))
        pictures = [image for row in images for image in row]
        return {
            "input_ids": torch.tensor([[0] * (width - len(r)) + r for r in rows]),
            "attention_mask": torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows]),
            **loaded.processor.image_processor(pictures, return_tensors="pt"),
        }

    def spans(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Spans:
        """The encoder's patches; there are no tokens of an image in the text."""
        patch = loaded.base.config.encoder.patch_size
        high, wide = (n // patch for n in inputs["pixel_values"].shape[-2:])
        count = high * wide
        return tuple(
            (
                ImageSpan(
                    indices=(),
                    grid=(high, wide),
                    patches=(row * count, (row + 1) * count),
                    patch_grid=(high, wide),
                    size=size,
                    resized=(wide * patch, high * patch),
                    box=seen_box(loaded.processor.image_processor, size),
                ),
            )
            for row, (size,) in enumerate(sizes)
        )

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """The patch embedding and the encoder's blocks."""
        return tower_layers(loaded.base.encoder)

    def image_tokens(self, batch: Batch, row: int) -> list[tuple[tuple[int, ...], tuple[int, int]]]:
        """Raises `ModelError`: images are read by cross-attention."""
        raise ModelError(
            f"a captioner has no image tokens: {self.limits['image tokens']}", kind="unsupported"
        )

    def row_order(
        self, loaded: LoadedModel, inputs: Mapping[str, Any], layer: str
    ) -> torch.Tensor | None:
        """Class tokens are left out."""
        if layer == "patch.embed" or not has_class_token(loaded.base.encoder):
            return None
        patch = loaded.base.config.encoder.patch_size
        images, _, high, wide = inputs["pixel_values"].shape
        rows = (high // patch) * (wide // patch) + 1
        return without_first(images * rows, rows)


def _start_token(loaded: LoadedModel) -> int:
    holders: Sequence[Any] = (loaded.base.generation_config, loaded.base.config)
    for name in ("decoder_start_token_id", "bos_token_id"):
        for holder in holders:
            if isinstance(found := getattr(holder, name, None), int):
                return found
    if loaded.tokenizer.bos_token_id is None:
        raise ModelError(
            f"{loaded.path.name} names no token to begin a caption with",
            hint="set decoder_start_token_id in its config.json",
        )
    return loaded.tokenizer.bos_token_id


FAMILY = CaptionerFamily()
