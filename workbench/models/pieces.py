"""What a vision tower is given, as pictures again: tiles joined, the normalisation undone.

Guarantee: the pixels are those of the batch itself, so what is shown is what the model sees: the
processor's resizing, cropping, padding and tiling with it. Not for heat on the given image: there
`DecoderFamily.to_grid` brings a grid back to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from workbench.models.batch import ImageSpan


@dataclass(frozen=True)
class Piece:
    """One picture of an image.

    Attributes:
        pixels: (3, H, W), normalised as the tower takes them.
        grid: (h, w) of its tokens (of its patches where images have no tokens); (0, 0) where no
            token has a place of its own in it.
        columns: Of `input_ids`, for each cell of the grid in reading order; empty where none are.
        box: (x0, y0, x1, y1) in its own pixels that the grid covers; the rest is padding.
        tiles: (rows, columns) of the tiles that it is joined of.
        whole: It shows an image once more, coarsely, beside its tiles.
    """

    pixels: torch.Tensor
    grid: tuple[int, int]
    columns: tuple[int, ...]
    box: tuple[int, int, int, int]
    tiles: tuple[int, int] = (1, 1)
    whole: bool = False


Pieces = tuple[tuple[tuple[Piece, ...], ...], ...]


def one_each(inputs: Mapping[str, Any], spans: Sequence[Sequence[ImageSpan]]) -> Pieces:
    """Pieces of a tower that is given (n, 3, H, W): a picture for each image, in order."""
    pixels, image, rows = inputs.get("pixel_values"), 0, []
    for row in spans:
        found = []
        for span in row:
            assert pixels is not None
            high, wide = pixels.shape[-2:]
            piece = Piece(pixels[image], span.grid, span.indices, (0, 0, wide, high))
            found.append((piece,))
            image += 1
        rows.append(tuple(found))
    return tuple(rows)


def join_pictures(tiles: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """The first rows * columns of tiles (n, 3, H, W), side by side: (3, rows * H, columns * W)."""
    rows, columns = shape
    _, colours, high, wide = tiles.shape
    parts = tiles[: rows * columns].reshape(rows, columns, colours, high, wide)
    return parts.permute(2, 0, 3, 1, 4).reshape(colours, rows * high, columns * wide)


def unnormalised(image_processor: Any, pixels: torch.Tensor) -> np.ndarray:
    """Pixels (3, H, W) as the processor had them before it normalised: (H, W, 3), 0 to 255.

    The inverse of `(value * rescale_factor - image_mean) / image_std`, each step where the
    processor takes it.
    """
    values = pixels.detach().cpu().double()
    if getattr(image_processor, "do_normalize", False):
        mean, std = (
            torch.tensor(np.array(np.broadcast_to(getattr(image_processor, name), 3)))
            for name in ("image_mean", "image_std")
        )
        values = values * std[:, None, None] + mean[:, None, None]
    if getattr(image_processor, "do_rescale", False):
        values = values / image_processor.rescale_factor
    return values.round().clamp(0, 255).permute(1, 2, 0).to(torch.uint8).numpy()
