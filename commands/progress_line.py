"""Progress on stderr while the rows of a split are indexed or joined, when it is first opened.

Guarantee: prints nothing if the work takes less than a second. On a terminal the line is removed
at the end; in a file or pipe a line is written now and then. stdout is never touched.
"""

from __future__ import annotations

import sys
import time

import click

from workbench.data.progress import tell_always, words
from workbench.terminal import redraw
from workbench.text import clean

QUIET_S = 0.7  # of what is over sooner nothing is said
EVERY_S = 10.0  # between two lines where stderr is no terminal


def show_reading(ctx: click.Context) -> None:
    """Have this command tell how far a long reading is."""
    line = Line()
    tell_always(line)
    ctx.call_on_close(line.clear)  # before an error is printed


class Line:
    """One line that is drawn over; see `workbench.data.progress.Listener`."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._what = ""
        self._began = self._last = time.monotonic()
        self._drawn = False

    def __call__(self, done: int, total: int | None, what: str) -> None:
        """Draw it, or take it away at the end."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._began, self._last = what, now, now
        if done == total:
            self.clear()
        elif self._terminal:
            if now - self._began >= QUIET_S:
                redraw(words(done, total, what))
                self._drawn = True
        elif now - self._last >= EVERY_S:
            self._last = now
            click.echo(clean(words(done, total, what), newlines=False), err=True)

    def clear(self) -> None:
        """Leave no trace of it on a terminal."""
        if self._drawn:
            self._drawn = False
            redraw("")
