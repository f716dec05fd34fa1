"""Opening files of the home whatever lies under their names: a FIFO, a device, a loop of links.

Guarantee: opening never waits, and gives a regular file or an `OSError` that says what is there
instead; no small file is read beyond its bound. Not for writing: see `sessions.atomic`.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

# Every small file of the home is far below this; the largest are a run's config and metrics.
MAX_SMALL = 16 * 2**20

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_fd(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a regular file. Raises `OSError` for whatever else is there.

    Whoever writes may also name a device: `/dev/null` is a place to put what nobody wants.
    """
    # O_NONBLOCK: opening a FIFO would wait for its other end, for ever where there is none.
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode) and not (flags & os.O_RDWR and stat.S_ISCHR(mode)):
            what = next((word for test, word in _KINDS if test(mode)), "something else")
            raise OSError(errno.EINVAL, f"it is {what}, not a file", str(path))
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_plain(path: Path) -> BinaryIO:
    """A regular file, open for reading bytes. Raises `OSError` for whatever else is there."""
    return os.fdopen(open_fd(path), "rb")


def read_plain(path: Path, most: int = MAX_SMALL) -> bytes:
    """The bytes of a small regular file. Raises `OSError`, also where it has more than `most`."""
    with open_plain(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return data


def read_text(path: Path, most: int = MAX_SMALL) -> str:
    """`read_plain` as UTF-8. Raises `OSError`, or `ValueError` where it is not UTF-8."""
    return read_plain(path, most).decode("utf-8")


def load_toml(text: str) -> dict[str, Any]:
    """`tomllib.loads`, but what nests without end is a `ValueError` as any other bad TOML is."""
    import tomllib

    from sessions.json_line import MAX_DEPTH, is_deep

    try:
        table = tomllib.loads(text)
        deep = is_deep(table)
    except RecursionError:
        deep, table = True, {}
    if deep:
        raise ValueError(f"it nests deeper than {MAX_DEPTH}")
    return table


def is_there(path: Path) -> bool:
    """Whether anything has that name: a broken link and a loop of links too.

    No name that a user may type raises: one that is too long, or holds a NUL, is not there.
    """
    try:
        os.lstat(path)
    except (OSError, ValueError):
        return False
    return True


def is_plain(path: Path) -> bool:
    """Whether a regular file has that name; never raises, whatever the user typed."""
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def names_in(folder: Path) -> list[str]:
    """What lies in a folder, by name; `[]` where it is no folder or cannot be read."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names alone are wanted
    except (OSError, ValueError):
        return []
