"""Images as data URLs for a notebook: bounded in pixels and in bytes.

Guarantee: no picture is sent larger than `MOST_PIXELS` a side, whatever the file holds; one that
cannot be read leaves its place with the reason in it. Not for saving images: exports are.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.markup import BAD, esc, muted, row

if TYPE_CHECKING:
    from PIL import Image

    from workbench.sample import ImageRef

MOST_PIXELS = 640
MOST_IMAGES = 12
# Larger ones are not tried as PNG, and a PNG of few bytes needs no comparison.
_PNG_PIXELS = 256 * 256
_PNG_BYTES = 8_000


def data_url(image: Image.Image) -> str:
    """A picture inside a URL, scaled down where needed: PNG of a small drawing, else JPEG."""
    if max(image.size) > MOST_PIXELS:
        image = image.copy()
        image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    image = image.convert("RGB")
    png = _encoded(image, "png") if image.width * image.height <= _PNG_PIXELS else b""
    jpeg = _encoded(image, "jpeg", quality=85) if len(png) > _PNG_BYTES or not png else b""
    # A photo in PNG is several times its JPEG; a drawing is not, and stays sharp.
    kind, data = ("png", png) if png and (not jpeg or len(png) <= len(jpeg)) else ("jpeg", jpeg)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _encoded(image: Image.Image, kind: str, **knobs: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **knobs)
    return buffer.getvalue()


def img(image: Image.Image, *, width: int, height: int = 0, alt: str = "", over: str = "") -> str:
    """A picture as HTML.

    Args:
        image: Of any size.
        width: That it takes at most, CSS pixels; a smaller picture is enlarged to it, its pixels
            kept sharp.
        height: That it takes at most; 0 is as much as `width`.
        alt: What it is, in words.
        over: HTML laid over it, placed by percent.
    """
    scale = min(width / image.width, (height or width) / image.height)
    wide, high = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    sharp = "image-rendering:pixelated;" if scale > 1 else ""
    picture = (
        f'<img src="{data_url(image)}" alt="{esc(alt, 200)}" width="{wide}" height="{high}" '
        f'style="{sharp}display:block;max-width:none;margin:0">'
    )
    return f'<div style="position:relative;width:{wide}px;height:{high}px">{picture}{over}</div>'


def enough(width: int) -> int:
    """How many pixels a side are sent for a width on the screen: screens draw two to one."""
    return min(MOST_PIXELS, 2 * width)


def shown(ref: ImageRef, *, width: int, height: int = 0, alt: str = "", over: str = "") -> str:
    """An image of a sample as HTML, with HTML over it; where it cannot be had, why."""
    from workbench.errors import ImageError
    from workbench.images.decode import thumbnail

    try:
        picture = thumbnail(ref, (enough(width), enough(height or width)))
    except ImageError as error:
        style = f"background:{BAD};padding:.5em;max-width:{width}px;overflow-wrap:anywhere"
        return f'<div style="{style}">{esc(error.message, 400)}</div>'
    return img(picture, width=width, height=height, alt=alt, over=over)


def images_row(
    refs: Sequence[ImageRef], *, width: int, height: int = 0, overs: Sequence[str] = ()
) -> str:
    """The images of a prompt or a sample from left to right, at most `MOST_IMAGES` of them.

    Args:
        refs: The images.
        width: Of each at most, CSS pixels.
        height: Of each at most; 0 is as much as `width`.
        overs: HTML to lay over each, as `img` takes it.
    """
    parts = [
        shown(
            ref,
            width=width,
            height=height,
            alt=ref.name or f"image {number + 1}",
            over=overs[number] if number < len(overs) else "",
        )
        for number, ref in enumerate(refs[:MOST_IMAGES])
    ]
    if len(refs) > MOST_IMAGES:
        parts.append(muted(f"and {len(refs) - MOST_IMAGES} more images"))
    return row(parts)
