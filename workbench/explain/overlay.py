"""Heat laid over the image it belongs to.

Guarantee: imports numpy and Pillow, no torch. The picture keeps the image's own size; nothing is
written to disk here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import UsageError
from workbench.explain.colormaps import DEFAULT_COLORMAP, colour
from workbench.explain.result import HeatMap, stretch

if TYPE_CHECKING:
    from PIL import Image

DEFAULT_OPACITY = 0.5


def overlay(
    image: Image.Image,
    heat: HeatMap | np.ndarray,
    *,
    opacity: float = DEFAULT_OPACITY,
    colormap: str = DEFAULT_COLORMAP,
    fade: bool = False,
) -> Image.Image:
    """Paint heat over an image.

    Args:
        image: Of any size; it need not be the size that the model saw.
        heat: A `HeatMap` or a (h, w) array in 0..1 whose cells tile the image.
        opacity: 0 shows the image alone, 1 the heat alone.
        colormap: One of `workbench.explain.colormaps.COLORMAPS`.
        fade: Let cold places through: the opacity of a pixel is `opacity` times its heat.

    Returns:
        An RGB picture of the size of `image`.

    Raises:
        UsageError: The opacity is outside 0..1, or the colour map is unknown.
    """
    from PIL import Image

    if not 0 <= opacity <= 1:
        raise UsageError(f"--opacity wants a number from 0 to 1, got {opacity!r}", kind="bad_knob")
    grid = heat.grid if isinstance(heat, HeatMap) else np.asarray(heat, np.float32)
    values = np.clip(stretch(grid, image.size), 0, 1)
    painted = colour(values, colormap).astype(np.float32)
    below = np.asarray(image.convert("RGB"), np.float32)
    alpha = opacity * (values[..., None] if fade else 1.0)
    mixed = below * (1 - alpha) + painted * alpha
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def sheet(rows: Sequence[Sequence[Image.Image]], *, gap: int = 4) -> Image.Image:
    """Put pictures into one: a list of rows, left to right, on white, `gap` pixels between."""
    from PIL import Image

    heights = [max(p.height for p in row) for row in rows]
    width = max(sum(p.width for p in row) + gap * (len(row) - 1) for row in rows)
    page = Image.new("RGB", (width, sum(heights) + gap * (len(rows) - 1)), "white")
    y = 0
    for row, height in zip(rows, heights, strict=True):
        x = 0
        for picture in row:
            page.paste(picture, (x, y))
            x += picture.width + gap
        y += height + gap
    return page
