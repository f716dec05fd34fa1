"""Answers of models, kept by a hash of all that they depend on, so that nobody asks twice.

What the hash is made of is said by whoever asks (`workbench.evaluation.answer_key`). Guarantee: an
answer is given out only under the very key that it was kept under, and only where its bytes still
have their checksum; any number of processes use the file at once; it holds no more than its bound,
beyond which the answers that were used longest ago go. A lost file costs time alone.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sessions.bounded import let_go, used_bytes
from sessions.database import clear_errors, transaction
from sessions.home_database import HomeDatabase
from sessions.ids import now
from sessions.json_line import load_json
from sessions.paths import database_dir
from sessions.plain_files import is_there

FILE_NAME = "answers.sqlite3"
DEFAULT_MB = 1024
_AT_ONCE = 500  # keys of one question to SQLite
_TOUCH_S = 3600.0  # that an answer was used is written down no more often

MIGRATIONS = [
    """
    CREATE TABLE scopes (
        id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, facts TEXT NOT NULL, made TEXT NOT NULL
    );
    CREATE TABLE answers (
        key TEXT PRIMARY KEY,
        scope INTEGER NOT NULL REFERENCES scopes(id),
        body TEXT NOT NULL,
        seal TEXT NOT NULL,
        used REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX answers_by_use ON answers(used);
    CREATE INDEX answers_by_scope ON answers(scope)
    """,
]


@dataclass(frozen=True)
class AnswerScope:
    """The answers of one model under one set of circumstances.

    Attributes:
        digest: Of everything that they have in common.
        facts: What that is, as it was given.
        count: How many there are.
        made: When the first was kept.
    """

    digest: str
    facts: Mapping[str, Any]
    count: int
    made: str


def bound_bytes() -> int:
    """The most that is kept: `WB_KEEP_ANSWERS_MB` where it is a number, else 1 GiB; 0 keeps none.

    `wb config set keep_answers_mb N` is the same for good.
    """
    value = os.environ.get("WB_KEEP_ANSWERS_MB", "")
    return (int(value) if value.isdecimal() else DEFAULT_MB) * 2**20


def any_kept() -> bool:
    """Whether this home has a file of kept answers; makes none."""
    return is_there(database_dir(create=False) / FILE_NAME)


class KeptAnswers(HomeDatabase):
    """The kept answers of one home; of use to any thread."""

    file_name = FILE_NAME
    migrations = MIGRATIONS

    def find(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The bodies of those keys that are kept; what is damaged counts as not kept.

        Raises:
            RecordError: The file cannot be read.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[str, dict[str, Any]] = {}
        old: list[str] = []
        fresh_until = time.time() - _TOUCH_S
        with self._lock, clear_errors(self.path):
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                rows = self._db.execute(
                    f"SELECT key, body, seal, used FROM answers WHERE key IN ({marks})", some
                )
                for key, body, seal, used in rows.fetchall():
                    if seal != _seal(key, body):
                        continue
                    with suppress(ValueError):
                        found[key] = dict(load_json(body))
                        old += [key] if used < fresh_until else []
        if old:
            self._touch(old)
        return found

    def keep(self, scope: str, facts: str, bodies: Mapping[str, str]) -> None:
        """Keep answers, all or none; one of a key that is there already takes its place.

        Args:
            scope: Digest of what these answers have in common.
            facts: What that is, as JSON.
            bodies: Key -> the answer as JSON.

        Raises:
            RecordError: The file cannot be written, or the disk is full.
        """
        if not bodies:
            return
        when = time.time()
        with self._lock, transaction(self._db, self.path) as db:
            db.execute(
                "INSERT OR IGNORE INTO scopes (digest, facts, made) VALUES (?, ?, ?)",
                (scope, facts, now()),
            )
            (ident,) = db.execute("SELECT id FROM scopes WHERE digest = ?", (scope,)).fetchone()
            db.executemany(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)",
                [(key, ident, body, _seal(key, body), when) for key, body in bodies.items()],
            )

    def holds(self, scope: str) -> bool:
        """Whether anything is kept of a scope. Raises `RecordError`."""
        with self._lock, clear_errors(self.path):
            found = self._db.execute(
                "SELECT 1 FROM answers WHERE scope = (SELECT id FROM scopes WHERE digest = ?)"
                " LIMIT 1",
                (scope,),
            )
            return found.fetchone() is not None

    def trim(self, bound: int | None = None) -> int:
        """Let go what was used longest ago, where the bound was passed; how many went.

        Args:
            bound: In bytes; `bound_bytes()` where not given.

        Raises:
            RecordError: The file cannot be written.
        """
        most = bound_bytes() if bound is None else bound
        with self._lock:
            gone = let_go(self._db, self.path, "answers", "key", most)
            if gone:
                with transaction(self._db, self.path) as db:
                    db.execute("DELETE FROM scopes WHERE id NOT IN (SELECT scope FROM answers)")
        return gone

    def bytes(self) -> int:
        """Bytes of the file that are in use. Raises `RecordError`."""
        with self._lock:
            return used_bytes(self._db, self.path)

    def scopes(self) -> list[AnswerScope]:
        """Whose answers are kept, the newest first. Raises `RecordError`."""
        with self._lock, clear_errors(self.path):
            rows = self._db.execute(
                "SELECT s.digest, s.facts, s.made, count(*) FROM scopes s"
                " JOIN answers a ON a.scope = s.id GROUP BY s.id ORDER BY s.id DESC"
            ).fetchall()
        return [AnswerScope(digest, _facts(text), n, made) for digest, text, made, n in rows]

    def clear(self) -> int:
        """Forget all of them; how many there were. Raises `RecordError`."""
        with self._lock:
            with transaction(self._db, self.path) as db:
                gone = db.execute("DELETE FROM answers").rowcount
                db.execute("DELETE FROM scopes")
            with suppress(sqlite3.Error):  # in use elsewhere: the file stays as long as it is
                self._db.execute("VACUUM")
        return gone

    def _touch(self, keys: list[str]) -> None:
        # That it was used matters to nothing but the order in which answers go.
        with suppress(sqlite3.Error):
            when = time.time()
            self._db.executemany(
                "UPDATE answers SET used = ? WHERE key = ?", [(when, key) for key in keys]
            )


def _seal(key: str, body: str) -> str:
    return hashlib.sha256(f"{key}\n{body}".encode()).hexdigest()[:16]


def _facts(text: str) -> dict[str, Any]:
    with suppress(ValueError):
        found = load_json(text)
        return found if isinstance(found, dict) else {}
    return {}
