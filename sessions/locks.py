"""File locks that end with the process, whatever ends it.

Guarantee: a lock is an `flock` on an open file, so the kernel gives it back on exit, crash or
kill -9; no stale lock files, no process ids to trust. Not for file systems without locks: there
a `RecordError` says so.
"""

from __future__ import annotations

import errno
import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sessions.errors import RecordError
from sessions.paths import cannot_write
from sessions.plain_files import open_fd

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}
_HELD: weakref.WeakSet[HeldLock] = weakref.WeakSet()


@contextmanager
def open_locked(path: Path) -> Iterator[tuple[int, int]]:
    """Open `path` for appending (created 0600), lock it, and yield its descriptor and size.

    Blocks until other writers are done. Raises `OSError` where it cannot be opened.
    """
    while True:
        fd = open_fd(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            flock(fd, path)
            facts = os.fstat(fd)
            # Removed or replaced while we waited: our line would go to a file without a name.
            if _is_still(path, facts):
                yield fd, facts.st_size
                return
        finally:
            os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte of `data`, or raise `OSError`."""
    view = memoryview(data)
    while view:
        # A short write is no error: it is what a nearly full disk does before it says ENOSPC.
        view = view[os.write(fd, view) :]


def flock(fd: int, path: Path, *, shared: bool = False, wait: bool = True) -> None:
    """Lock an open file. Raises `BlockingIOError` where it is held and `wait` is false."""
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try:
        fcntl.flock(fd, how)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise RecordError(
            f"the file system of {path} has no file locks ({error.strerror})",
            hint="set WB_HOME to a folder on a local disk",
        ) from error


def is_held(path: Path) -> bool:
    """Whether any living process holds `path` locked; a missing file is not held."""
    try:
        fd = open_fd(path)
    except OSError:
        return False
    try:
        flock(fd, path, shared=True, wait=False)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class HeldLock:
    """An exclusive lock on a file of its own, held until `release` or the end of the process.

    Attributes:
        path: The lock file; it stays on disk, its existence means nothing.
        fd: The open descriptor; a child that inherits it holds the lock as well.
    """

    def __init__(self, path: Path, *, wait: bool = False) -> None:
        """Take the lock.

        Raises:
            BlockingIOError: Someone else holds it and `wait` is false.
            RecordError: The file cannot be made.
        """
        self.path = path
        try:
            self.fd = open_fd(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            flock(self.fd, path, wait=wait)
        except BaseException:
            os.close(self.fd)
            raise
        self._close = weakref.finalize(self, _close_quietly, self.fd)
        _HELD.add(self)

    def release(self) -> None:
        """Give the lock back; harmless when done twice."""
        self._close()

    @property
    def held(self) -> bool:
        """Whether this object still holds its lock."""
        return self._close.alive


def _drop_in_child() -> None:
    # A forked worker (a data loader's) that outlives a killed parent must not hold its locks.
    # Closing is enough: an explicit unlock would take the parent's lock away too.
    for lock in list(_HELD):
        lock.release()


os.register_at_fork(after_in_child=_drop_in_child)


def _close_quietly(fd: int) -> None:
    with suppress(OSError):
        os.close(fd)


def _is_still(path: Path, facts: os.stat_result) -> bool:
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    return (now.st_dev, now.st_ino) == (facts.st_dev, facts.st_ino)
