"""What the model's thread says to the event loop: handed over in small lots, not word by word.

Guarantee: nothing is lost or reordered; the first event after a pause is handed over at once, those
that follow it at most `PACE_S` later. Why: waking the loop and writing to a socket takes the
interpreter's lock from the thread that decodes; at 250 tokens/s it would cost a tenth of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")

# Far below what an eye or a terminal can tell apart, some tokens of a small model.
PACE_S = 0.015


class EventQueue(Generic[Item]):
    """Filled by any thread, emptied by one task of the loop that it was made in."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[Item] = deque()
        self._there = asyncio.Event()
        self._rung = False
        self._emptied = float("-inf")

    def put(self, item: Item) -> None:
        """Add one, from any thread; the loop is woken only where it sleeps."""
        self._items.append(item)
        if not self._rung:
            self._rung = True
            # The loop may be closed when the engine leaves; then nobody is there to be told.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._there.set)

    async def take(self, wait_s: float) -> list[Item]:
        """All that is there, in its order; empty where nothing comes for so many seconds."""
        if (early := self._emptied + PACE_S - self._loop.time()) > 0:
            await asyncio.sleep(early)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while not self._items:
                    self._there.clear()
                    self._rung = False
                    # One that was put before that, and so did not ring, is seen here.
                    if not self._items:
                        await self._there.wait()
        taken = [self._items.popleft() for _ in range(len(self._items))]
        self._emptied = self._loop.time()
        return taken
