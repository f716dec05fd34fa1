"""Ask long work to stop at its next safe point: SIGTERM, SIGINT or the caller's own wish.

Guarantee: the first signal only raises a flag, so that a batch or a checkpoint is finished; a
second SIGINT interrupts as usual. Handlers are put back on leaving, and none are set outside of
the main thread.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Enough(Exception):
    """A training that goes on finds that its evaluations were enough already."""


class StopFlag:
    """Whether to stop; callable, so that it fits wherever a `cancelled` is wanted."""

    def __init__(self, cancelled: Callable[[], bool] | None = None) -> None:
        self._event = threading.Event()
        self._cancelled = cancelled
        self.reason = ""

    def __call__(self) -> bool:
        """True once a signal came or the caller wants it."""
        if not self._event.is_set() and self._cancelled is not None and self._cancelled():
            self.set("cancelled")
        return self._event.is_set()

    def set(self, reason: str) -> None:
        """Raise the flag; the first reason stays."""
        self.reason = self.reason or reason
        self._event.set()


@contextmanager
def stop_on_signals(cancelled: Callable[[], bool] | None = None) -> Iterator[StopFlag]:
    """A flag that SIGTERM and the first SIGINT raise."""
    flag = StopFlag(cancelled)
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def handle(number: int, _: FrameType | None) -> None:
        again = flag.reason != ""
        flag.set(f"cancelled by {signal.Signals(number).name}")
        if again and number == signal.SIGINT:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
