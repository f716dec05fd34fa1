"""Long lists from many small files: the newest first, and what did not change is not read again.

Guarantee: a list of ten thousand shows its first screenful as soon as one of fifty does; the
event loop gets its turn between two files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
Stamp = tuple[tuple[str, int, int], ...]

SCREENFUL = 60  # read before the list is shown first
DRAWN_S = 0.1  # left to the event loop for drawing that: two threads share one interpreter
EVERY_S = 0.5  # how often more of it is shown after that


def file_stamp(path: Path | str) -> Stamp:
    """What changes when a file does; empty where it is not there."""
    try:
        facts = os.stat(path)  # noqa: PTH116 - of ten thousand files, half the time
    except OSError:
        return ()
    return (("", facts.st_mtime_ns, facts.st_size),)


def folder_stamp(folder: Path) -> Stamp:
    """What changes when anything right in a folder does; empty where it cannot be read."""
    out = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                facts = entry.stat()
                out.append((entry.name, facts.st_mtime_ns, facts.st_size))
    except OSError:
        return ()
    return tuple(sorted(out))


class Growing(Generic[T]):
    """Lines by name, each kept until its stamp changes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp, T]] = {}

    def read(
        self,
        stamps: Iterable[tuple[str, Stamp]],
        line: Callable[[str], T],
        *,
        settled: Callable[[T], bool] = lambda line: True,
    ) -> Iterator[list[T]]:
        """Give what is known after a screenful, now and again after that, and at the end.

        Args:
            stamps: (name, what changes when its line does), those to be seen first at the front.
            line: Reads a line.
            settled: Whether a line stays as it is until its stamp changes.

        Yields:
            The lines so far, in the order of `stamps`; parts of it only the first time.
        """
        first = not self._known
        seen: dict[str, tuple[Stamp, T]] = {}
        shown = time.monotonic()
        for name, stamp in stamps:
            known = self._known.get(name)
            if known is None or known[0] != stamp or not settled(known[1]):
                known = (stamp, line(name))
                time.sleep(0)  # a thread that reads on and on would leave a key waiting
            seen[name] = known
            now = time.monotonic()
            due = len(seen) == SCREENFUL or (len(seen) > SCREENFUL and now - shown > EVERY_S)
            if first and due:
                yield [one for _, one in seen.values()]
                if len(seen) == SCREENFUL:
                    time.sleep(DRAWN_S)
                shown = now
        self._known = seen
        yield [one for _, one in seen.values()]
