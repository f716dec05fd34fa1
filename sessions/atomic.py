"""Reading and writing files that survive kill -9, full disks and other writers.

Guarantees:
- `atomic_write`: a reader sees the old file or the new one, never a mixture; after it returns
  the new one survives a power cut.
- `append_line`: whole lines only, from any number of processes at once; after it returns the
  line survives the death of every process. It survives a power cut only with `sync=True`.
- `read_lines`: never fails on a damaged line; what cannot be read is counted and kept in
  `<file>.bad`.

Not for renaming or truncating a file under its writers: rotate by starting a new file.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sessions.errors import RecordError
from sessions.json_line import finite, parse_line, to_line
from sessions.locks import is_held, open_locked, write_all
from sessions.paths import cannot_read, cannot_write
from sessions.plain_files import open_plain, read_plain
from sessions.quarantine import quarantine

# A line longer than this is no record of ours: a reader must not be made to hold it.
MAX_LINE = 64 * 2**20


def atomic_write(path: Path, content: bytes | str, *, mode: int = 0o600) -> None:
    """Replace `path` by `content` at once and durably.

    Raises:
        RecordError: The disk is full or read-only; the old file is untouched.
    """
    path = Path(path)
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    temporary = ""
    try:
        fd, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
        try:
            os.fchmod(fd, mode)
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        Path(temporary).rename(path)
        sync_folder(path.parent)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                Path(temporary).unlink()
        raise cannot_write(path, error) from error


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """`atomic_write` of one indented JSON object; NaN and infinity become null."""
    text = json.dumps(finite(value), ensure_ascii=True, allow_nan=False, indent=2)
    atomic_write(path, text + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in `path`, `None` where the file is missing or holds none."""
    try:
        return parse_line(read_plain(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise cannot_read(path, error) from error


def sync_folder(folder: Path) -> None:
    """Make a rename or a new file in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network and FUSE file systems have no fsync for folders; they order renames.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        os.close(fd)


def append_line(path: Path, record: Mapping[str, Any], *, sync: bool = False) -> None:
    """Add one record to the end of `path`; see `append_lines`."""
    append_lines(path, [record], sync=sync)


def append_lines(path: Path, records: Iterable[Mapping[str, Any]], *, sync: bool = False) -> None:
    """Add records to the end of `path`, all of them or none, under an exclusive lock.

    A tail that a dead writer left half written is closed by a newline first, so that it cannot
    swallow ours.

    Args:
        path: Created (0600) where missing; its folder must exist.
        records: JSON-able objects, one line each.
        sync: Wait until the disk has them (some milliseconds): for what is costly to make again.

    Raises:
        RecordError: Full, read-only, or a file system without locks; nothing was added.
    """
    path = Path(path)
    data = b"".join(to_line(record) for record in records)
    if not data:
        return
    try:
        with open_locked(path) as (fd, size):
            if size and os.pread(fd, 1, size - 1) != b"\n":
                data = b"\n" + data
            try:
                write_all(fd, data)
            except OSError:
                # Every writer holds the lock, so nobody has written behind us: take it back.
                with suppress(OSError):
                    os.ftruncate(fd, size)
                raise
            if sync:
                os.fsync(fd)
        if sync and not size:
            sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error


def read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """All whole records of `path` and the number of damaged lines.

    Damaged lines are copied once to `<path>.bad` and stay counted here. A missing file is an
    empty one. A tail that a living writer is just writing is neither read nor counted.

    Raises:
        RecordError: The file is there and cannot be read at all: no permission, a FIFO, a folder.
    """
    records, bad = sort_lines(Path(path))
    if bad:
        # A home that cannot be written stops nobody from reading it.
        with suppress(RecordError):
            quarantine(Path(path), bad)
    return records, len(bad)


def sort_lines(path: Path) -> tuple[list[dict[str, Any]], list[tuple[int, bytes]]]:
    """The whole records of `path`, and its damaged lines as `(offset in bytes, bytes)`."""
    records: list[dict[str, Any]] = []
    bad: list[tuple[int, bytes]] = []
    for offset, line in _lines(path):
        record = parse_line(line)
        if record is not None:
            records.append(record)
        elif line.strip():
            bad.append((offset, line))
    return records, bad


def last_line(path: Path, *, tail: int = 65536) -> dict[str, Any] | None:
    """The last whole record of `path`, found by reading at most `tail` bytes of its end."""
    try:
        with open_plain(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - tail))
            lines = file.read().split(b"\n")
    except OSError:
        return None
    for line in reversed(lines):
        record = parse_line(line) if line else None
        if record is not None:
            return record
    return None


def follow(
    path: Path,
    stop: threading.Event | Callable[[], bool],
    *,
    start: int = 0,
    every_s: float = 0.2,
) -> Iterator[dict[str, Any]]:
    """Yield the records of `path`, those there and those to come, until `stop`.

    What stands in the file when `stop` is set is still yielded. Damaged lines are passed over:
    `read_lines` is what counts them. A file that is replaced is read from its beginning.

    Args:
        path: May not exist yet.
        stop: An event, or a function that says whether to stop.
        start: Offset in bytes to begin at.
        every_s: Seconds between looks at the file.
    """
    path, offset, inode = Path(path), start, None
    stopped = stop.is_set if isinstance(stop, threading.Event) else stop
    pause = stop.wait if isinstance(stop, threading.Event) else threading.Event().wait
    while True:
        last_look = stopped()
        with suppress(OSError), open_plain(path) as file:
            facts = os.fstat(file.fileno())
            if facts.st_size < offset or inode not in {None, facts.st_ino}:
                offset = 0
            inode = facts.st_ino
            file.seek(offset)
            while (line := file.readline(MAX_LINE)).endswith(b"\n"):
                offset += len(line)
                record = parse_line(line)
                if record is not None:
                    yield record
        if last_look:
            return
        pause(every_s)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line with its offset in bytes; an unfinished tail only where nobody is writing it."""
    try:
        with open_plain(path) as file:
            offset = 0
            while line := file.readline(MAX_LINE):
                if line.endswith(b"\n"):
                    yield offset, line[:-1]
                # A prefix of an object is never an object: a tail that parses is whole.
                elif len(line) == MAX_LINE or parse_line(line) is not None or not is_held(path):
                    yield offset, line
                offset += len(line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_read(path, error) from error
