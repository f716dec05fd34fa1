"""What stands in the place of an image when one asks what its absence does.

Path integration starts from a blank image, occlusion and deletion put a part of one over the
picture. A blank is never neutral to a model; the kinds are there to be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import UnknownName

if TYPE_CHECKING:
    from PIL import Image

BLANKS = ("border", "mean", "blur", "grey")


def blank(image: Image.Image, kind: str) -> Image.Image:
    """An image of the same size that shows nothing of what stood in it.

    Args:
        image: RGB.
        kind: `border`, the median colour of its outermost pixels; `mean`, its mean colour;
            `blur`, itself blurred by a quarter of its shorter side; `grey`, 50 % grey.

    Raises:
        UnknownName: There is no such kind.
    """
    from PIL import Image, ImageFilter

    if kind not in BLANKS:
        raise UnknownName(f"unknown blank: {kind!r}", hint=f"the blanks are {', '.join(BLANKS)}")
    if kind == "blur":
        return image.filter(ImageFilter.GaussianBlur(max(1.0, min(image.size) / 4)))
    pixels = np.asarray(image, np.float32)
    if kind == "border":
        ring = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        colour = np.median(ring, axis=0)
    elif kind == "mean":
        colour = pixels.reshape(-1, 3).mean(axis=0)
    else:
        colour = np.full(3, 127.5)
    return Image.new("RGB", image.size, tuple(int(c) for c in np.rint(colour)))


def local_blank(image: Image.Image, box: tuple[int, int, int, int]) -> tuple[int, int, int]:
    """The mean colour of the ring around a box (x0, y0, x1, y1), half a box wide on each side."""
    x0, y0, x1, y1 = box
    pixels = np.asarray(image, np.float32)
    mx, my = max(1, (x1 - x0) // 2), max(1, (y1 - y0) // 2)
    outer = np.zeros(pixels.shape[:2], bool)
    outer[max(0, y0 - my) : y1 + my, max(0, x0 - mx) : x1 + mx] = True
    outer[y0:y1, x0:x1] = False
    ring = pixels[outer] if outer.any() else pixels.reshape(-1, 3)
    red, green, blue = (int(c) for c in np.rint(ring.mean(axis=0)))
    return red, green, blue
