"""From the rows of a vision tower to a picture: tiles joined, crops and padding undone.

Guarantee: what lies on the image keeps its sum, so that an attribution stays one when it is
brought to another grid; what a processor cut away is zero, what it added is left out. For the
families whose tower sees squares; Qwen's patches are laid out in its own file.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from workbench.models.image_geometry import Box


def square(values: Tensor) -> Tensor:
    """Rows (n, ...) of one square tile in reading order as (side, side, ...)."""
    side = math.isqrt(len(values))
    return values.reshape(side, side, *values.shape[1:])


def join_tiles(values: Tensor, tiles: tuple[int, int]) -> Tensor:
    """Square tiles side by side.

    Args:
        values: (rows * columns * side * side, ...), tile by tile in reading order, each of them in
            reading order.
        tiles: (rows, columns) of tiles.

    Returns:
        (rows * side, columns * side, ...).
    """
    rows, columns = tiles
    side, rest = math.isqrt(len(values) // (rows * columns)), values.shape[1:]
    parts = values.reshape(rows, columns, side, side, *rest).transpose(1, 2)
    return parts.reshape(rows * side, columns * side, *rest)


def crop_centre(values: Tensor, shape: tuple[int, int]) -> Tensor:
    """The middle (h, w) of a grid, as LLaVA-NeXT takes its padding off."""
    top, left = ((have - want) // 2 for have, want in zip(values.shape, shape, strict=False))
    return values[top : top + shape[0], left : left + shape[1]]


def on_image(
    values: Tensor, box: Box | None, size: tuple[int, int], shape: tuple[int, int] | None = None
) -> Tensor:
    """A grid that covers `box`, on an even grid over the whole image.

    Args:
        values: (h, w, ...).
        box: What the grid covers, in pixels of the image; `None` is the image itself.
        size: (width, height) of the image.
        shape: Of the result; default cells of about the size that they had.

    Returns:
        `shape` and the rest: each cell's value is shared out by area.
    """
    x0, y0, x1, y1 = box or (0.0, 0.0, float(size[0]), float(size[1]))
    high, wide = values.shape[:2]
    if shape is None:
        shape = (
            max(1, round(size[1] * high / (y1 - y0))),
            max(1, round(size[0] * wide / (x1 - x0))),
        )
    if shape == (high, wide) and (x0, y0, x1, y1) == (0, 0, *size):
        return values
    down = _shares(high, (y0, y1), shape[0], size[1]).to(values)
    across = _shares(wide, (x0, x1), shape[1], size[0]).to(values)
    return torch.einsum("ai,bj,ij...->ab...", down, across, values)


def _shares(cells: int, span: tuple[float, float], out: int, length: float) -> Tensor:
    """(out, cells): how much of each cell along `span` lies in each of `out` parts of `length`."""
    edges = torch.linspace(*span, cells + 1, dtype=torch.float64)
    parts = torch.linspace(0, length, out + 1, dtype=torch.float64)[:, None]
    shared = torch.minimum(edges[1:], parts[1:]) - torch.maximum(edges[:-1], parts[:-1])
    return shared.clamp(min=0) / (edges[1:] - edges[:-1])


def without_first(rows: int, tile: int) -> Tensor:
    """Indices that leave out the first of every `tile` rows: the class token."""
    return torch.arange(rows).reshape(-1, tile)[:, 1:].reshape(-1)
