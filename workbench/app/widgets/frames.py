"""Pictures as lines of a terminal: scaled, heat laid over, drawn by one protocol.

Guarantee: pure functions for worker threads; they import Pillow (and numpy, where there is heat)
when called, touch no widget and ask the terminal nothing. Aspect ratios hold: a picture is as
large as fits and never stretched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from workbench.app.widgets.arrangement import Box, arrange
from workbench.app.widgets.terminal_graphics import iterm2, kitty, sixels
from workbench.text import clean

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from workbench.grounding.drawing import RegionMark
    from workbench.images.terminal.protocol import Protocol


@dataclass(frozen=True)
class ShownPicture:
    """One picture to draw.

    Attributes:
        image: Decoded, or `None` where it could not be.
        caption: The line below it, cleaned already or not.
        heat: (h, w) in 0..1, or `None`.
        error: Why there is no image.
        marks: Boxes and points to draw over it.
    """

    image: Image.Image | None
    caption: str = ""
    heat: np.ndarray | None = None
    error: str = ""
    marks: tuple[RegionMark, ...] = ()


@dataclass(frozen=True)
class HeatLook:
    """How heat is laid over.

    Attributes:
        opacity: 0 shows the image alone, 1 the hottest place as heat alone.
        fade: Cold places show the image as it is; otherwise heat is laid evenly over all of it.
    """

    opacity: float = 0.5
    colormap: str = "turbo"
    fade: bool = False


@dataclass
class Frame:
    """What a picture widget shows.

    Attributes:
        strips: One per line of the area.
        boxes: Where each picture lies.
        upload: For kitty: what is written to the terminal before the strips are drawn.
        remove: For kitty: what frees the pictures again.
        stamps: For sixel and iTerm2: (box, data), written where the picture lies.
    """

    strips: list[Strip]
    boxes: list[Box] = field(default_factory=list)
    upload: str = ""
    remove: str = ""
    stamps: list[tuple[Box, str]] = field(default_factory=list)


def make_frame(
    pictures: Sequence[ShownPicture],
    area: tuple[int, int],
    *,
    protocol: Protocol = "halfcell",
    cell: tuple[int, int] = (10, 20),
    look: HeatLook | None = None,
    captions: bool = True,
    first_id: int = 1,
) -> Frame:
    """Draw pictures into an area of cells.

    Args:
        pictures: In their order.
        area: (columns, rows).
        protocol: What the terminal understands.
        cell: (width, height) of a cell in pixels.
        look: How heat is laid over, where a picture has any.
        captions: Draw the line below each picture.
        first_id: For kitty: the first image's number, the others follow.
    """
    columns, rows = area
    if columns < 1 or rows < 1 or not pictures:
        return Frame([Strip.blank(max(0, columns)) for _ in range(max(0, rows))])
    sizes = [p.image.size if p.image is not None else (4, 3) for p in pictures]
    boxes = arrange(sizes, area, cell, 1 if captions else 0)
    canvas = _Canvas(columns, rows)
    frame = Frame([], boxes)
    for number, (picture, box) in enumerate(zip(pictures, boxes, strict=True)):
        if picture.image is None:
            canvas.put_error(box, picture.error)
        elif protocol == "off":
            canvas.put_error(box, f"{picture.image.width}×{picture.image.height}", sign="▫")
        elif protocol == "kitty":
            canvas.put(box, _kitty(frame, picture, box, cell, look, first_id + number))
        elif protocol in ("sixel", "iterm2"):
            pixels = scaled(picture, (box.width * cell[0], box.height * cell[1]), look)
            cells = (box.width, box.height)
            data = sixels(pixels) if protocol == "sixel" else iterm2(pixels, cells)
            frame.stamps.append((box, data))
        else:
            canvas.put(box, halfcell_rows(picture, box, look))
        if captions:
            canvas.put_caption(box, picture.caption, boxes)
    frame.strips = canvas.strips()
    return frame


def scaled(picture: ShownPicture, size: tuple[int, int], look: HeatLook | None) -> Image.Image:
    """The picture at that size in pixels, RGB, its heat laid over and its boxes drawn.

    Scaled first: the heat is then laid over a few thousand pixels, not over millions.
    """
    from PIL import Image

    from workbench.grounding.drawing import draw_marks

    assert picture.image is not None
    larger = size[0] >= picture.image.width and size[1] >= picture.image.height
    # Averaging when shrinking rings around no edge; a cubic when enlarging shows no steps.
    method = Image.Resampling.BICUBIC if larger else Image.Resampling.BOX
    # An image that is RGB already is not copied: of a large one that takes a second by itself.
    whole = picture.image if picture.image.mode == "RGB" else picture.image.convert("RGB")
    small = whole.resize(size, method)
    if picture.heat is not None and look is not None:
        from workbench.explain.overlay import overlay

        small = overlay(
            small, picture.heat, opacity=look.opacity, colormap=look.colormap, fade=look.fade
        )
    return draw_marks(small, picture.marks)


def halfcell_rows(picture: ShownPicture, box: Box, look: HeatLook | None) -> list[list[Segment]]:
    """The picture in half-cells, one list of segments per line of the box."""
    from workbench.images.terminal.halfcell import halfcell_segments

    pixels = scaled(picture, (box.width, box.height * 2), look)
    return halfcell_segments(pixels, box.width, box.height)


def _kitty(
    frame: Frame,
    picture: ShownPicture,
    box: Box,
    cell: tuple[int, int],
    look: HeatLook | None,
    number: int,
) -> list[list[Segment]]:
    """Note what the terminal must be sent; the lines are placeholders, which scroll like text."""
    pixels = scaled(picture, (box.width * cell[0], box.height * cell[1]), look)
    found = kitty(pixels, (box.width, box.height), number)
    if found is None:
        return halfcell_rows(picture, box, look)
    rows, upload, remove = found
    frame.upload += upload
    frame.remove += remove
    return rows


class _Canvas:
    """Lines of cells onto which boxes are put; what nothing covers stays blank."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        # Per line: (x, width, segments), in the order of x when drawn.
        self.lines: list[list[tuple[int, int, list[Segment]]]] = [[] for _ in range(rows)]

    def put(self, box: Box, rows: list[list[Segment]]) -> None:
        for offset, segments in enumerate(rows):
            if 0 <= box.y + offset < len(self.lines):
                self.lines[box.y + offset].append((box.x, box.width, segments))

    def put_caption(self, box: Box, caption: str, boxes: Sequence[Box]) -> None:
        """Below its picture; a longer one goes on to halfway to the pictures beside it."""
        y = box.y + box.height
        beside = [one for one in boxes if one is not box and one.y <= y <= one.y + one.height]
        ends = [one.x + one.width for one in beside if one.x < box.x]
        starts = [one.x for one in beside if one.x > box.x]
        left = (max(ends) + box.x) // 2 + 1 if ends else 0
        right = (box.x + box.width + min(starts)) // 2 if starts else self.columns
        text = Text(clean(caption, newlines=False))
        text.truncate(max(1, right - left), overflow="ellipsis")
        if text.plain.strip() and y < len(self.lines):
            x = box.x + (box.width - text.cell_len) // 2
            x = max(left, min(x, right - text.cell_len))
            self.lines[y].append((x, text.cell_len, [Segment(text.plain, Style(dim=True))]))

    def put_error(self, box: Box, error: str, sign: str = "✗") -> None:
        import textwrap

        text = textwrap.wrap(f"{sign} {clean(error, newlines=False)}", max(8, box.width))
        top = box.y + max(0, (box.height - len(text)) // 2)
        for offset, line in enumerate(text[: box.height]):
            line = chop_cells(line, max(1, box.width))[0]
            x = box.x + (box.width - cell_len(line)) // 2
            if top + offset < len(self.lines):
                style = Style(color="red") if sign == "✗" else Style(dim=True)
                self.lines[top + offset].append((x, cell_len(line), [Segment(line, style)]))

    def strips(self) -> list[Strip]:
        strips = []
        for line in self.lines:
            segments: list[Segment] = []
            at = 0
            for x, width, part in sorted(line, key=lambda entry: entry[0]):
                if x > at:
                    segments.append(Segment(" " * (x - at)))
                segments += part
                at = x + width
            if at < self.columns:
                segments.append(Segment(" " * (self.columns - at)))
            strips.append(Strip(segments, max(at, self.columns)))
        return strips
