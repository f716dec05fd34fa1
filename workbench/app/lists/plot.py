"""A curve in braille dots: two dots across and four down in every cell.

For: following a training's loss and accuracy while it runs. Not for: figures of a paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from workbench.app.lists.draw import fit, number, plain
from workbench.app.lists.palette import Palette

# The dot of a cell by (column, row) from the top left, as Unicode numbers them.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))

Point = tuple[float, float]


def braille(points: Sequence[Point], width: int, height: int, low: float, high: float) -> list[str]:
    """The polyline through `points` on a canvas of `width` x `height` cells.

    Args:
        points: (x, y), x not decreasing; what is not finite is left out.
        width: In cells.
        height: In cells.
        low: The y of the lowest dot.
        high: The y of the highest dot.

    Returns:
        `height` strings of `width` characters.
    """
    columns, rows = width * 2, height * 4
    canvas = [[0] * width for _ in range(height)]
    known = [p for p in points if math.isfinite(p[0]) and math.isfinite(p[1])]
    if not known or width < 1 or height < 1:
        return [" " * width for _ in range(height)]
    first, last = known[0][0], known[-1][0]
    span_x, span_y = (last - first) or 1.0, (high - low) or 1.0

    def dot(point: Point) -> tuple[int, int]:
        x = round((point[0] - first) / span_x * (columns - 1)) if last > first else columns - 1
        y = round((high - point[1]) / span_y * (rows - 1)) if high > low else rows // 2
        return min(columns - 1, max(0, x)), min(rows - 1, max(0, y))

    def put(x: int, y: int) -> None:
        canvas[y // 4][x // 2] |= _DOTS[x % 2][y % 4]

    before = dot(known[0])
    put(*before)
    for point in known[1:]:
        here = dot(point)
        steps = max(abs(here[0] - before[0]), abs(here[1] - before[1]), 1)
        for step in range(1, steps + 1):
            x = before[0] + (here[0] - before[0]) * step / steps
            put(round(x), round(before[1] + (here[1] - before[1]) * step / steps))
        before = here
    return ["".join(chr(0x2800 + bits) if bits else " " for bits in row) for row in canvas]


def curve(
    name: str,
    points: Sequence[Point],
    width: int,
    height: int,
    palette: Palette,
    style: Style,
) -> list[Text]:
    """A curve under its name and last value, with its extremes on the left.

    Returns:
        `height` lines of `width` cells; blank ones where there is no room.
    """
    if width < 12 or height < 3:
        return [Text(" " * max(0, width)) for _ in range(max(0, height))]
    values = [y for _, y in points if math.isfinite(y)]
    head = plain(name, palette.strong)
    if not values:
        head.append("  nothing yet", palette.dim)
        return [fit(head, width)] + [Text(" " * width) for _ in range(height - 1)]
    low, high = min(values), max(values)
    head.append(f"  {number(values[-1])}", style + Style(bold=True))
    head.append(f"  {len(values)} points", palette.dim)
    gutter = max(len(number(low)), len(number(high)))
    rows = braille(points, width - gutter - 2, height - 1, low, high)
    lines = [fit(head, width)]
    for index, row in enumerate(rows):
        label = number(high) if index == 0 else number(low) if index == len(rows) - 1 else ""
        line = Text(f"{label:>{gutter}} ", style=palette.dim, no_wrap=True)
        line.append("┤" if label else "│", palette.dim)
        line.append(row, style)
        lines.append(fit(line, width))
    return lines
