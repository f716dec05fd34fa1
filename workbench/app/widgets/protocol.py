"""How graphics commands reach the terminal past Textual, and `textual-image` without its questions.

Guarantee: nothing is ever asked of the terminal and no reply is waited for. `textual-image` asks
when it is imported; `quiet_import` keeps it from that. Not for the choice of a protocol: that is
`workbench.images.terminal.protocol`.
"""

from __future__ import annotations

import importlib
import io
import itertools
import os
import random
import sys
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

_import_lock = threading.Lock()
# Numbers of pictures in the terminal, 16 apart: a sample has fewer images than that on a screen.
# Drawn at random, so that two benches in one terminal do not draw over each other.
picture_ids = itertools.count(random.randrange(1 << 16, 1 << 23), 16)


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
