"""Remote files in blocks: a bounded cache in memory and on disk, filled ahead of the reader.

Guarantee: memory holds at most `MEMORY` bytes of blocks and the disk `disk_budget()`; a block on
disk carries a checksum, and one that a crash or a full disk spoilt is fetched again. A block is
fetched once however many threads want it. The one thread that reads ahead is a daemon that only
fills the cache: it is never waited for, so neither a dropped reader nor the end of the process
hangs on it. What it cannot fetch is left to whoever needs it, who then gets the error.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import zlib
from collections import OrderedDict, deque
from pathlib import Path

from sessions.plain_files import read_plain
from workbench.data.hub.environment import HubError, Remote
from workbench.data.hub.http_requests import iter_range

BLOCK = 1024 * 1024
_MOST_ON_DISK = 2 * BLOCK  # a block and its checksum are less
MEMORY = 48 * BLOCK
DISK_MB = 4096
AHEAD = 4  # stretches that wait to be read ahead; of more, the oldest are dropped
IDLE_S = 20.0  # without work, the thread that reads ahead ends

Key = tuple[str, int]


def disk_budget() -> int:
    """Bytes of blocks that are kept on disk: `WB_HUB_CACHE_MB`, 4096 where it is not set."""
    value = os.environ.get("WB_HUB_CACHE_MB", "")
    return (int(value) if value.isdigit() else DISK_MB) * 1024 * 1024


class Blocks:
    """The blocks of every remote file that this process reads; see the module."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._memory: OrderedDict[Key, bytes] = OrderedDict()
        self._held = 0
        self._coming: set[Key] = set()
        self._wanted: deque[tuple[Remote, int, int]] = deque(maxlen=AHEAD)
        self._thread: threading.Thread | None = None
        self._disk = _Disk()

    def read(self, remote: Remote, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`. Raises `HubError`."""
        parts = []
        for number in range(start // BLOCK, (max(stop, start + 1) - 1) // BLOCK + 1):
            block = self._find((remote.etag, number))
            while block is None:
                self.ensure(remote, number * BLOCK, stop)
                block = self._find((remote.etag, number))
            low = number * BLOCK
            parts.append(block[max(start - low, 0) : stop - low])
        return b"".join(parts)

    def has(self, remote: Remote, start: int, stop: int) -> bool:
        """Whether all of a stretch is here already."""
        return all(
            (remote.etag, n) in self._memory or self._disk.has((remote.etag, n))
            for n in range(start // BLOCK, (stop - 1) // BLOCK + 1)
        )

    def ensure(self, remote: Remote, start: int, stop: int) -> None:
        """Have a stretch in the cache: one request for each gap in it. Raises `HubError`.

        No more than half of what memory holds is fetched at a time.
        """
        stop = min(stop, start + MEMORY // 2, remote.size)
        numbers = range(start // BLOCK, (max(stop, start + 1) - 1) // BLOCK + 1)
        keys = [(remote.etag, number) for number in numbers]
        missing = [key for key in keys if self._find(key) is None]
        with self._lock:
            mine = [key for key in missing if key not in self._coming and key not in self._memory]
            self._coming.update(mine)
        try:
            for first, last in _runs([number for _, number in mine]):
                self._fetch(remote, first, last)
        finally:
            with self._lock:
                self._coming.difference_update(mine)
                self._lock.notify_all()
        with self._lock:  # others are fetching the rest
            while any(key in self._coming for key in keys):
                self._lock.wait()

    def ahead(self, remote: Remote, start: int, stop: int) -> None:
        """Fetch a stretch in the background, soon; returns at once and never raises."""
        stop = min(stop, remote.size)
        if stop <= start or self.has(remote, start, stop):
            return
        with self._lock:
            self._wanted.append((remote, start, stop))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="wb-hub-ahead", daemon=True)
                self._thread.start()
            self._lock.notify_all()

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._wanted:
                    if not self._lock.wait(IDLE_S) and not self._wanted:
                        self._thread = None
                        return
                remote, start, stop = self._wanted.popleft()
            with contextlib.suppress(Exception):  # whoever needs it asks again and is told
                self.ensure(remote, start, stop)

    def _fetch(self, remote: Remote, first: int, last: int) -> None:
        """Blocks `first` to `last` in one request, kept as soon as each is whole."""
        buffer, number = bytearray(), first
        for chunk in iter_range(remote, first * BLOCK, min((last + 1) * BLOCK, remote.size)):
            buffer += chunk
            while len(buffer) >= BLOCK:
                self._keep((remote.etag, number), bytes(buffer[:BLOCK]))
                del buffer[:BLOCK]
                number += 1
        if buffer:
            self._keep((remote.etag, number), bytes(buffer))

    def _find(self, key: Key) -> bytes | None:
        with self._lock:
            block = self._memory.get(key)
            if block is not None:
                self._memory.move_to_end(key)
                return block
        block = self._disk.read(key)
        if block is not None:
            self._remember(key, block)
        return block

    def _keep(self, key: Key, block: bytes) -> None:
        self._remember(key, block)
        self._disk.write(key, block)

    def _remember(self, key: Key, block: bytes) -> None:
        with self._lock:
            if key not in self._memory:
                self._held += len(block)
            self._memory[key] = block
            self._memory.move_to_end(key)
            while self._held > MEMORY:
                self._held -= len(self._memory.popitem(last=False)[1])


class _Disk:
    """Blocks as files, `<etag>/<number>`: a checksum of four bytes, then the block."""

    def __init__(self) -> None:
        self._folder = _folder()
        self._written = 0
        self._swept = False
        self._sweeper: threading.Thread | None = None

    def has(self, key: Key) -> bool:
        return self._folder is not None and self._path(key).is_file()

    def read(self, key: Key) -> bytes | None:
        if self._folder is None:
            return None
        path = self._path(key)
        try:
            body = read_plain(path, _MOST_ON_DISK)
            os.utime(path)  # what is used is the last to go
        except OSError:
            return None
        block = body[4:]
        if zlib.crc32(block) == int.from_bytes(body[:4], "big"):
            return block
        path.unlink(missing_ok=True)
        return None

    def write(self, key: Key, block: bytes) -> None:
        """Keep a block; where that cannot be done it is only fetched again."""
        budget = disk_budget()
        if self._folder is None or len(block) > budget:
            return
        path = self._path(key)
        temporary = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fd, temporary = tempfile.mkstemp(prefix=".part-", dir=path.parent)
            with os.fdopen(fd, "wb") as file:
                file.write(zlib.crc32(block).to_bytes(4, "big") + block)
            Path(temporary).replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(temporary).unlink(missing_ok=True)
            return
        self._written += len(block)
        if not self._swept or self._written > budget // 16:
            self._swept, self._written = True, 0
            # Hundreds of files go at a time: nobody who jumps to a sample shall wait for that.
            self.settle()
            goal = budget - budget // 8
            sweeper = threading.Thread(target=sweep, args=(self._folder, goal), name="wb-hub-sweep")
            sweeper.daemon = True
            sweeper.start()
            self._sweeper = sweeper

    def settle(self) -> None:
        """Wait until what is too much has gone: the next lot may only then be too much again."""
        if self._sweeper is not None:
            self._sweeper.join()

    def _path(self, key: Key) -> Path:
        assert self._folder is not None
        return self._folder / key[0] / str(key[1])


def sweep(folder: Path, budget: int) -> int:
    """Delete what was used longest ago until `budget` bytes are left; returns the bytes left."""
    found: list[tuple[float, int, Path]] = []
    with contextlib.suppress(OSError):
        for path in folder.glob("*/*"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                found.append((facts.st_mtime, facts.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= budget:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size
    return total


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Neighbouring numbers as (first, last)."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _folder() -> Path | None:
    from sessions.errors import RecordError
    from sessions.paths import cache_dir

    try:
        return cache_dir() / "hub" / "blocks"
    except (OSError, RecordError):
        return None


_blocks: Blocks | None = None
_making = threading.Lock()


def blocks() -> Blocks:
    """The blocks of this process."""
    global _blocks
    with _making:
        if _blocks is None or _blocks._disk._folder != _folder():
            _blocks = Blocks()
        return _blocks


def _forget() -> None:
    global _blocks, _making
    _blocks, _making = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)

__all__ = ["BLOCK", "Blocks", "HubError", "blocks", "disk_budget", "sweep"]
