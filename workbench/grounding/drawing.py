"""Boxes and points drawn onto a picture: what an answer says in unbroken lines, gold in dashes.

Guarantee: imports Pillow when called; draws on a copy; works from a few dozen pixels (half cells
of a terminal) upwards, where a line is one pixel wide and still told apart by its dashes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.grounding.region import Region, words_of
from workbench.images.decode import shown_size
from workbench.markup import esc

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

    from workbench.grounding.answered import AnsweredRegions
    from workbench.sample import ImageRef

ANSWER = (255, 0, 200)
GOLD = (0, 230, 64)
# What stands for each in words: the lines as a legend shows them.
ANSWER_SIGN, GOLD_SIGN = "━", "╍"


@dataclass(frozen=True)
class RegionMark:
    """One place to draw.

    Attributes:
        region: In pixels of the image as it is shown.
        size: (width, height) of that image.
        gold: It is what is right, and drawn in dashes.
    """

    region: Region
    size: tuple[int, int]
    gold: bool = False


def marks_of(
    places: AnsweredRegions | None, gold: Sequence[Region], sizes: Sequence[tuple[int, int]]
) -> list[tuple[RegionMark, ...]]:
    """For each image of a sample what is drawn on it, gold first: an answer lies over it.

    Args:
        places: Of the answer; its own gold is not looked at.
        gold: The places that are right.
        sizes: (width, height) of each image as it is shown.
    """
    answered = places.regions if places is not None else ()
    every = [*((one, True) for one in gold), *((one, False) for one in answered)]
    return [
        tuple(RegionMark(one, size, is_gold) for one, is_gold in every if one.image == number)
        for number, size in enumerate(sizes)
    ]


def draw_marks(image: Image.Image, marks: Iterable[RegionMark]) -> Image.Image:
    """A copy of a picture of any size with marks on it, RGB; the picture itself without any."""
    marks = list(marks)
    if not marks:
        return image
    from PIL import ImageDraw

    image = image.convert("RGB").copy()
    pen = ImageDraw.Draw(image)
    wide = max(1, round(min(image.size) / 160))
    for mark in marks:
        across, down = image.width / mark.size[0], image.height / mark.size[1]
        at = [value * (down if i % 2 else across) for i, value in enumerate(mark.region.at)]
        colour = GOLD if mark.gold else ANSWER
        if mark.region.is_box:
            _box(pen, at, image.size, colour, wide, dashed=mark.gold)
        else:
            _point(pen, at, colour, wide, hollow=mark.gold)
    return image


def _box(
    pen: ImageDraw.ImageDraw,
    at: Sequence[float],
    size: tuple[int, int],
    colour: tuple[int, int, int],
    wide: int,
    *,
    dashed: bool,
) -> None:
    """The box's own outermost pixels, cut to the picture; the far edges are excluded."""
    x0, y0 = (min(max(0, int(at[i])), size[i] - 1) for i in (0, 1))
    x1 = min(max(math.ceil(at[2]) - 1, x0), size[0] - 1)
    y1 = min(max(math.ceil(at[3]) - 1, y0), size[1] - 1)
    if not dashed:
        if wide > 1:  # a dark rim: seen on any ground
            pen.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline=(0, 0, 0), width=wide + 2)
        pen.rectangle((x0, y0, x1, y1), outline=colour, width=wide)
        return
    dash = 2 if wide == 1 else wide * 4
    if wide > 1:  # dark between the dashes, for the same reason
        pen.rectangle((x0, y0, x1, y1), outline=(0, 0, 0), width=wide)
    for start in range(x0, x1 + 1, 2 * dash):
        end = min(start + dash - 1, x1)
        pen.rectangle((start, y0, end, min(y0 + wide - 1, y1)), fill=colour)
        pen.rectangle((start, max(y1 - wide + 1, y0), end, y1), fill=colour)
    for start in range(y0, y1 + 1, 2 * dash):
        end = min(start + dash - 1, y1)
        pen.rectangle((x0, start, min(x0 + wide - 1, x1), end), fill=colour)
        pen.rectangle((max(x1 - wide + 1, x0), start, x1, end), fill=colour)


