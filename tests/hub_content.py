"""What the hub of the tests holds, what is asked of it, and what it is told to do wrong."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHUNK = 64 * 1024


@dataclass
class Blob:
    """One version of a file: bytes, or a file on disk that is sent as it lies."""

    content: bytes | Path
    large: bool

    def __post_init__(self) -> None:
        body = self.content
        self.size = len(body) if isinstance(body, bytes) else body.stat().st_size
        sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % self.size)
        for chunk in self.read(0, self.size):
            sha256.update(chunk)
            git.update(chunk)
        self.sha256, self.oid = sha256.hexdigest(), git.hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.oid

    def read(self, start: int, stop: int):
        """The bytes from `start` to `stop`, in chunks."""
        if isinstance(self.content, bytes):
            for at in range(start, stop, CHUNK):
                yield self.content[at : min(at + CHUNK, stop)]
            return
        with self.content.open("rb") as file:
            file.seek(start)
            while start < stop:
                chunk = file.read(min(CHUNK, stop - start))
                if not chunk:
                    return
                start += len(chunk)
                yield chunk


@dataclass
class Repo:
    """A repository: its commits, and which names stand for which of them."""

    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    token: str | None = None  # who reads it must send this one
    gated: bool = False
    moved_to: str = ""


@dataclass
class Fault:
    """What happens to the next requests whose path holds `where`.

    Attributes:
        status: Answer with this instead; 0 to answer rightly.
        headers: Sent with it.
        drop_after: Cut the connection after so many bytes of the body.
        hold: Wait for this before the body is sent: a slow hub without a clock.
        times: How many requests it happens to.
    """

    where: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    drop_after: int | None = None
    hold: threading.Event | None = None
    times: int = 1


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    range: str
    authorization: str


def entry(path: str, blob: Blob) -> dict[str, Any]:
    """A file as a tree lists it."""
    found: dict[str, Any] = {"type": "file", "oid": blob.oid, "size": blob.size, "path": path}
    if blob.large:
        found["lfs"] = {"oid": blob.sha256, "size": blob.size, "pointerSize": 134}
    return found


def card(files: Mapping[str, Blob]) -> dict[str, Any]:
    """What stands between the dashes at the head of the README."""
    import yaml

    if "README.md" not in files:
        return {}
    text = b"".join(files["README.md"].read(0, files["README.md"].size)).decode()
    head = re.match(r"^---\n(.*?)\n---", text, re.S)
    return yaml.safe_load(head[1]) if head else {}
