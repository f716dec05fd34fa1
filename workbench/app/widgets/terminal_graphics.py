"""Pictures as the commands of a terminal's graphics, for a screen that is made of cells.

Guarantee: pure functions; the terminal is asked nothing. Kitty's placeholders are characters, and
so scroll, clip and lie below dialogs as text does; sixels and iTerm2's pictures are stamped on
the screen where they lie, and again whenever that place is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

if TYPE_CHECKING:
    from PIL import Image

_CHUNK = 4096  # bytes of base64 that one command of kitty's protocol may carry


def kitty(
    image: Image.Image, cells: tuple[int, int], number: int
) -> tuple[list[list[Segment]], str, str] | None:
    """A picture for kitty.

    Args:
        image: At the size in pixels at which it is shown.
        cells: (columns, lines) that it covers.
        number: Its id in the terminal.

    Returns:
        The placeholders, a list of segments per line; what is sent before they are drawn; what
        frees it again. `None` where it covers more cells than can be numbered.
    """
    from workbench.app.widgets.protocol import quiet_import

    module = quiet_import("textual_image.renderable.tgp")
    marks = getattr(module, "_NUMBER_TO_DIACRITIC", None)
    if not marks or cells[0] > len(marks) or cells[1] > len(marks):
        return None
    payload = _png(image)
    parts = [payload[i : i + _CHUNK] for i in range(0, len(payload), _CHUNK)]
    upload = ""
    for index, part in enumerate(parts):
        more = int(index < len(parts) - 1)
        head = f"i={number},f=100,q=2,m={more}" if index == 0 else f"m={more},q=2"
        upload += f"\x1b_G{head};{part}\x1b\\"
    upload += f"\x1b_Ga=p,U=1,i={number},c={cells[0]},r={cells[1]},q=2\x1b\\"
    remove = f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"
    style = Style(color=Color.from_rgb(number >> 16 & 255, number >> 8 & 255, number & 255))
    high = chr(marks[number >> 24 & 255])
    rows = [
        [
            Segment(
                "".join(f"\U0010eeee{chr(marks[y])}{chr(marks[x])}{high}" for x in range(cells[0])),
                style,
            )
        ]
        for y in range(cells[1])
    ]
    return rows, upload, remove


def sixels(image: Image.Image) -> str:
    """A picture as sixels, empty where that cannot be made."""
    from workbench.app.widgets.protocol import quiet_import

    module = quiet_import("textual_image._sixel")
    if module is None or not hasattr(module, "image_to_sixels"):
        return ""
    return module.image_to_sixels(image)


def iterm2(image: Image.Image, cells: tuple[int, int]) -> str:
    """A picture for iTerm2 and those that speak its protocol, over (columns, lines) of cells."""
    payload = _png(image)
    size = len(payload) * 3 // 4 - payload.count("=")
    shape = f"width={cells[0]};height={cells[1]};preserveAspectRatio=0"
    return f"\x1b]1337;File=inline=1;size={size};{shape}:{payload}\x07"


def _png(image: Image.Image) -> str:
    """The picture as a PNG in base64."""
    import base64
    import io

    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode()