def _point(
    pen: ImageDraw.ImageDraw,
    at: Sequence[float],
    colour: tuple[int, int, int],
    wide: int,
    *,
    hollow: bool,
) -> None:
    """A cross of an answer, a ring of gold."""
    x, y = int(at[0]), int(at[1])
    reach = 2 if wide == 1 else wide * 4
    if hollow:
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), outline=colour, width=wide)
        return
    for line in ((x - reach, y, x + reach, y), (x, y - reach, x, y + reach)):
        if wide > 1:
            pen.line(line, fill=(0, 0, 0), width=wide + 2)
        pen.line(line, fill=colour, width=wide)


def overlay_html(marks: Iterable[RegionMark]) -> str:
    """The same as HTML to lay over a picture, placed by percent of it: numbers alone, no text."""
    parts = []
    for mark in marks:
        x, y, *far = mark.region.at
        wide, high = (far[0] - x, far[1] - y) if far else (0.0, 0.0)
        shares = (x / mark.size[0], y / mark.size[1], wide / mark.size[0], high / mark.size[1])
        left, top, width, height = (f"{100 * share:.2f}%" for share in shares)
        colour = "#{:02x}{:02x}{:02x}".format(*(GOLD if mark.gold else ANSWER))
        shape = "border-radius:50%;margin:-4px;padding:4px;" if not far else ""
        parts.append(
            f'<div style="position:absolute;left:{left};top:{top};width:{width};height:{height};'
            f"box-sizing:border-box;{shape}"
            f'border:2px {"dashed" if mark.gold else "solid"} {colour}"></div>'
        )
    return "".join(parts)


def overs_html(
    places: AnsweredRegions | None, gold: Sequence[Region], images: Sequence[ImageRef]
) -> list[str]:
    """What is laid over each image of a sample: an answer's places, and gold in dashes.

    Args:
        places: Of the answer, `None` without one.
        gold: The places that are right.
        images: Read by their headers; on one that cannot be read nothing is drawn.
    """
    if not gold and (places is None or not places.regions):
        return []
    return [overlay_html(marks) for marks in marks_of(places, gold, sizes_of(images))]


def sizes_of(images: Sequence[ImageRef]) -> list[tuple[int, int]]:
    """(width, height) of each image as it is shown; (1, 1) of one that cannot be read."""
    sizes = []
    for image in images:
        try:
            sizes.append(shown_size(image))
        except (WbError, OSError):
            sizes.append((1, 1))  # its own place says why it is not there
    return sizes


def legend_html(places: AnsweredRegions | None, gold: Sequence[Region] = ()) -> str:
    """`━ answer [12, 40, 96, 131] IoU 0.71 ╍ gold [10, 38, 99, 130]`, and what was left out."""
    parts = []
    if places is not None and places.regions:
        words = " ".join(places.lines[:_NAMED]) + _more(places.regions)
        over = f" <b>{esc(places.overlap_words)}</b>" if places.overlap_words else ""
        parts.append(f"{_sign(ANSWER_SIGN, ANSWER)} answer {esc(words, 400)}{over}")
    elif places is not None and places.judged is not None:
        parts.append("no box or point in the answer")
    if gold:
        words = words_of(gold[:_NAMED], places.images if places is not None else 1) + _more(gold)
        parts.append(f"{_sign(GOLD_SIGN, GOLD)} gold {esc(words, 400)}")
    if places is not None and places.problems:
        said = esc("; ".join(places.problems), 400)
        parts.append(f'<span style="font-style:italic">{said}</span>')
    return " &nbsp; ".join(parts)


_NAMED = 3  # of a legend's places; the others are counted


def _more(regions: Sequence[Region]) -> str:
    return f" and {len(regions) - _NAMED} more" if len(regions) > _NAMED else ""


def _sign(sign: str, colour: tuple[int, int, int]) -> str:
    ground = "background:#222;padding:0 .2em"  # seen on any page
    return '<span style="color:#{:02x}{:02x}{:02x};{}">{}</span>'.format(*colour, ground, sign)
