"""Qwen2-VL and Qwen2.5-VL: M-RoPE positions, merged patches, several images of any size.

Positions are worked out here and handed to every forward. The model would otherwise keep those of
its last batch (`rope_deltas`) and use them for the next one, which is wrong as soon as two
requests share a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from workbench.errors import ImageError, ModelError
from workbench.models.batch import ImageSpan
from workbench.models.families.decoder import DecoderFamily, Sizes, Spans
from workbench.models.families.limits import LIMITS
from workbench.models.pieces import Piece, Pieces
from workbench.models.spec import ModelSpec

if TYPE_CHECKING:
    from PIL import Image
    from torch import nn

    from workbench.models.base import LoadedModel


class Qwen2VL(DecoderFamily):
    """The family of `Qwen/Qwen2-VL-*` and `Qwen/Qwen2.5-VL-*`, and of the demo model."""

    name = "Qwen2-VL"
    model_types = ("qwen2_vl", "qwen2_5_vl")
    limits = LIMITS["qwen2_vl"]

    processor_words: ClassVar = {"return_mm_token_type_ids": True}

    def processor(self, spec: ModelSpec, path: Path) -> Any:
        """The processor of a folder, with other bounds of an image's area where asked for."""
        processor = super().processor(spec, path)
        size = processor.image_processor.size
        low = spec.image_min_pixels or size["shortest_edge"]
        high = spec.image_max_pixels or size["longest_edge"]
        if low > high:
            raise ModelError(
                f"images would be scaled to at least {low} and at most {high} pixels: "
                f"{path.name} has {size['shortest_edge']} to {size['longest_edge']} of its own",
                hint="give --min-pixels and --max-pixels together",
                kind="bad_knob",
            )
        processor.image_processor.size = {"shortest_edge": low, "longest_edge": high}
        return processor

    def process(
        self, loaded: LoadedModel, texts: list[str], images: list[list[Image.Image]]
    ) -> dict[str, Any]:
        """As `DecoderFamily.process`, pictures prepared by `qwen-vl-utils` as Qwen does."""
        prepared = [[prepare(loaded, image) for image in row] for row in images]
        return super().process(loaded, texts, prepared)

    def positions(
        self, loaded: LoadedModel, inputs: Mapping[str, Any]
    ) -> tuple[torch.Tensor | None, torch.Tensor]:
        """(3, B, L) time, height, width; and (B,) what follows on the largest of each row."""
        positions, deltas = loaded.base.model.get_rope_index(
            inputs["input_ids"],
            inputs["mm_token_type_ids"],
            image_grid_thw=inputs.get("image_grid_thw"),
            attention_mask=inputs["attention_mask"],
        )
        return positions, deltas[:, 0] + inputs["attention_mask"].sum(1)

    def spans(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Spans:
        """Where each image's tokens and patches lie; tokens follow one another, row by row."""
        vision = loaded.base.config.vision_config
        merge, patch = vision.spatial_merge_size, vision.patch_size
        grids = inputs["image_grid_thw"].tolist() if "image_grid_thw" in inputs else []
        spans, image, patches = [], 0, 0
        for row, row_sizes in enumerate(sizes):
            columns = (inputs["mm_token_type_ids"][row] == 1).nonzero()[:, 0].tolist()
            found, used = [], 0
            for size in row_sizes:
                frames, high, wide = grids[image]
                grid = (high // merge, wide // merge)
                count = frames * grid[0] * grid[1]
                found.append(
                    ImageSpan(
                        indices=tuple(columns[used : used + count]),
                        grid=grid,
                        patches=(patches, patches + frames * high * wide),
                        patch_grid=(high, wide),
                        size=size,
                        resized=(wide * patch, high * patch),
                    )
                )
                used, image, patches = used + count, image + 1, patches + frames * high * wide
            spans.append(tuple(found))
        return tuple(spans)

    def pieces(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Pieces:
        """Patches of (colours, frames, side, side) put together; an image's frames are alike."""
        vision = loaded.base.config.vision_config
        side = vision.patch_size
        frames = loaded.processor.image_processor.temporal_patch_size
        rows = []
        for spans in self.spans(loaded, inputs, sizes):
            found = []
            for span in spans:
                patches = inputs["pixel_values"][span.patches[0] : span.patches[1]]
                cells = self.to_grid(patches, span, "patch")  # (h, w, 3 * frames * side * side)
                cells = cells.reshape(*span.patch_grid, 3, frames, side, side)[:, :, :, 0]
                high, wide = (n * side for n in span.patch_grid)
                pixels = cells.permute(2, 0, 3, 1, 4).reshape(3, high, wide)
                found.append((Piece(pixels, span.grid, span.indices, (0, 0, wide, high)),))
            rows.append(tuple(found))
        return tuple(rows)

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """The patch embedding, the vision blocks, the merger, the language model's layers."""
        visual, language = loaded.base.model.visual, loaded.base.model.language_model
        return {
            "patch.embed": visual.patch_embed,
            **{f"patch.block{i}": block for i, block in enumerate(visual.blocks)},
            "merged.merger": visual.merger,
            **{f"token.layer{i}": layer for i, layer in enumerate(language.layers)},
        }

    def to_grid(self, values: torch.Tensor, span: ImageSpan, kind: str) -> torch.Tensor:
        """Lay one image's rows out as (h, w, ...).

        Args:
            values: (n, ...): the image's own rows, `span.patches` of a patch layer, the tokens'
                of a merged or token layer.
            span: The image.
            kind: `patch`, `merged` or `token`: what stands before the dot of a layer's name.
        """
        rest = values.shape[1:]
        if kind != "patch":
            return values.reshape(*span.grid, *rest)
        # Patches come window by window, so that those of one token are neighbours: undo that.
        (high, wide), merge = span.grid, span.patch_grid[0] // span.grid[0]
        windows = values.reshape(high, wide, merge, merge, *rest)
        return windows.transpose(1, 2).reshape(*span.patch_grid, *rest)

    def row_order(
        self, loaded: LoadedModel, inputs: Mapping[str, Any], layer: str
    ) -> torch.Tensor | None:
        """As the base says: Qwen2.5-VL's vision blocks work in windows of attention."""
        visual = loaded.base.model.visual
        kind = layer.split(".", 1)[0]
        if not hasattr(visual, "window_size") or layer == "patch.embed" or kind == "token":
            return None
        from transformers.vision_utils import get_vision_window_index

        merge = visual.spatial_merge_size
        windows, _ = get_vision_window_index(
            inputs["image_grid_thw"], merge, visual.window_size, visual.patch_size
        )
        order = torch.argsort(windows).cpu()
        if kind == "merged":
            return order
        unit = merge * merge
        return (order[:, None] * unit + torch.arange(unit)).reshape(-1)

    def step_inputs(self, loaded: LoadedModel, positions: torch.Tensor) -> dict[str, Any]:
        """Text positions are the same along the three axes."""
        return {"position_ids": positions.unsqueeze(0).expand(3, -1, -1)}


def prepare(loaded: LoadedModel, image: Image.Image) -> Image.Image:
    """An image as the vision tower's patches tile it, resized by `qwen-vl-utils`.

    The processor alone would choose the same size but for slivers, and resize by another filter's
    arithmetic; Qwen's own examples, and what its models were tuned on, go this way.

    Raises:
        ImageError: More than 200 times as long as it is wide.
    """
    from qwen_vl_utils.vision_process import (
        MAX_RATIO,
        SPATIAL_MERGE_SIZE,
        fetch_image,
        smart_resize,
    )

    if max(image.size) > MAX_RATIO * min(image.size):
        raise ImageError(
            f"an image of {image.width} x {image.height} pixels is too oblong: at most "
            f"{MAX_RATIO} to 1 is read",
            hint="crop it",
        )
    made = loaded.processor.image_processor
    if made.merge_size != SPATIAL_MERGE_SIZE or not made.do_resize:
        return image  # not as the utilities take it: the processor knows better
    low, high = made.size["shortest_edge"], made.size["longest_edge"]
    factor = made.patch_size * made.merge_size
    if 0 in smart_resize(image.height, image.width, factor, low, high):
        return image  # they round a sliver's short side down to nothing
    wish = {"image": image, "min_pixels": low, "max_pixels": high}
    return fetch_image(wish, image_patch_size=made.patch_size)


FAMILY = Qwen2VL()
