"""Idefics3 and SmolVLM: an image is cut into square tiles, and shown once more as a whole.

The tokens of each tile stand together behind `<row_r_col_c>`, those of the whole image behind
`<global-img>`; where a tile belongs is read from these words, which are what the model reads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

from workbench.errors import ModelError
from workbench.models.batch import ImageSpan
from workbench.models.families.decoder import (
    DecoderFamily,
    Sizes,
    Spans,
    image_columns,
    tower_layers,
)
from workbench.models.families.limits import LIMITS
from workbench.models.patch_grid import join_tiles, on_image, square
from workbench.models.pieces import Piece, Pieces, join_pictures

if TYPE_CHECKING:
    from torch import nn

    from workbench.models.base import LoadedModel

_TILE = re.compile(r"<row_(\d+)_col_(\d+)>\s*$")


class Idefics3(DecoderFamily):
    """The family of `HuggingFaceM4/Idefics3-*`, `HuggingFaceTB/SmolVLM-*` and `SmolVLM2-*`."""

    name = "Idefics3, SmolVLM"
    model_types = ("idefics3", "smolvlm")
    limits = LIMITS["idefics3"]
    nested_images = True

    def spans(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Spans:
        """Tiles in reading order, then the whole image; small images have the whole one alone."""
        spans, patches = [], 0
        for row, row_sizes in enumerate(sizes):
            found = []
            for size, (tiles, runs) in zip(row_sizes, _images(loaded, inputs, row), strict=True):
                span = _span(loaded, size, tiles, runs, patches)
                found.append(span)
                patches = span.patches[1]
            spans.append(tuple(found))
        return tuple(spans)

    def pieces(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Pieces:
        """The tiles joined, then the whole image in one; a small image has the whole one alone."""
        pixels, at, rows = inputs.get("pixel_values"), 0, []
        # A processor makes a blank row for a prompt without images, joined batches make none.
        every = pixels is not None and len(pixels) == len(sizes)
        for spans in self.spans(loaded, inputs, sizes):
            found, used = [], 0
            for span in spans:
                assert pixels is not None  # (rows with images, tiles of a row, 3, H, W)
                count = span.tiles[0] * span.tiles[1]
                mosaic = join_pictures(pixels[at, used:], span.tiles)
                box = (0, 0, mosaic.shape[2], mosaic.shape[1])
                parts = [Piece(mosaic, span.grid, span.indices, box, span.tiles)]
                used += count
                if span.overview:
                    side, small = math.isqrt(len(span.overview)), pixels[at, used]
                    box = (0, 0, small.shape[2], small.shape[1])
                    parts.append(Piece(small, (side, side), span.overview, box, whole=True))
                    used += 1
                found.append(tuple(parts))
            at += every or bool(spans)
            rows.append(tuple(found))
        return tuple(rows)

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """The patch embedding, the vision blocks, the connector, the language model's layers."""
        model = loaded.base.model
        return {
            **tower_layers(model.vision_model),
            "merged.connector": model.connector,
            **{f"token.layer{i}": layer for i, layer in enumerate(model.text_model.layers)},
        }

    def to_grid(self, values: torch.Tensor, span: ImageSpan, kind: str) -> torch.Tensor:
        """The tiles joined, the overview's share of each cell added."""
        if not span.overview:
            return square(values)
        rows, columns = span.tiles
        count = len(values) // (rows * columns + 1)
        fine, small = values[:-count], values[-count:]
        if kind == "token":
            grid = fine.reshape(*span.grid, *values.shape[1:])
        else:
            grid = join_tiles(fine, span.tiles)
        return grid + on_image(square(small), None, span.size, (grid.shape[0], grid.shape[1]))


def _images(
    loaded: LoadedModel, inputs: Mapping[str, Any], row: int
) -> Iterator[tuple[tuple[int, int], list[list[int]]]]:
    """Each image of a row: its tiles (rows, columns), (0, 0) for none, and each tile's columns."""
    ids, length = inputs["input_ids"][row], loaded.processor.image_seq_len
    columns = image_columns(loaded, inputs, row)
    tiles, runs, end = (0, 0), [], 0
    for start in range(0, len(columns), length):
        run = columns[start : start + length]
        before = loaded.tokenizer.decode(ids[max(end, run[0] - 24) : run[0]])
        runs.append(run)
        end = run[-1] + 1
        if match := _TILE.search(before):
            tiles = (int(match[1]), int(match[2]))
            continue
        if tiles[0] * tiles[1] + 1 != len(runs):
            raise ModelError(f"the image tokens of {loaded.path.name} do not make up whole images")
        yield tiles, runs
        tiles, runs = (0, 0), []


def _span(
    loaded: LoadedModel,
    size: tuple[int, int],
    tiles: tuple[int, int],
    runs: list[list[int]],
    first: int,
) -> ImageSpan:
    vision = loaded.base.config.vision_config
    tile_pixels = _tile_pixels(loaded)
    side, patch_side = math.isqrt(len(runs[0])), tile_pixels // vision.patch_size
    rows, columns = (max(1, n) for n in tiles)
    whole = runs[-1] if tiles != (0, 0) else []
    fine = torch.tensor([column for run in (runs[:-1] or runs) for column in run])
    return ImageSpan(
        indices=tuple(join_tiles(fine, (rows, columns)).flatten().tolist()),
        grid=(rows * side, columns * side),
        patches=(first, first + len(runs) * patch_side**2),
        patch_grid=(rows * patch_side, columns * patch_side),
        size=size,
        resized=(columns * tile_pixels, rows * tile_pixels),
        overview=tuple(whole),
        tiles=(rows, columns),
    )


def _tile_pixels(loaded: LoadedModel) -> int:
    return dict(loaded.processor.image_processor.max_image_size)["longest_edge"]


FAMILY = Idefics3()
