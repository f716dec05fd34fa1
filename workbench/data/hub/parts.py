"""A file that is being fetched: its bytes where they belong, and a journal of what is there.

Guarantee: the journal names a stretch only after its bytes were written, so that a process that
was killed has lost at most `STEP` bytes of each stretch in flight. A power cut can tear both:
whoever calls a part whole compares its digest. Not for two processes at once.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from sessions.plain_files import read_text
from workbench.data.hub.manifest import PARTIAL

STEP = 1024 * 1024  # bytes between two lines of the journal
Ranges = tuple[tuple[int, int], ...]


class PartialFile:
    """The part of one file in a folder; opened when it is first written to.

    Args:
        folder: Of the dataset.
        etag: The hub's name for the content: another version is another part.
        size: Bytes of the whole file.
    """

    def __init__(self, folder: Path, etag: str, size: int) -> None:
        self.path, self.size = folder / PARTIAL / etag, size
        self.journal = self.path.with_name(f"{etag}.ranges")
        self.there: Ranges = join(self._read())

    def open(self) -> PartWriter:
        """A writer; several may write to different stretches at once. Raises `OSError`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return PartWriter(self)

    def covers(self, ranges: Ranges) -> bool:
        """Whether all of these stretches are there."""
        return not subtract(ranges, self.there)

    def remove(self) -> None:
        """Take it away."""
        for path in (self.journal, self.path):
            path.unlink(missing_ok=True)

    def _read(self) -> Iterable[tuple[int, int]]:
        try:
            lines, size = read_text(self.journal).splitlines(), self.path.stat().st_size
        except (OSError, ValueError):
            return
        for line in lines:
            with contextlib.suppress(ValueError):
                start, stop, end = line.split(" ")  # a torn line has no end
                if end == "." and 0 <= int(start) < int(stop) <= min(self.size, size):
                    yield int(start), int(stop)


class PartWriter:
    """Writes stretches of a part, and notes them."""

    def __init__(self, part: PartialFile) -> None:
        self._file = os.open(part.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._journal = os.open(part.journal, flags, 0o600)
        os.write(self._journal, b"\n")  # closes a line that a killed writer left

    def write(self, start: int, data: bytes) -> None:
        """Put bytes where they belong. Raises `OSError` where the disk is full."""
        view, at = memoryview(data), start
        while view:
            written = os.pwrite(self._file, view, at)
            view, at = view[written:], at + written

    def note(self, start: int, stop: int) -> None:
        """Say that a stretch is there."""
        if stop > start:
            os.write(self._journal, b"%d %d .\n" % (start, stop))

    def sync(self) -> None:
        """Wait until the disk has it all."""
        os.fsync(self._file)

    def close(self) -> None:
        """Let the files go."""
        os.close(self._file)
        os.close(self._journal)


def join(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Stretches in order, overlapping and touching ones as one."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return tuple(found)


def subtract(ranges: Ranges, there: Ranges) -> Ranges:
    """What of `ranges` is not in `there`; both as `join` gives them."""
    left: list[tuple[int, int]] = []
    for start, stop in ranges:
        for low, high in there:
            if high <= start or low >= stop:
                continue
            if low > start:
                left.append((start, low))
            start = max(start, high)
        if start < stop:
            left.append((start, stop))
    return tuple(left)


def total(ranges: Ranges) -> int:
    """Bytes in all."""
    return sum(stop - start for start, stop in ranges)
