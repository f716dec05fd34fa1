"""Where the pictures of a sample lie in an area of cells.

Guarantee: a pure function of sizes and area. Pictures keep their shape and their order: the first
is the left one, or the upper one where they are stacked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

GAP = 2  # cells between two pictures
STACKING_GAINS = 1.25
"""Pictures leave the one row only for more than this many times its drawn area: people compare a
pair from left to right, and a layout that flips from sample to sample costs them more than size."""


@dataclass(frozen=True)
class Box:
    """Where a picture lies, in cells."""

    x: int
    y: int
    width: int
    height: int


def arrange(
    sizes: Sequence[tuple[int, int]],
    area: tuple[int, int],
    cell: tuple[int, int] = (1, 2),
    caption: int = 1,
) -> list[Box]:
    """Place pictures side by side; in several rows where that draws more than a quarter more.

    Args:
        sizes: (width, height) of each in pixels.
        area: (columns, rows) of cells.
        cell: (width, height) of a cell, in any unit.
        caption: Lines kept below each picture.

    Returns:
        A box per picture, without its caption; at least one cell each.
    """
    if not sizes:
        return []
    beside, *stacked = (
        _rows_of(sizes, across, cell, caption, area) for across in range(len(sizes), 0, -1)
    )
    if not stacked:
        return beside
    best = max(stacked, key=lambda boxes: _drawn(boxes, area))
    return best if _drawn(best, area) > STACKING_GAINS * _drawn(beside, area) else beside


def _drawn(boxes: Sequence[Box], area: tuple[int, int]) -> int:
    """Cells that pictures cover; none where they do not fit."""
    fit = all(b.x + b.width <= area[0] and b.y + b.height <= area[1] for b in boxes)
    return sum(b.width * b.height for b in boxes) if fit else 0


def _rows_of(
    sizes: Sequence[tuple[int, int]],
    across: int,
    cell: tuple[int, int],
    caption: int,
    area: tuple[int, int],
) -> list[Box]:
    """The boxes with so many pictures to a row, rows and all centred."""
    columns, rows = area
    down = math.ceil(len(sizes) / across)
    slot = (
        max(1, (columns - GAP * (across - 1)) // across),
        max(1, rows // down - caption),
    )
    fitted = [_fit(size, slot, cell) for size in sizes]
    lines = [fitted[i : i + across] for i in range(0, len(fitted), across)]
    heights = [max(h for _, h in line) + caption for line in lines]
    y = max(0, (area[1] - sum(heights)) // 2)
    boxes = []
    for line, height in zip(lines, heights, strict=True):
        x = max(0, (area[0] - sum(w for w, _ in line) - GAP * (len(line) - 1)) // 2)
        for w, h in line:
            boxes.append(Box(x, y, w, h))
            x += w + GAP
        y += height
    return boxes


def _fit(size: tuple[int, int], slot: tuple[int, int], cell: tuple[int, int]) -> tuple[int, int]:
    """(columns, rows): the largest box in `slot` of the picture's own shape."""
    width, height = max(1, size[0]), max(1, size[1])
    scale = min(slot[0] * cell[0] / width, slot[1] * cell[1] / height)
    return (
        max(1, min(slot[0], round(width * scale / cell[0]))),
        max(1, min(slot[1], round(height * scale / cell[1]))),
    )
