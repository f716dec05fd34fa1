"""Which way images reach this terminal: the one choice of the bench and of commands that print.

Guarantee: decided from the setting and the environment alone (which SSH hands on: `TERM`,
`LC_TERMINAL`); nothing is ever asked of the terminal. Half cells are right everywhere, so they are
what every doubt ends in. Not for drawing: `inline` draws for commands, `workbench.app.widgets` for
the bench.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Mapping
from typing import Literal

Protocol = Literal["kitty", "sixel", "iterm2", "halfcell", "off"]

# Terminals known to draw sixels; most others that could do not say so in their environment.
_SIXEL_TERMS = ("foot", "mlterm", "contour", "yaft")
_SIXEL_PROGRAMS = ("mintty", "rio")
_KITTY_PROGRAMS = ("ghostty", "kitty")
# WezTerm draws sixels too: commands that print can do without those.
_ITERM2_PROGRAMS = ("iTerm.app", "WezTerm")
# Width and height of a cell in pixels where the kernel does not know: the common 1:2.
DEFAULT_CELL = (10, 20)


def choose_protocol(setting: str, environ: Mapping[str, str] | None = None) -> Protocol:
    """How to draw images.

    Args:
        setting: `auto`, `kitty`, `sixel`, `iterm2`, `halfcell` or `off`; other words are depths of
            colour, and draw half cells.
        environ: The environment; `os.environ` where omitted.
    """
    env = os.environ if environ is None else environ
    if setting in ("kitty", "sixel", "iterm2", "halfcell", "off"):
        return setting  # type: ignore[return-value]
    if setting != "auto":
        return "halfcell"
    term = env.get("TERM", "")
    # A multiplexer or a browser stands between: only characters are sure to arrive.
    if env.get("TMUX") or env.get("STY") or term.startswith(("tmux", "screen")):
        return "halfcell"
    if env.get("TEXTUAL_DRIVER"):
        return "halfcell"
    program = env.get("TERM_PROGRAM", "")
    if env.get("KITTY_WINDOW_ID") or term in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    if program in _KITTY_PROGRAMS:
        return "kitty"
    if term.startswith(_SIXEL_TERMS) or program in _SIXEL_PROGRAMS:
        return "sixel"
    # Over SSH too: iTerm2 has its name sent along.
    if program in _ITERM2_PROGRAMS or env.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    return "halfcell"


def cell_pixels() -> tuple[int, int]:
    """(width, height) of a cell in pixels, as the kernel knows it, else `DEFAULT_CELL`."""
    try:
        import fcntl
        import termios

        for stream in (sys.__stderr__, sys.__stdout__):
            if stream is None or not stream.isatty():
                continue
            raw = fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
            rows, columns, width, height = struct.unpack("HHHH", raw)
            if rows and columns and width and height:
                return max(1, width // columns), max(1, height // rows)
    except (ImportError, OSError, ValueError):
        pass  # no terminal, or none that says
    return DEFAULT_CELL
