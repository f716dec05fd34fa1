"""What makes an object show itself in a notebook, and what changes while a cell runs.

Guarantee: imports no IPython; outside of a notebook an object prints as one plain, cleaned line
and nothing is displayed. An interrupt of the cell ends the work at the other end, not this
process, and is raised when what was said is on record.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from workbench import interrupt, markup

# A notebook's server drops messages that come too fast; an eye sees no more than this.
_EVERY_S = 0.05


class Shown:
    """Base of what shows itself: HTML in a notebook, a line of text anywhere else."""

    def _html(self) -> str:
        """The inside of the page."""
        raise NotImplementedError

    def _plain(self) -> str:
        """One line, or a few; cleaned."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return markup.page(self._html())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": self._plain()}

    def __repr__(self) -> str:
        return self._plain()


class ShownSideBySide(Shown):
    """Several things that show themselves, side by side.

    Attributes:
        things: What is shown, from left to right.
    """

    def __init__(self, things: Sequence[Shown]) -> None:
        self.things = tuple(things)

    def _html(self) -> str:
        each = "flex:1 1 22rem;max-width:100%"
        return markup.row(markup.card(thing._html(), each) for thing in self.things)

    def _plain(self) -> str:
        return "\n".join(thing._plain() for thing in self.things)


def shell() -> Any | None:
    """The shell of the notebook's kernel, `None` in a script or a plain terminal."""
    ipython = sys.modules.get("IPython")
    found = ipython.get_ipython() if ipython else None
    return found if found is not None and getattr(found, "kernel", None) is not None else None


class Live:
    """A place under the running cell that is drawn again and again; nothing outside a notebook."""

    def __init__(self, wanted: bool = True) -> None:
        self._on = wanted and shell() is not None
        self._handle: Any = None
        self._drawn_at = 0.0

    def draw(self, make: Callable[[], str], *, now: bool = False) -> None:
        """Show what `make` returns (the inside of a page), unless something was shown just now.

        Args:
            make: Called only where it is shown.
            now: Show it in any case.
        """
        if not self._on or not (now or time.monotonic() - self._drawn_at >= _EVERY_S):
            return
        self._drawn_at = time.monotonic()
        self._put({"text/html": markup.page(make()), "text/plain": ""})

    def clear(self) -> None:
        """Take it away again."""
        if self._handle is not None:
            self._put({"text/html": "", "text/plain": ""})

    def _put(self, bundle: dict[str, str]) -> None:
        from IPython.display import DisplayHandle

        if self._handle is None:
            self._handle = DisplayHandle()
            self._handle.display(bundle, raw=True)
        else:
            self._handle.update(bundle, raw=True)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """A flag that the first interrupt of the cell raises; the second one breaks off at once.

    Where the flag was raised, leaving the block raises `KeyboardInterrupt`, so that the cells
    below do not run and a loop ends. In a thread, which gets no interrupts, it is never raised.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    with interrupt.interruptible() as pressed:
        yield pressed
    if pressed():
        raise KeyboardInterrupt("interrupted")
