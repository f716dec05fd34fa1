"""The UID cache: bookmarks with tags and notes, a history, and cursors that cycle.

Guarantee: any number of processes use it at once; a change that returned survives kill -9;
processes that share a cursor get each UID once per cycle. Not for the samples themselves: a UID
may name a dataset that is not there today.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sessions.atomic import atomic_write
from sessions.bookmarks import Bookmark, Visit, check_tags, from_line
from sessions.database import clear_errors, is_local, network_warning, transaction
from sessions.errors import BadUid, NoSuchRecord, RecordError
from sessions.home_database import HomeDatabase
from sessions.ids import now
from sessions.json_line import to_line
from sessions.paths import cannot_read
from sessions.plain_files import read_plain
from sessions.uid import Uid

FILE_NAME = "uids.sqlite3"
HISTORY_KEPT = 10_000
_MOST_IMPORTED = 2**28

MIGRATIONS = [
    """
    CREATE TABLE bookmarks (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        uid TEXT NOT NULL UNIQUE,
        dataset TEXT NOT NULL,
        note TEXT NOT NULL DEFAULT '',
        added TEXT NOT NULL
    );
    CREATE TABLE tags (
        uid TEXT NOT NULL REFERENCES bookmarks(uid) ON DELETE CASCADE,
        tag TEXT NOT NULL,
        PRIMARY KEY (uid, tag)
    );
    CREATE INDEX tags_by_tag ON tags(tag, uid);
    CREATE TABLE visits (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL, ts TEXT NOT NULL
    );
    CREATE TABLE cursors (name TEXT PRIMARY KEY, seq INTEGER NOT NULL);
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)
    """,
]


class UidCache(HomeDatabase):
    """The bookmarks, history and cursors of one home."""

    file_name = FILE_NAME
    migrations = MIGRATIONS

    def warning(self) -> str | None:
        """What to tell the user about a file system that is not known to be local, once ever."""
        if is_local(self.path):
            return None
        try:
            return self._first_warning()
        except RecordError:
            return network_warning(self.path)  # nothing can be written down: told each time

    def _first_warning(self) -> str | None:
        with self._write() as db:
            told = db.execute("INSERT OR IGNORE INTO facts VALUES ('told_network', ?)", (now(),))
            return network_warning(self.path) if told.rowcount else None

    def add(self, uid: str | Uid, tags: Iterable[str] = (), note: str = "") -> Bookmark:
        """Set a UID aside; tags add up, a note that is not empty replaces the old one.

        Raises:
            BadUid: It is no UID.
        """
        self.add_many([uid], tags, note)
        return self.get(uid)

    def add_many(self, uids: Iterable[str | Uid], tags: Iterable[str] = (), note: str = "") -> None:
        """Set several aside, all or none. Raises as `add` does."""
        checked, words, ts = [str(Uid.parse(uid)) for uid in uids], check_tags(tags), now()
        with self._write():
            for uid in checked:
                self._add(Bookmark(uid, words, note, ts))

    def get(self, uid: str | Uid) -> Bookmark:
        """One bookmark. Raises `NoSuchRecord` where the UID is not set aside."""
        found = self._select("WHERE b.uid = ?", [str(Uid.parse(uid))])
        if not found:
            raise _not_bookmarked(uid)
        return found[0]

    def tags(self, uid: str | Uid) -> tuple[str, ...] | None:
        """The tags of a UID, `()` for a bookmark without any, `None` where it is not set aside."""
        found = self._select("WHERE b.uid = ?", [str(uid)])
        return found[0].tags if found else None

    def tag_counts(self) -> dict[str, int]:
        """How many bookmarks bear each tag, by tag."""
        return dict(self._query("SELECT tag, COUNT(*) FROM tags GROUP BY tag ORDER BY tag", []))

    def set_note(self, uid: str | Uid, note: str) -> None:
        """Replace the note, also by an empty one. Raises `NoSuchRecord`."""
        with self._write() as db:
            changed = db.execute("UPDATE bookmarks SET note = ? WHERE uid = ?", (note, str(uid)))
            if not changed.rowcount:
                raise _not_bookmarked(uid)

    def remove(self, uid: str | Uid, tag: str | None = None) -> bool:
        """Take a bookmark away, or one tag of it; whether there was such a thing.

        A bookmark whose last tag is taken off goes with it, unless it has a note.
        """
        with self._write() as db:
            if tag is None:
                return bool(db.execute("DELETE FROM bookmarks WHERE uid = ?", (str(uid),)).rowcount)
            off = db.execute("DELETE FROM tags WHERE uid = ? AND tag = ?", (str(uid), tag))
            if off.rowcount:
                db.execute(
                    "DELETE FROM bookmarks WHERE uid = ? AND note = '' "
                    "AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.uid = bookmarks.uid)",
                    (str(uid),),
                )
            return bool(off.rowcount)

    def list(self, tag: str | None = None, dataset: str | None = None) -> list[Bookmark]:  # noqa: A003
        """The bookmarks in the order in which they were set aside."""
        where, values = _where(tag, dataset)
        return self._select(where, values)

    def next(self, tag: str | None = None, dataset: str | None = None) -> str | None:
        """Move the cursor of this filter on and return its UID; after the last comes the first.

        The cursor is shared: processes that call this at the same time get different UIDs.
        `None` where the filter fits nothing.
        """
        return self._move(tag, dataset, forwards=True)

    def prev(self, tag: str | None = None, dataset: str | None = None) -> str | None:
        """As `next`, backwards."""
        return self._move(tag, dataset, forwards=False)

    def visit(self, uid: str | Uid) -> None:
        """Note that a sample was looked at; the last `HISTORY_KEPT` are kept."""
        with self._write() as db:
            row = db.execute(
                "INSERT INTO visits (uid, ts) VALUES (?, ?)", (str(Uid.parse(uid)), now())
            ).lastrowid
            db.execute("DELETE FROM visits WHERE seq <= ?", ((row or 0) - HISTORY_KEPT,))

    def history(self, limit: int = 100) -> list[Visit]:
        """The UIDs last looked at, each once, the newest first."""
        sql = "SELECT uid, ts, MAX(seq) AS s FROM visits GROUP BY uid ORDER BY s DESC LIMIT ?"
        return [Visit(uid, ts) for uid, ts, _ in self._query(sql, [limit])]

    def export(self, path: Path, *, tag: str | None = None, dataset: str | None = None) -> int:
        """Write the bookmarks to a JSONL file, replaced at once; returns how many."""
        found = self.list(tag, dataset)
        atomic_write(Path(path), b"".join(to_line({"v": 1, **b.to_json()}) for b in found))
        return len(found)

    def import_(self, path: Path, *, tags: Iterable[str] = ()) -> tuple[list[str], list[str]]:
        """Merge a file of bookmarks: JSON lines of an export, or one UID per line.

        Args:
            path: The file.
            tags: Given to every one of them, beside their own.

        Returns:
            The UIDs that were merged, and what was wrong with each line that was not.

        Raises:
            RecordError: The file cannot be read.
        """
        try:
            lines = read_plain(Path(path), _MOST_IMPORTED).split(b"\n")
        except OSError as error:
            raise cannot_read(Path(path), error) from error
        more, wrong, merged = check_tags(tags), [], []
        with self._write():
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    mark = from_line(line, more)
                    self._add(mark)
                    merged.append(mark.uid)
                except (RecordError, BadUid) as error:
                    wrong.append(f"line {number}: {error.message}")
        return merged, wrong

    def _add(self, mark: Bookmark) -> None:
        self._db.execute(
            "INSERT INTO bookmarks (uid, dataset, note, added) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (uid) DO UPDATE SET note = "
            "CASE excluded.note WHEN '' THEN note ELSE excluded.note END",
            (mark.uid, Uid.parse(mark.uid).dataset, mark.note, mark.added),
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO tags VALUES (?, ?)", [(mark.uid, tag) for tag in mark.tags]
        )

    def _move(self, tag: str | None, dataset: str | None, *, forwards: bool) -> str | None:
        where, values = _where(tag, dataset)
        name = f"{tag or ''}\x1f{dataset or ''}"
        order, beyond = ("ASC", ">") if forwards else ("DESC", "<")
        joined = f"{where} {'AND' if where else 'WHERE'} b.seq {beyond} ?"
        with self._write() as db:
            row = db.execute("SELECT seq FROM cursors WHERE name = ?", (name,)).fetchone()
            select = "SELECT b.seq, b.uid FROM bookmarks b"
            tail = f"ORDER BY b.seq {order} LIMIT 1"
            found = None
            if row:
                found = db.execute(f"{select} {joined} {tail}", [*values, row[0]]).fetchone()
            found = found or db.execute(f"{select} {where} {tail}", values).fetchone()
            if not found:
                return None
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (name, found[0]))
            return found[1]

    def _select(self, where: str, values: list[Any]) -> list[Bookmark]:
        # \x1f cannot be in a tag: `check_tags` refuses control characters.
        sql = (
            "SELECT b.uid, b.note, b.added, "
            "(SELECT group_concat(tag, char(31)) FROM tags t WHERE t.uid = b.uid) "
            f"FROM bookmarks b {where} ORDER BY b.seq"
        )
        return [
            Bookmark(uid, tuple(sorted(tags.split("\x1f"))) if tags else (), note, added)
            for uid, note, added, tags in self._query(sql, values)
        ]

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._db, self.path) as db:
            yield db

    def _query(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        with self._lock, clear_errors(self.path):
            return self._db.execute(sql, values).fetchall()


def _where(tag: str | None, dataset: str | None) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    if tag is not None:
        parts.append("EXISTS (SELECT 1 FROM tags t WHERE t.uid = b.uid AND t.tag = ?)")
        values.append(tag)
    if dataset is not None:
        name, _, split = dataset.partition("/")
        parts.append("b.dataset = ?")
        values.append(name)
        if split:
            parts.append("substr(b.uid, 1, ?) = ?")
            values += [len(dataset) + 1, f"{dataset}/"]
    return ("WHERE " + " AND ".join(parts) if parts else ""), values


def _not_bookmarked(uid: str | Uid) -> NoSuchRecord:
    return NoSuchRecord(f"{uid} is not bookmarked", hint="see: wb bookmark list")
