"""A file of a hub as a `DataFile`: read from a cached copy, from blocks, or over ranges.

Guarantee: stamp and digest are what the hub says of the content, so that a file has the same
identity wherever its bytes come from. Opening sends nothing; reading fetches what is read.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from workbench.data.hub.blocks import blocks
from workbench.data.hub.environment import HubError, Remote
from workbench.errors import DataError

if TYPE_CHECKING:
    from workbench.data.hub.ranges import Fetching, Range
    from workbench.data.readers.opening import ReadOptions


@dataclass(frozen=True)
class LocalCopy:
    """What of a file lies on this machine.

    Attributes:
        path: The file; bytes are where they are in the original.
        ranges: The stretches that are there; `None` for all of it.
    """

    path: Path
    ranges: tuple[tuple[int, int], ...] | None = None

    def covered(self, start: int) -> tuple[bool, int]:
        """Whether the byte at `start` is there, and where that changes (a large number: never)."""
        if self.ranges is None:
            return True, 2**62
        for low, high in self.ranges:
            if start < low:
                return False, low
            if start < high:
                return True, high
        return False, 2**62


class HubFile:
    """One version of one file of a repository.

    Args:
        remote: What it is.
        copy: What of it was cached.
        dataset: The dataset's name, for messages.
        local_only: Never ask the hub: what was not cached is an error.
        needed: Columns that are read whatever they hold (Parquet).
        first_row: Rows of the split before this file, where rows are known by their number.
        read: How a file that is no Parquet is read.
    """

    pinned = True  # one commit

    def __init__(
        self,
        remote: Remote,
        copy: LocalCopy | None = None,
        *,
        dataset: str = "",
        local_only: bool = False,
        needed: Sequence[str] | None = None,
        first_row: int | None = None,
        read: ReadOptions | None = None,
    ) -> None:
        self.remote, self.copy, self.dataset = remote, copy, dataset
        self.local_only, self.needed, self.first_row = local_only, needed, first_row
        self.read = read
        self.name = remote.name

    def open(self) -> BinaryIO:
        """See `DataFile.open`."""
        if self.remote.path.endswith((".parquet", ".pq")):
            return HubHandle(self)  # type: ignore[return-value]
        return io.BufferedReader(HubHandle(self), 256 * 1024)

    def stamp(self) -> str:
        """See `DataFile.stamp`: the hub's name for the content."""
        return f"hub:{self.remote.etag}"

    def digest(self) -> str:
        """See `DataFile.digest`."""
        return self.remote.etag

    @property
    def is_local(self) -> bool:
        """Whether all of it lies on this machine."""
        return self.copy is not None and self.copy.ranges is None

    def in_words(self, error: DataError) -> HubError:
        """The error with what to do in its message: a sample's error has no place for a hint."""
        hint = error.hint.replace("NAME", self.dataset or "NAME")
        words = f"{error.message}; {hint}" if hint else error.message
        return HubError(words, lasting=getattr(error, "lasting", True))

    def missing(self) -> HubError:
        """The error for bytes that were not cached."""
        name = self.dataset or "NAME"
        return HubError(
            f"{self.name} is not cached whole",
            hint=f"`wb data cache {name}` fetches the rest, --mode streamed reads it there",
            lasting=True,
        )


class HubHandle(io.RawIOBase):
    """An open `HubFile`: seekable, read-only. Not for two threads at once.

    Attributes:
        pinned: Stretches that were fetched for a scan, `(start, bytes)`; looked at first.
    """

    def __init__(self, file: HubFile) -> None:
        self._file, self._at = file, 0
        self._local = file.copy.path.open("rb") if file.copy is not None else None
        self.pinned: list[tuple[int, bytes]] = []

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset; see `io.IOBase.seek`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.remote.size}
        self._at = max(base[whence] + offset, 0)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; fewer only at the end. Raises `HubError`."""
        total = self._file.remote.size
        stop = total if size is None or size < 0 else min(self._at + size, total)
        if self._at >= stop:
            return b""
        parts = []
        while self._at < stop:
            part = self._piece(self._at, stop)
            parts.append(part)
            self._at += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readall(self) -> bytes:
        """All that is left."""
        return self.read(-1)

    def readinto(self, buffer, /) -> int:  # noqa: ANN001 - any writable buffer
        """See `io.RawIOBase.readinto`."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Let the cached copy go."""
        if self._local is not None:
            self._local.close()
        super().close()

    def _piece(self, start: int, stop: int) -> bytes:
        """Some bytes from `start` on, from wherever they are nearest."""
        for low, data in self.pinned:
            if low <= start < low + len(data):
                return data[start - low : stop - low]
        if self._local is not None and self._file.copy is not None:
            there, until = self._file.copy.covered(start)
            stop = min(stop, until)
            if there:
                self._local.seek(start)
                data = self._local.read(stop - start)
                if not data:
                    raise self._file.missing()
                return data
        if self._file.local_only:
            raise self._file.missing()
        return blocks().read(self._file.remote, start, stop)


class Pins:
    """Fetches the stretches that a scan reads, and lends them to its handle while it does."""

    def __init__(self, handle: HubHandle, fetching: Fetching, ranges: Sequence[Range]) -> None:
        self._handle, self._fetching, self._ranges = handle, fetching, ranges
        self._taken = 0

    def until(self, start: int, stop: int) -> None:
        """Have all stretches that begin before `stop`; those that end before `start` go."""
        pinned = [(low, data) for low, data in self._handle.pinned if low + len(data) > start]
        while self._taken < len(self._ranges) and self._ranges[self._taken][0] < stop:
            pinned.append((self._ranges[self._taken][0], self._fetching.take(self._taken)))
            self._taken += 1
        self._handle.pinned = pinned

    def close(self) -> None:
        """Fetch no more."""
        self._fetching.close()
        self._handle.pinned = []
