"""Pictures printed in a terminal by its own graphics: kitty's protocol, or iTerm2's, by term-image.

Guarantee: the terminal is asked nothing: which protocol it speaks is `protocol`'s choice,
term-image's own queries are switched off before it draws, and its size of a cell is the kernel's.
A picture is lines of as many cells as it is wide, so that pictures lie side by side. Not for the
bench, whose screen is made of cells (`workbench.app.widgets.frames`).
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from workbench.errors import UsageError
from workbench.images.terminal.protocol import DEFAULT_CELL, choose_protocol

if TYPE_CHECKING:
    from PIL import Image

Printed = Literal["kitty", "iterm2"]  # what term-image draws of the protocols
PROTOCOLS: tuple[Printed, ...] = ("kitty", "iterm2")
HOW = "pip install --no-deps term-image (its pin of Pillow is older than what it needs)"


def choose(wish: str, environ: Mapping[str, str] | None = None) -> Printed | None:
    """What `--images` means for what is printed; `None` draws half cells, as for sixels.

    Raises:
        UsageError: A protocol was asked for by name and term-image is not installed.
    """
    chosen = choose_protocol(wish, environ)
    if chosen not in PROTOCOLS:
        return None
    if installed():
        return chosen
    if wish == chosen:
        raise UsageError(f"--images {wish} needs term-image", hint=HOW)
    return None


def installed() -> bool:
    """Whether term-image is here; it is not imported for it."""
    return find_spec("term_image") is not None


def picture_lines(
    image: Image.Image, protocol: Printed, width: int, height: int, cell: tuple[int, int]
) -> tuple[list[str], int]:
    """Draw a picture as large as fits, in its own shape.

    Args:
        image: Decoded.
        protocol: What the terminal speaks.
        width: Columns at most.
        height: Lines at most.
        cell: (width, height) of a cell in pixels.

    Returns:
        What to write for each line, after which the cursor stands right of the picture, and the
        columns that it takes.
    """
    kind = _kinds()[protocol]
    scale = min(width * cell[0] / image.width, height * cell[1] / image.height)
    columns = max(1, min(width, round(image.width * scale / cell[0])))
    lines = max(1, min(height, round(image.height * scale / cell[1])))
    drawn = kind(image.convert("RGB"))
    drawn.cell = cell
    drawn.set_size(columns, lines)
    # Every line by itself (L), aligned to the left and the top without any padding.
    return format(drawn, "<1.^1+L").split("\n"), columns


@functools.cache
def _kinds() -> dict[str, Any]:
    """term-image's classes, silenced, with the size of a cell that they are told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where stdout is no terminal
        import term_image
        from term_image.image import ITerm2Image, KittyImage
    term_image.disable_queries()

    class Kitty(KittyImage):
        cell = DEFAULT_CELL

        def _get_render_size(self) -> tuple[int, int]:
            return _pixels(self, self.cell)

    class ITerm2(ITerm2Image):
        cell = DEFAULT_CELL

        def _get_render_size(self) -> tuple[int, int]:
            return _pixels(self, self.cell)

    for kind in (Kitty, ITerm2):
        kind.forced_support = True  # otherwise it asks the terminal
    return {"kitty": Kitty, "iterm2": ITerm2}


def _pixels(drawn: Any, cell: tuple[int, int]) -> tuple[int, int]:
    columns, lines = drawn.rendered_size
    return columns * cell[0], lines * cell[1]
