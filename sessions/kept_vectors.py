"""What was computed of a picture, kept by the SHA-256 of its bytes and by what computed it.

Guarantee: bytes are given out only under the very scope and hash that they were kept under, and
only where they still have their checksum; any number of processes use the file at once; it holds
no more than its bound, beyond which what was used longest ago goes. A lost file costs time alone.
"""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress

from sessions.bounded import let_go, used_bytes
from sessions.database import clear_errors, transaction
from sessions.home_database import HomeDatabase

FILE_NAME = "pictures.sqlite3"
DEFAULT_MB = 512
_AT_ONCE = 500  # keys of one question to SQLite
_TOUCH_S = 3600.0  # that a row was used is written down no more often

MIGRATIONS = [
    """
    CREATE TABLE scopes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE vectors (
        scope INTEGER NOT NULL REFERENCES scopes(id),
        picture BLOB NOT NULL,
        body BLOB NOT NULL,
        seal INTEGER NOT NULL,
        used REAL NOT NULL,
        PRIMARY KEY (scope, picture)
    ) WITHOUT ROWID;
    CREATE INDEX vectors_by_use ON vectors(used)
    """,
]


def bound_bytes() -> int:
    """The most that is kept: `WB_KEEP_FEATURES_MB` where it is a number, else 512 MiB; 0: none."""
    value = os.environ.get("WB_KEEP_FEATURES_MB", "")
    return (int(value) if value.isdecimal() else DEFAULT_MB) * 2**20


class KeptVectors(HomeDatabase):
    """The kept vectors of one home; of use to any thread.

    Attributes:
        path: The SQLite file.
    """

    file_name = FILE_NAME
    migrations = MIGRATIONS

    def find(self, scope: str, pictures: Iterable[str]) -> dict[str, bytes]:
        """What is kept of these pictures (hex SHA-256); what is damaged counts as not kept.

        Raises:
            RecordError: The file cannot be read.
        """
        wanted = list(dict.fromkeys(pictures))
        found: dict[str, bytes] = {}
        old: list[bytes] = []
        fresh_until = time.time() - _TOUCH_S
        with self._lock, clear_errors(self.path):
            for start in range(0, len(wanted), _AT_ONCE):
                some = [bytes.fromhex(each) for each in wanted[start : start + _AT_ONCE]]
                marks = ",".join("?" * len(some))
                rows = self._db.execute(
                    "SELECT picture, body, seal, used FROM vectors WHERE scope ="
                    f" (SELECT id FROM scopes WHERE name = ?) AND picture IN ({marks})",
                    [scope, *some],
                )
                for picture, body, seal, used in rows.fetchall():
                    if seal == _seal(scope, picture, body):
                        found[picture.hex()] = body
                        old += [picture] if used < fresh_until else []
        if old:
            self._touch(scope, old)
        return found

    def keep(self, scope: str, bodies: Mapping[str, bytes]) -> None:
        """Keep these, all or none, and let go what is beyond the bound.

        Args:
            scope: What computed them, and everything else that they depend on.
            bodies: Hex SHA-256 of a picture -> what was computed of it.

        Raises:
            RecordError: The file cannot be written, or the disk is full.
        """
        most = bound_bytes()
        if not bodies or not most:
            return
        when = time.time()
        rows = [(bytes.fromhex(picture), body) for picture, body in bodies.items()]
        with self._lock:
            with transaction(self._db, self.path) as db:
                db.execute("INSERT OR IGNORE INTO scopes (name) VALUES (?)", (scope,))
                (ident,) = db.execute("SELECT id FROM scopes WHERE name = ?", (scope,)).fetchone()
                db.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?)",
                    [(ident, key, body, _seal(scope, key, body), when) for key, body in rows],
                )
            let_go(self._db, self.path, "vectors", "scope, picture", most)

    def bytes(self) -> int:
        """Bytes of the file that are in use. Raises `RecordError`."""
        with self._lock:
            return used_bytes(self._db, self.path)

    def _touch(self, scope: str, pictures: list[bytes]) -> None:
        # That it was used matters to nothing but the order in which rows go.
        with suppress(sqlite3.Error):
            when = time.time()
            self._db.executemany(
                "UPDATE vectors SET used = ? WHERE picture = ? AND scope ="
                " (SELECT id FROM scopes WHERE name = ?)",
                [(when, picture, scope) for picture in pictures],
            )


def _seal(scope: str, picture: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(picture, zlib.crc32(scope.encode())))
