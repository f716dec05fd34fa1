"""LLaVA-NeXT (1.6): each image once small and whole, and again in tiles at one of a few sizes.

The tiles' patches stand row by row over all tiles, the padding around the image is taken off, and
a newline token ends every row; that is undone here with the model's own functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.models.batch import ImageSpan
from workbench.models.families.decoder import DecoderFamily, Sizes, Spans, image_columns
from workbench.models.families.limits import LIMITS
from workbench.models.families.llava import llava_layers, settled, tile_side, without_class_tokens
from workbench.models.image_geometry import Box, resized_box
from workbench.models.patch_grid import crop_centre, join_tiles, on_image, square
from workbench.models.pieces import Piece, Pieces, join_pictures
from workbench.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

    from workbench.models.base import LoadedModel


class LlavaNext(DecoderFamily):
    """The family of `llava-hf/llava-v1.6-*`."""

    name = "LLaVA-NeXT"
    model_types = ("llava_next",)
    limits = LIMITS["llava_next"]

    def load(self, spec: ModelSpec, path: Path, device: torch.device) -> tuple[nn.Module, Any]:
        """The model in evaluation mode and its processor."""
        return settled(*super().load(spec, path, device))

    def spans(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Spans:
        """The overview's tokens, then the grid's with a newline after every row."""
        side = tile_side(loaded)
        small, spans, patches = side * side, [], 0
        for row, row_sizes in enumerate(sizes):
            columns, found = image_columns(loaded, inputs, row), []
            for size in row_sizes:
                tiles, (high, wide), box = _layout(loaded, size)
                lines = [small + line * (wide + 1) for line in range(high)]
                count = tiles[0] * tiles[1] * small + small
                pixels = loaded.base.config.vision_config.image_size
                found.append(
                    ImageSpan(
                        indices=tuple(columns[at + i] for at in lines for i in range(wide)),
                        grid=(high, wide),
                        patches=(patches, patches + count),
                        patch_grid=(tiles[0] * side, tiles[1] * side),
                        size=size,
                        resized=(tiles[1] * pixels, tiles[0] * pixels),
                        overview=tuple(columns[:small]),
                        tiles=tiles,
                        merged=count,
                        box=box,
                    )
                )
                columns, patches = columns[small + high * (wide + 1) :], patches + count
            spans.append(tuple(found))
        return tuple(spans)

    def pieces(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Pieces:
        """The tiles joined, with tokens where the image lies; then the whole image in one tile."""
        pixels, image, rows = inputs.get("pixel_values"), 0, []
        side = tile_side(loaded)
        for spans in self.spans(loaded, inputs, sizes):
            found = []
            for span in spans:
                assert pixels is not None
                tiles, image = pixels[image], image + 1
                mosaic = join_pictures(tiles[1:], span.tiles)
                cell = mosaic.shape[1] // span.patch_grid[0]
                top, left = (
                    (have - want) // 2 * cell
                    for have, want in zip(span.patch_grid, span.grid, strict=True)
                )
                box = (left, top, left + span.grid[1] * cell, top + span.grid[0] * cell)
                found.append(
                    (
                        Piece(mosaic, span.grid, span.indices, box, span.tiles),
                        Piece(
                            tiles[0],
                            (side, side),
                            span.overview,
                            (0, 0, tiles.shape[-1], tiles.shape[-2]),
                            whole=True,
                        ),
                    )
                )
            rows.append(tuple(found))
        return tuple(rows)

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """The patch embedding, the vision blocks that are used, the projector, the layers."""
        return llava_layers(loaded)

    def to_grid(self, values: torch.Tensor, span: ImageSpan, kind: str) -> torch.Tensor:
        """The tiles' grid without its padding, the overview's share of each cell added."""
        fine = values[len(span.overview) :]
        small = values[: len(span.overview)]
        if kind == "token":
            small, fine = values[len(span.indices) :], values[: len(span.indices)]
            fine = fine.reshape(*span.grid, *values.shape[1:])
        else:
            fine = crop_centre(join_tiles(fine, span.tiles), span.grid)
        grid = on_image(fine, span.box, span.size)
        return grid + on_image(square(small), None, span.size, (grid.shape[0], grid.shape[1]))

    def row_order(
        self, loaded: LoadedModel, inputs: Mapping[str, Any], layer: str
    ) -> torch.Tensor | None:
        """Class tokens are left out."""
        config = loaded.base.config
        sizes = inputs["image_sizes"].tolist() if "image_sizes" in inputs else []
        layouts = [_best(config, (width, height)) for height, width in sizes]
        pixels = config.vision_config.image_size
        tiles = sum((high // pixels) * (wide // pixels) + 1 for high, wide in layouts)
        return without_class_tokens(loaded, tiles, layer)


def _best(config: Any, size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) in pixels that an image of `size` (width, height) is brought to."""
    from transformers.image_processing_utils import select_best_resolution

    high, wide = select_best_resolution((size[1], size[0]), config.image_grid_pinpoints)
    return high, wide


def _layout(
    loaded: LoadedModel, size: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int], Box]:
    """An image's tiles (rows, columns), its grid without padding, and what that grid covers."""
    from transformers.models.llava_next.modeling_llava_next import unpad_image

    config, side = loaded.base.config, tile_side(loaded)
    pixels = config.vision_config.image_size
    high, wide = _best(config, size)
    tiles = (high // pixels, wide // pixels)
    cells = (tiles[0] * side, tiles[1] * side)
    grid = tuple(unpad_image(torch.empty(1, *cells, device="meta"), (size[1], size[0])).shape[1:])
    # The processor: the longer side fills the tiles, the image stands in the middle.
    if wide / size[0] < high / size[1]:
        resized = (wide, min(math.ceil(size[1] * wide / size[0]), high))
    else:
        resized = (min(math.ceil(size[0] * high / size[1]), wide), high)
    patch = pixels // side
    left = (cells[1] - grid[1]) // 2 * patch - (wide - resized[0]) // 2
    top = (cells[0] - grid[0]) // 2 * patch - (high - resized[1]) // 2
    window = (left, top, left + grid[1] * patch, top + grid[0] * patch)
    return tiles, (grid[0], grid[1]), resized_box(size, resized, window)


FAMILY = LlavaNext()
