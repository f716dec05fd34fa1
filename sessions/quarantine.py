"""Damaged lines are set aside, never dropped in silence.

`<file>.bad` holds one JSON object per damaged line: where it stood and its bytes. A line is
written there once, however often and by however many processes the file is read. Not for
repair: the damaged line stays in its file, where readers skip and count it.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

from sessions.json_line import parse_line, to_line
from sessions.locks import open_locked, write_all
from sessions.paths import cannot_write


def bad_path(path: Path) -> Path:
    """Where the damaged lines of `path` are set aside."""
    return path.with_name(path.name + ".bad")


def quarantine(path: Path, lines: list[tuple[int, bytes]]) -> None:
    """Copy damaged lines, each `(offset in bytes, bytes)`, to `<path>.bad` where they are new.

    Raises:
        RecordError: The copy cannot be written; a reader may go on, a repair must not.
    """
    entries = [_entry(line) for line in lines]
    aside = bad_path(path)
    try:
        with open_locked(aside) as (fd, size):
            known = _known(fd, size)
            new = b"".join(to_line(entry) for entry in entries if entry["sha256"] not in known)
            if new:
                torn = size and os.pread(fd, 1, size - 1) != b"\n"
                write_all(fd, b"\n" * bool(torn) + new)
    except OSError as error:
        raise cannot_write(aside, error) from error


def _known(fd: int, size: int) -> set[str]:
    lines = os.pread(fd, size, 0).split(b"\n")
    entries = (parse_line(line) for line in lines if line)
    return {str(entry.get("sha256")) for entry in entries if entry}


def _entry(line: tuple[int, bytes]) -> dict[str, Any]:
    offset, data = line
    try:
        body = {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        body = {"base64": base64.b64encode(data).decode("ascii")}
    # The offset is part of the identity: the same rubbish twice is two damaged lines.
    digest = hashlib.sha256(b"%d:" % offset + data).hexdigest()
    return {"v": 1, "offset": offset, "bytes": len(data), "sha256": digest, **body}
