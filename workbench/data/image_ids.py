"""Which pictures a sample shows, by their bytes: what a run's key and its clusters are made of.

Guarantee: equal bytes have equal ids wherever they lie; a file whose bytes changed has another id,
provided that its size, its times or its inode did (the digest is kept under all four). A picture at
a URL is known by its URL: it is not fetched for this. A lost or unwritable cache costs time only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

from sessions.errors import WbError

if TYPE_CHECKING:
    from workbench.data.base import Source
    from workbench.sample import ImageRef, Sample

LENGTH = 32  # hex digits, 128 bits: no two of a dataset's pictures share them by chance
# A file written this recently can change again within one tick of its clock: it is not kept.
_SETTLED_S = 2.0
_FLUSH = 2_000
_MIGRATIONS = (
    "CREATE TABLE digests (path TEXT PRIMARY KEY, stamp TEXT NOT NULL, digest TEXT NOT NULL)",
)


def files_digest(source: Source) -> str:
    """Hex digest of the picture files that the samples of a split name; empty without any.

    The split's revision covers what is in its tables, and no file beside them. Reads each file
    once, and of a known one its size and times alone.
    """
    if getattr(source, "pinned", False) or source.length is None:
        return ""
    ids, found = ImageIds(), dict[str, str]()
    for sample in source.iter():
        for ref in sample.images:
            if ref.path is not None and str(ref.path) not in found:
                found[str(ref.path)] = f"{ref.name} {ids.of_image(ref)}\n"
    ids.save()
    lines = "".join(sorted(found.values()))  # wherever the files lie
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest() if found else ""


class ImageIds:
    """Ids of pictures, remembered between processes. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._tried = False
        self._new: dict[str, tuple[str, str]] = {}

    def of(self, sample: Sample) -> list[str]:
        """The ids of a sample's pictures, in their order; empty for one that cannot be read."""
        return [self.of_image(ref) for ref in sample.images]

    def of_image(self, ref: ImageRef) -> str:
        """The id of one picture."""
        try:
            if ref.path is not None:
                return self._of_file(ref)
            if ref.url is not None and not ref.url.startswith("data:"):
                return "url:" + hashlib.sha256(ref.url.encode()).hexdigest()[: LENGTH - 4]
            return ref.sha256()[:LENGTH]
        except (WbError, OSError, ValueError):
            return ""

    def save(self) -> None:
        """Write what is new."""
        with self._lock:
            self._flush()

    def _of_file(self, ref: ImageRef) -> str:
        assert ref.path is not None
        path, facts = os.path.abspath(ref.path), os.stat(ref.path)  # noqa: PTH100, PTH116
        times = facts.st_mtime_ns, facts.st_ctime_ns
        stamp = f"{facts.st_size} {times[0]} {times[1]} {facts.st_ino}"
        with self._lock:
            known = self._known(path)
            if known is not None and known[0] == stamp:
                return known[1]
        digest = ref.sha256()[:LENGTH]
        if time.time() - max(times) / 1e9 > _SETTLED_S:
            with self._lock:
                self._new[path] = (stamp, digest)
                if len(self._new) >= _FLUSH:
                    self._flush()
        return digest

    def _known(self, path: str) -> tuple[str, str] | None:
        if path in self._new:
            return self._new[path]
        self._open()
        if self._database is None:
            return None
        try:
            found = "SELECT stamp, digest FROM digests WHERE path = ?"
            return self._database.execute(found, (path,)).fetchone()
        except sqlite3.Error:
            return None

    def _open(self) -> None:
        if self._tried:
            return
        self._tried = True
        with contextlib.suppress(WbError, OSError, sqlite3.Error):
            from sessions.database import connect
            from sessions.paths import cache_dir

            self._database = connect(cache_dir() / "image-digests.db", _MIGRATIONS)

    def _flush(self) -> None:
        new, self._new = self._new, {}
        if not new or self._database is None:
            return
        with contextlib.suppress(sqlite3.Error):
            rows = [(path, *entry) for path, entry in new.items()]
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", rows)
            self._database.execute("COMMIT")
