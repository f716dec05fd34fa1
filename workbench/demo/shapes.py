"""Pictures of coloured shapes: what is in them, where, and how they are drawn.

Guarantee: a picture is a function of the random generator it is drawn from alone, and every
object's box is known in pixels. Not for statements about pictures: see `statements.py`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

SIZE = 64  # pixels, both sides
SHAPES = ("circle", "square", "triangle", "star")
COLORS: dict[str, tuple[int, int, int]] = {
    "red": (235, 20, 20),
    "green": (10, 135, 20),
    "blue": (20, 30, 235),
    "yellow": (250, 240, 20),
    "black": (12, 12, 12),
    "gray": (128, 128, 128),
    "teal": (0, 132, 132),
    "brown": (150, 65, 30),
}
_JITTER = 14  # how far a colour channel may stray, of 255
_OVERSAMPLE = 4  # edges are drawn this much larger and averaged down


@dataclass(frozen=True)
class Shape:
    """One object. `cx`, `cy` is its centre and `size` its height and width, in pixels."""

    kind: str
    color: str
    cx: float
    cy: float
    size: float
    rgb: tuple[int, int, int]

    @property
    def name(self) -> str:
        """For example `red circle`."""
        return f"{self.color} {self.kind}"

    @property
    def box(self) -> list[int]:
        """`[x0, y0, x1, y1]` in pixels, edges rounded outwards."""
        half = self.size / 2
        return [
            math.floor(self.cx - half),
            math.floor(self.cy - half),
            math.ceil(self.cx + half),
            math.ceil(self.cy + half),
        ]


@dataclass(frozen=True)
class Picture:
    """A light background and a few shapes that do not touch, in reading order."""

    shapes: tuple[Shape, ...]
    background: tuple[int, int, int]
    width: int = SIZE
    height: int = SIZE

    def matching(self, color: str | None, kind: str | None) -> tuple[Shape, ...]:
        """The shapes of that colour and kind; `None` stands for any."""
        return tuple(s for s in self.shapes if color in (None, s.color) and kind in (None, s.kind))

    def mirrored(self, horizontal: bool) -> Picture:
        """The same picture with left and right (or top and bottom) exchanged."""
        if horizontal:
            flipped = [replace(s, cx=self.width - s.cx) for s in self.shapes]
        else:
            flipped = [replace(s, cy=self.height - s.cy) for s in self.shapes]
        return replace(self, shapes=tuple(flipped))


def _jitter(rng: random.Random, rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    r, g, b = (min(255, max(0, c + rng.randint(-_JITTER, _JITTER))) for c in rgb)
    return r, g, b


def draw_picture(
    rng: random.Random, *, width: int = SIZE, height: int = SIZE, count: int | None = None
) -> Picture:
    """Draw a picture's content: up to four shapes on a jittered grid.

    Small shapes (13 to 19 px) lie on a grid of about 21 px; with one or two shapes, half of the
    pictures use a grid of 32 px and shapes of 18 to 28 px. The distribution is symmetric under
    mirroring, which is what keeps spatial statements balanced.

    Args:
        rng: All randomness comes from here.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        count: How many shapes; drawn from 1 to 4 when `None`.
    """
    n = count if count is not None else rng.choices((1, 2, 3, 4), weights=(1, 2, 4, 3))[0]
    large = n <= 2 and rng.random() < 0.5
    pitch = 32 if large else 64 / 3
    columns, rows = max(1, round(width / pitch)), max(1, round(height / pitch))
    cells = rng.sample(range(columns * rows), min(n, columns * rows))
    shapes = []
    for cell in sorted(cells):
        cell_w, cell_h = width / columns, height / rows
        size = rng.uniform(18, 28) if large else rng.uniform(13, 19)
        slack_x, slack_y = max(0, (cell_w - size) / 2 - 1), max(0, (cell_h - size) / 2 - 1)
        color = rng.choice(tuple(COLORS))
        shapes.append(
            Shape(
                kind=rng.choice(SHAPES),
                color=color,
                cx=(cell % columns + 0.5) * cell_w + rng.uniform(-slack_x, slack_x),
                cy=(cell // columns + 0.5) * cell_h + rng.uniform(-slack_y, slack_y),
                size=size,
                rgb=_jitter(rng, COLORS[color]),
            )
        )
    background = rng.randint(205, 255), rng.randint(205, 255), rng.randint(205, 255)
    return Picture(tuple(shapes), background, width, height)


def _outline(shape: Shape) -> Sequence[tuple[float, float]]:
    """Corner points in pixels of a shape that is a polygon."""
    half = shape.size / 2
    if shape.kind == "square":
        corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
    elif shape.kind == "triangle":
        corners = [(0, -half), (half, half), (-half, half)]
    else:  # star: five points, alternating radii, from the top
        corners = []
        for i in range(10):
            radius = half if i % 2 == 0 else half * 0.42
            angle = -math.pi / 2 + i * math.pi / 5
            corners.append((radius * math.cos(angle), radius * math.sin(angle)))
    return [(shape.cx + x, shape.cy + y) for x, y in corners]


def render(picture: Picture) -> Image.Image:
    """Draw a picture as an RGB image of `width` x `height` pixels with smooth edges."""
    from PIL import Image, ImageDraw

    k = _OVERSAMPLE
    canvas = Image.new("RGB", (picture.width * k, picture.height * k), picture.background)
    draw = ImageDraw.Draw(canvas)
    for shape in picture.shapes:
        if shape.kind == "circle":
            half = shape.size / 2
            box = (shape.cx - half, shape.cy - half, shape.cx + half, shape.cy + half)
            draw.ellipse([k * v for v in box], fill=shape.rgb)
        else:
            draw.polygon([(k * x, k * y) for x, y in _outline(shape)], fill=shape.rgb)
    return canvas.reduce(k)
