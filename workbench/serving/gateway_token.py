"""The token of `wb engine serve`: made here, or kept in a file that nobody else can read.

Guarantee: a file that others could read or write is refused, not used; a new one is private from
its first byte.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from workbench.errors import UsageError

_SHORTEST = 16
_LONGEST = 4096


def new_token() -> str:
    """256 random bits, in letters that need no quoting."""
    return secrets.token_urlsafe(32)


def token_from(path: Path) -> str:
    """The token in a file; where there is none, a new one is made and written to it (0600).

    Raises:
        UsageError: The file is no plain one of ours alone, holds no token, or cannot be written.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        return _write(path)
    except OSError as error:
        raise UsageError(f"--token-file {path}: {error.strerror or error}") from error


def _read(path: Path) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise UsageError(f"--token-file {path} is no plain file")
        if info.st_uid != os.getuid() or info.st_mode & 0o077:
            raise UsageError(
                f"--token-file {path} can be read or written by others",
                hint=f"make it yours alone: chmod 600 {path}, and put a new token in it",
            )
        token = os.read(fd, _LONGEST + 1).decode("ascii", "replace").strip()
    finally:
        os.close(fd)
    if not _SHORTEST <= len(token) <= _LONGEST or not token.isprintable() or " " in token:
        raise UsageError(
            f"--token-file {path} holds no token of at least {_SHORTEST} letters",
            hint="name a file that does not exist, and one is made",
        )
    return token


def _write(path: Path) -> str:
    token = new_token()
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="ascii") as stream:
            stream.write(token + "\n")
    except OSError as error:
        raise UsageError(f"--token-file {path}: {error.strerror or error}") from error
    return token
