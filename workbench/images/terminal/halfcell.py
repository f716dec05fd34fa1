"""Pictures as half-cell blocks: right in every terminal, over SSH, in tmux and in a browser.

Each cell is a '▀' whose foreground is the upper and whose background is the lower of two square
pixels. Commands print it through rich; the bench's widget takes the same rows.
Not for kitty, sixel or iTerm2: those belong to whoever owns the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.measure import Measurement
    from rich.segment import Segment

UPPER = "▀"
Color = tuple[int, int, int] | int | None
Cell = tuple[str, Color, Color]
"""(character, foreground, background); a colour is (r, g, b), a palette index 16..255, or none."""


def fit(size: tuple[int, int], width_cells: int, height_cells: int) -> tuple[int, int]:
    """The (columns, rows) of cells that a picture of `size` pixels fills, its shape kept.

    A cell counts as one pixel wide and two high. Small pictures are enlarged to fill the room.
    """
    width, height = max(size[0], 1), max(size[1], 1)
    if width_cells < 1 or height_cells < 1:
        return (0, 0)
    scale = min(width_cells / width, 2 * height_cells / height)
    columns = min(max(round(width * scale), 1), width_cells)
    rows = min(max((round(height * scale) + 1) // 2, 1), height_cells)
    return columns, rows


def render_halfcells(
    image: Image.Image, width_cells: int, height_cells: int, truecolor: bool = True
) -> list[list[Cell]]:
    """Draw a picture in at most `width_cells` x `height_cells` cells.

    Args:
        image: Any mode; RGB is drawn as it is.
        width_cells: Columns there are; the picture may fill fewer.
        height_cells: Rows there are; the picture may fill fewer.
        truecolor: 24-bit colours; otherwise the nearest of the 240 fixed colours of xterm.

    Returns:
        Rows of cells, all of one length; empty where there is no room.
    """
    upper, lower = _halves(image, width_cells, height_cells)
    if upper is None or lower is None:
        return []
    if not truecolor:
        tops, bottoms = _palette(upper).tolist(), _palette(lower).tolist()
        return [
            [(UPPER, t, b) for t, b in zip(*pair, strict=True)]
            for pair in zip(tops, bottoms, strict=True)
        ]
    tops, bottoms = upper.tolist(), lower.tolist()
    return [
        [(UPPER, tuple(t), tuple(b)) for t, b in zip(*pair, strict=True)]
        for pair in zip(tops, bottoms, strict=True)
    ]


def halfcell_segments(
    image: Image.Image, width_cells: int, height_cells: int, truecolor: bool = True
) -> list[list[Segment]]:
    """The same as rows of rich segments; neighbours of one style are one segment."""
    from rich.segment import Segment
    from rich.style import Style

    styles: dict[tuple[Color, Color], Style] = {}
    rows: list[list[Segment]] = []
    for cells in render_halfcells(image, width_cells, height_cells, truecolor):
        row: list[Segment] = []
        for (fg, bg), count in _runs(cells):
            style = styles.get((fg, bg))
            if style is None:
                style = styles[fg, bg] = Style(color=_rich(fg), bgcolor=_rich(bg))
            row.append(Segment(UPPER * count, style))
        rows.append(row)
    return rows


@dataclass(frozen=True)
class HalfcellImage:
    """A rich renderable: `console.print(HalfcellImage(picture, 60, 20))`.

    Attributes:
        image: The picture.
        width: At most so many columns (and never more than the console gives).
        height: At most so many rows.
        truecolor: `None` asks the console what it can show.
    """

    image: Image.Image
    width: int = 60
    height: int = 20
    truecolor: bool | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        deep = console.color_system == "truecolor" if self.truecolor is None else self.truecolor
        width = min(self.width, options.max_width)
        for row in halfcell_segments(self.image, width, self.height, deep):
            yield from row
            yield Segment.line()

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        columns, _ = fit(self.image.size, min(self.width, options.max_width), self.height)
        return Measurement(columns, columns)


def _halves(
    image: Image.Image, width_cells: int, height_cells: int
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The upper and lower pixels of every cell, each (rows, columns, 3) of uint8."""
    import numpy as np
    from PIL import Image

    columns, rows = fit(image.size, width_cells, height_cells)
    if not columns or not rows:
        return None, None
    larger = columns >= image.width and rows * 2 >= image.height
    # Averaging when shrinking keeps thin strokes; plain repetition when enlarging keeps edges.
    method = Image.Resampling.NEAREST if larger else Image.Resampling.BOX
    small = image.convert("RGB").resize((columns, rows * 2), method)
    pixels = np.asarray(small)
    return pixels[0::2], pixels[1::2]


def _palette(pixels: np.ndarray) -> np.ndarray:
    """The nearest xterm colours of (rows, columns, 3) pixels: 16..231 the cube, 232..255 greys."""
    import numpy as np

    levels = np.array([0, 95, 135, 175, 215, 255])
    values = pixels.astype(np.int32)
    steps = np.abs(values[..., None] - levels).argmin(-1)  # (rows, columns, 3)
    cube = 16 + steps[..., 0] * 36 + steps[..., 1] * 6 + steps[..., 2]
    cube_error = ((levels[steps] - values) ** 2).sum(-1)
    grey = np.clip((values.mean(-1) - 8 + 5) // 10, 0, 23).astype(np.int32)
    grey_error = (((8 + 10 * grey)[..., None] - values) ** 2).sum(-1)
    return np.where(grey_error < cube_error, 232 + grey, cube)


def _runs(cells: list[Cell]) -> Iterator[tuple[tuple[Color, Color], int]]:
    """Neighbouring cells of one colour pair, and how many there are."""
    current, count = (cells[0][1], cells[0][2]), 0
    for _, fg, bg in cells:
        if (fg, bg) != current:
            yield current, count
            current, count = (fg, bg), 0
        count += 1
    yield current, count


def _rich(color: Color):  # noqa: ANN202 - rich's Color or None
    from rich.color import Color as RichColor

    if color is None:
        return None
    return RichColor.from_ansi(color) if isinstance(color, int) else RichColor.from_rgb(*color)
