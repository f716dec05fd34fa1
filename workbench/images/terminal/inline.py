"""Pictures printed in a terminal by its own graphics: kitty's protocol, or iTerm2's, by term-image.

Guarantee: the terminal is asked nothing: which protocol it speaks is decided from the environment
(which SSH hands on: `TERM`, `LC_TERMINAL`), term-image's own queries are switched off before it
draws, and its size of a cell is the kernel's. A picture is lines of as many cells as it is wide,
so that pictures lie side by side. Not for the bench, whose screen is made of cells
(`workbench.app.widgets.frames`).
"""

from __future__ import annotations

import functools
import os
import struct
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from workbench.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image

Protocol = Literal["kitty", "iterm2"]
PROTOCOLS: tuple[Protocol, ...] = ("kitty", "iterm2")
DEFAULT_CELL = (10, 20)  # where the kernel does not know: the common 1:2
HOW = "pip install --no-deps term-image (its pin of Pillow is older than what it needs)"


def detect(environ: Mapping[str, str] | None = None) -> Protocol | None:
    """The protocol of this terminal by what is known of it, `None` where that is none."""
    env = os.environ if environ is None else environ
    term, program = env.get("TERM", ""), env.get("TERM_PROGRAM", "")
    # A multiplexer swallows graphics, unless it is told not to.
    if env.get("TMUX") or env.get("STY") or term.startswith(("tmux", "screen")):
        return None
    if env.get("KITTY_WINDOW_ID") or term in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    if program in ("kitty", "ghostty"):
        return "kitty"
    if program in ("iTerm.app", "WezTerm") or env.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    return None


def choose(wish: str, environ: Mapping[str, str] | None = None) -> Protocol | None:
    """What `--images` means here; `None` draws half cells.

    Raises:
        UsageError: A protocol was asked for by name and term-image is not installed.
    """
    if wish in PROTOCOLS:
        if not installed():
            raise UsageError(f"--images {wish} needs term-image", hint=HOW)
        return wish
    return detect(environ) if wish == "auto" and installed() else None


def installed() -> bool:
    """Whether term-image is here; it is not imported for it."""
    return find_spec("term_image") is not None


def picture_lines(
    image: Image.Image, protocol: Protocol, width: int, height: int, cell: tuple[int, int]
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


def cell_pixels() -> tuple[int, int]:
    """(width, height) of a cell in pixels, as the kernel knows it, else `DEFAULT_CELL`."""
    try:
        import fcntl
        import termios

        raw = fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8)
        rows, columns, width, height = struct.unpack("HHHH", raw)
        if rows and columns and width and height:
            return max(1, width // columns), max(1, height // rows)
    except (ImportError, OSError):
        pass  # no terminal, or none that says
    return DEFAULT_CELL


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
