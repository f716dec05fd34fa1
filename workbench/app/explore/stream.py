"""Tokens on their way from a lane to the screen, gathered between two redraws."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.sample import Token


class Stream:
    """Tokens on their way from the lane to the screen.

    Attributes:
        count: How many came in all.
        drawn: When some were drawn last, by the monotonic clock.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self.count, self.drawn = 0, 0.0
        self._tell = tell
        self._first = self._last = 0.0
        self._waiting: list[Token] = []
        self._lock = threading.Lock()

    def add(self, token: Token) -> None:
        """In the lane: one more; the screen is told once for all that wait."""
        with self._lock:
            now = time.monotonic()
            self._first = self._first or now
            self._last = now
            self.count += 1
            self._waiting.append(token)
            first = len(self._waiting) == 1
        if first:
            self._tell()

    def take(self) -> list[Token]:
        """On the event loop: those that wait."""
        with self._lock:
            taken, self._waiting = self._waiting, []
            self.drawn = time.monotonic()
        return taken

    @property
    def speed(self) -> float:
        """Tokens per second after the first, 0 where it cannot be told."""
        span = self._last - self._first
        return (self.count - 1) / span if self.count > 1 and span > 0 else 0.0
