"""How far a long reading is: told to whoever opens a source, while rows are indexed or joined.

Guarantee: a listener holds for the thread that set it, and is told a few times a second at most.
What it raises ends the reading, and nothing half made is kept. Not for bytes that are fetched:
`cache_dataset` tells of those.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

EVERY_S = 0.1
EVERY_ROWS = 256  # rows between two looks at the clock
Listener = Callable[[int, int | None, str], None]
"""Told rows read, rows in all (`None` where nobody has counted them), and what is being done."""
Item = TypeVar("Item")

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """For a listener to raise when nobody waits for the reading any more."""


@contextmanager
def telling(listener: Listener) -> Iterator[None]:
    """Have `listener` told of what this thread reads meanwhile."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def tell_always(listener: Listener) -> None:
    """Have `listener` told for the rest of this thread: for a command, which is one thing."""
    _listener.set(listener)


def counted(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """The items as they come, each some of them told to the listener, and the end of them.

    Args:
        items: What is read, one by one.
        what: In words: `indexing mine/train`.
        total: How many there will be, where that is known.
    """
    listener = _listener.get()
    if listener is None:
        yield from items
        return
    told, done = time.monotonic(), 0
    for done, item in enumerate(items, start=1):
        yield item
        if done % EVERY_ROWS == 0 and time.monotonic() - told >= EVERY_S:
            listener(done, total, what)
            told = time.monotonic()
    listener(done, done, what)


def words(done: int, total: int | None, what: str) -> str:
    """One line of it: `indexing mine/train: 34,048 of 100,000 rows`."""
    of = f" of {total:,}" if total and total >= done else ""
    return f"{what}: {done:,}{of} rows"
