"""Which way images reach this terminal, decided from settings and environment alone.

Guarantee: nothing is ever asked of the terminal and no reply is waited for. `textual-image` asks
when it is imported; `quiet_import` keeps it from that. Half-cells are right everywhere, so they
are what every doubt ends in.
"""

from __future__ import annotations

import importlib
import io
import itertools
import os
import random
import struct
import sys
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from textual.app import App

Protocol = Literal["kitty", "sixel", "iterm2", "halfcell", "off"]

# Terminals known to draw sixels; most others that could do not say so in their environment.
_SIXEL_TERMS = ("foot", "mlterm", "contour", "yaft")
_SIXEL_PROGRAMS = ("WezTerm", "mintty", "rio")
_KITTY_PROGRAMS = ("ghostty", "kitty")
# Width and height of a cell in pixels where the kernel does not know: the common 1:2.
DEFAULT_CELL = (10, 20)

_import_lock = threading.Lock()
# Numbers of pictures in the terminal, 16 apart: a sample has fewer images than that on a screen.
# Drawn at random, so that two benches in one terminal do not draw over each other.
picture_ids = itertools.count(random.randrange(1 << 16, 1 << 23), 16)


def choose_protocol(setting: str, environ: Mapping[str, str] | None = None) -> Protocol:
    """How to draw images.

    Args:
        setting: `auto`, `kitty`, `sixel`, `iterm2`, `halfcell` or `off`.
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
    if program == "iTerm.app" or env.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    return "halfcell"


def send(app: App[Any], sequence: str, environ: Mapping[str, str] | None = None) -> None:
    """Send a graphics command in order with what Textual draws, not past it on stdout.

    Inside tmux each command is wrapped so that tmux hands it on, where `allow-passthrough` is on.
    """
    driver = app._driver
    if not sequence or driver is None or app.is_headless:
        return
    env = os.environ if environ is None else environ
    driver.write(passed_through(sequence) if env.get("TMUX") else sequence)


def passed_through(sequence: str) -> str:
    """Graphics commands as tmux takes them for the terminal around it, one by one."""
    commands = [part + "\x1b\\" for part in sequence.split("\x1b\\") if part]
    return "".join(f"\x1bPtmux;{part.replace(chr(27), chr(27) * 2)}\x1b\\" for part in commands)


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
        pass
    return DEFAULT_CELL


def quiet_import(name: str) -> ModuleType | None:
    """Import a module of `textual-image` without letting it talk to the terminal.

    It decides at import whether stdout is a terminal, and asks it if so; while it is imported
    stdout is none. Returns `None` where it cannot be imported: half-cells then.
    """
    with _import_lock:
        real = sys.__stdout__
        sys.__stdout__ = io.StringIO()  # type: ignore[misc,assignment]
        try:
            return importlib.import_module(name)
        except Exception:
            return None
        finally:
            sys.__stdout__ = real  # type: ignore[misc]
