"""Many small ranges of a remote file, fetched by a few threads and handed on in order.

Guarantee: at most `AHEAD` ranges are held; the threads are daemons and stop when the reader is
closed, dropped or fails. Not for content that is read again: see `workbench.data.hub.blocks`.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TypeVar

from workbench.data.hub.environment import Remote
from workbench.data.hub.http_requests import read_range

WORKERS = 6
AHEAD = 16
Range = tuple[int, int]
Item = TypeVar("Item")
Found = TypeVar("Found")


class Fetching:
    """Ranges of one file, in the order in which they were given; see the module.

    Args:
        remote: The file.
        ranges: `(start, stop)` each.
    """

    def __init__(self, remote: Remote, ranges: Sequence[Range]) -> None:
        self._state = _State(remote, ranges)
        # Threads hold the state and not this object: dropping it lets them end.
        weakref.finalize(self, self._state.stop)
        for _ in range(min(WORKERS, len(ranges))):
            threading.Thread(target=self._state.work, name="wb-hub-range", daemon=True).start()

    def take(self, number: int) -> bytes:
        """The bytes of a range; to be asked for in order. Raises `HubError`."""
        return self._state.take(number)

    def close(self) -> None:
        """Fetch no more."""
        self._state.stop()


class _State:
    def __init__(self, remote: Remote, ranges: Sequence[Range]) -> None:
        self._remote, self._ranges = remote, ranges
        self._changed = threading.Condition()
        self._done: dict[int, bytes | BaseException] = {}
        self._next = self._given = 0
        self._stopped = False

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._done.clear()
            self._changed.notify_all()

    def work(self) -> None:
        while True:
            with self._changed:
                while self._next >= self._given + AHEAD and not self._stopped:
                    self._changed.wait()
                if self._stopped or self._next >= len(self._ranges):
                    return
                number, self._next = self._next, self._next + 1
            try:
                found: bytes | BaseException = read_range(self._remote, *self._ranges[number])
            except BaseException as error:
                found = error
            with self._changed:
                self._done[number] = found
                self._changed.notify_all()

    def take(self, number: int) -> bytes:
        with self._changed:
            self._given = max(self._given, number)
            self._changed.notify_all()
            while number not in self._done:
                self._changed.wait()
            found = self._done.pop(number)
        if isinstance(found, BaseException):
            raise found
        return found


def merge(ranges: Sequence[Range], gap: int, longest: int) -> list[Range]:
    """Ranges in order, those at most `gap` bytes apart as one, while it is not too long."""
    merged: list[Range] = []
    for start, stop in sorted(ranges):
        if merged and start - merged[-1][1] <= gap and stop - merged[-1][0] <= longest:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def in_parallel(work: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
    """What `work` gives for each item, by a few threads that nobody waits for at exit.

    Raises:
        Exception: The first that `work` raised, in the order of the items.
    """
    done: dict[int, Found | Exception] = {}
    changed, numbers = threading.Condition(), iter(range(len(items)))

    def run() -> None:
        while True:
            with changed:
                number = next(numbers, None)
            if number is None:
                return
            try:
                found: Found | Exception = work(items[number])
            except Exception as error:
                found = error
            with changed:
                done[number] = found
                changed.notify_all()

    for _ in range(min(WORKERS, len(items))):
        threading.Thread(target=run, name="wb-hub-work", daemon=True).start()
    with changed:
        while len(done) < len(items):
            changed.wait()
    results = []
    for number in range(len(items)):
        found = done[number]
        if isinstance(found, Exception):
            raise found
        results.append(found)
    return results
