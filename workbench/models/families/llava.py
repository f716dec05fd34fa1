"""LLaVA-1.5 and what is built like it: one square of CLIP or SigLIP patches for each image.

CLIP's processor cuts the middle out of an oblong image: what it cut away has no heat.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from workbench.models import image_geometry
from workbench.models.batch import ImageSpan
from workbench.models.families.decoder import (
    DecoderFamily,
    Sizes,
    Spans,
    has_class_token,
    image_columns,
    tower_layers,
)
from workbench.models.families.limits import LIMITS
from workbench.models.image_geometry import Box, facts_of
from workbench.models.patch_grid import without_first
from workbench.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

    from workbench.models.base import LoadedModel


class Llava(DecoderFamily):
    """The family of `llava-hf/llava-1.5-*`."""

    name = "LLaVA-1.5"
    model_types = ("llava",)
    limits = LIMITS["llava"]

    def load(self, spec: ModelSpec, path: Path, device: torch.device) -> tuple[nn.Module, Any]:
        """The model in evaluation mode and its processor."""
        return settled(*super().load(spec, path, device))

    def spans(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Spans:
        """One square of tokens for each image, a class token before it where that is kept."""
        side, patch = tile_side(loaded), loaded.base.config.vision_config.patch_size
        count, extra = side * side, int(_keeps_class_token(loaded))
        spans, patches = [], 0
        for row, row_sizes in enumerate(sizes):
            columns, found = image_columns(loaded, inputs, row), []
            for i, size in enumerate(row_sizes):
                start = i * (count + extra) + extra
                found.append(
                    ImageSpan(
                        indices=tuple(columns[start : start + count]),
                        grid=(side, side),
                        patches=(patches, patches + count),
                        patch_grid=(side, side),
                        size=size,
                        resized=(side * patch, side * patch),
                        box=seen_box(loaded.processor.image_processor, size),
                    )
                )
                patches += count
            spans.append(tuple(found))
        return tuple(spans)

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """The patch embedding, the vision blocks that are used, the projector, the layers."""
        return llava_layers(loaded)

    def row_order(
        self, loaded: LoadedModel, inputs: Mapping[str, Any], layer: str
    ) -> torch.Tensor | None:
        """Class tokens are left out."""
        return without_class_tokens(loaded, len(inputs["pixel_values"]), layer)


def settled(model: nn.Module, processor: Any) -> tuple[nn.Module, Any]:
    """Model and processor, agreed on the tokens of an image.

    Folders of older releases do not tell the processor what the tower is like; it would write
    one token too few for each image. The model's own config is what counts.
    """
    config: Any = model.config
    processor.patch_size = config.vision_config.patch_size
    processor.vision_feature_select_strategy = config.vision_feature_select_strategy
    tower = cast(Any, model).model.vision_tower
    processor.num_additional_image_tokens = int(has_class_token(tower))
    return model, processor


def tile_side(loaded: LoadedModel) -> int:
    """Patches along a side of what the tower sees."""
    vision = loaded.base.config.vision_config
    return vision.image_size // vision.patch_size


def _keeps_class_token(loaded: LoadedModel) -> bool:
    full = loaded.base.config.vision_feature_select_strategy != "default"
    return full and has_class_token(loaded.base.model.vision_tower)


def without_class_tokens(loaded: LoadedModel, tiles: int, layer: str) -> torch.Tensor | None:
    """`row_order` for a tower that saw so many tiles."""
    kind, rows = layer.split(".", 1)[0], tile_side(loaded) ** 2 + 1
    inside = kind == "patch" and layer != "patch.embed"
    if inside and has_class_token(loaded.base.model.vision_tower):
        return without_first(tiles * rows, rows)
    if kind == "merged" and _keeps_class_token(loaded):
        return without_first(tiles * rows, rows)
    return None


def llava_layers(loaded: LoadedModel) -> dict[str, nn.Module]:
    """The layers of a LLaVA: no block after the one whose output is taken."""
    model, config = loaded.base.model, loaded.base.config
    chosen = config.vision_feature_layer
    depth = config.vision_config.num_hidden_layers
    # Hidden state 0 is what goes into block 0; -1 is what the last block gives.
    used = [
        c if c >= 0 else depth + 1 + c for c in ([chosen] if isinstance(chosen, int) else chosen)
    ]
    return {
        **tower_layers(model.vision_tower, max(used)),
        "merged.projector": model.multi_modal_projector,
        **{f"token.layer{i}": layer for i, layer in enumerate(model.language_model.layers)},
    }


def seen_box(processor: Any, size: tuple[int, int]) -> Box | None:
    """The part of an image of `size` (width, height) that the tower sees; `None` is all of it."""
    return image_geometry.seen_box(facts_of(processor), size)


FAMILY = Llava()
