"""Any other model that `AutoModelForImageTextToText` knows: prompted, and no more is promised.

What needs to know how patches become tokens (heatmaps) is not supported and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.errors import ModelError
from workbench.models.batch import Batch, ImageSpan
from workbench.models.families.decoder import DecoderFamily, Sizes, Spans
from workbench.models.families.limits import LIMITS
from workbench.models.pieces import Piece, Pieces
from workbench.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

    from workbench.models.base import LoadedModel

_NO_GEOMETRY = LIMITS["auto"]["gradcam"]


def serves(model_type: str) -> bool:
    """Whether transformers can prompt models of that type with images."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    return model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES


class AutoFamily(DecoderFamily):
    """Decoder-only vision-language models without a file of their own."""

    name = "auto"
    limits = LIMITS["auto"]
    nested_images = True
    causal: bool | None = None

    def load(self, spec: ModelSpec, path: Path, device: torch.device) -> tuple[nn.Module, Any]:
        """The model in evaluation mode and its processor."""
        model, processor = super().load(spec, path, device)
        if getattr(model.config, "is_encoder_decoder", False):
            raise ModelError(
                f"{type(model).__name__} reads its images by cross-attention; that is not "
                "supported yet",
                hint="captioners of the class VisionEncoderDecoderModel are; see docs/models.md",
                kind="unsupported",
            )
        return model, processor

    def spans(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Spans:
        """None: geometry is left out."""
        return tuple(() for _ in sizes)

    def pieces(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Pieces:
        """A picture for each image where the processor makes one, without places of tokens."""
        pixels = inputs.get("pixel_values")
        counts = [len(row) for row in sizes]
        if pixels is None or pixels.ndim != 4 or len(pixels) != sum(counts):
            return tuple(tuple(() for _ in row) for row in sizes)
        high, wide = pixels.shape[-2:]
        each = iter(pixels)
        return tuple(
            tuple((Piece(next(each), (0, 0), (), (0, 0, wide, high)),) for _ in row)
            for row in sizes
        )

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """None: no heatmap can be drawn."""
        return {}

    def image_tokens(self, batch: Batch, row: int) -> list[tuple[tuple[int, ...], tuple[int, int]]]:
        """Raises `ModelError`: the grid is not known."""
        raise ModelError(f"no image grid for this model: {_NO_GEOMETRY}", kind="unsupported")

    def to_grid(self, values: torch.Tensor, span: ImageSpan, kind: str) -> torch.Tensor:
        """Raises `ModelError`: the grid is not known."""
        raise ModelError(f"no image grid for this model: {_NO_GEOMETRY}", kind="unsupported")


FAMILY = AutoFamily()
