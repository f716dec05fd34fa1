"""Where each sample of a split lies: UID's native id <-> ordinal -> file and place in it.

Guarantee: built in one pass that reads the id column (and what filters need) alone, written whole
or not at all, kept in the cache and built anew when its key changes (the files, the mapping). A
lookup is one read of SQLite. Where the cache cannot be written, the index lives in memory.
Not a place for content: rows are always read from their files.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import DataError

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rows (
    ordinal INTEGER PRIMARY KEY, native TEXT NOT NULL, file INTEGER NOT NULL,
    a INTEGER NOT NULL, b INTEGER NOT NULL, number INTEGER NOT NULL, error TEXT);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample's place.

    Attributes:
        file: Which of the split's files, from 0.
        place: As the reader of that file understands it.
        number: The row, counted from 1.
        error: What the scan already found wrong with it.
    """

    native: str
    file: int
    place: tuple[int, int]
    number: int
    error: str | None = None


class Index:
    """The index of one split. May be used from several threads, and after a fork.

    Args:
        database: Filled.
        path: Where it is kept; `None` for one in memory.
    """

    def __init__(self, database: sqlite3.Connection, path: Path | None = None) -> None:
        self._database, self._path = database, path
        self._lock = threading.Lock()
        self.meta: dict[str, str] = dict(self._all("SELECT key, value FROM meta"))
        self.length = int(self.meta["length"])
        self.bad = int(self.meta["bad"])

    def find(self, native: str) -> tuple[int, Entry] | None:
        """The ordinal and the place of a native id."""
        found = self._all(f"SELECT {_COLUMNS} FROM rows WHERE native = ?", (native,))
        return (found[0][0], _entry(found[0])) if found else None

    def entries(self, start: int, count: int) -> list[Entry]:
        """At most `count` places from ordinal `start` on."""
        query = f"SELECT {_COLUMNS} FROM rows WHERE ordinal >= ? ORDER BY ordinal LIMIT ?"
        return [_entry(row) for row in self._all(query, (start, count))]

    def per_file(self) -> dict[int, tuple[int, int]]:
        """Rows, and bad rows, of each file."""
        query = "SELECT file, count(*), count(error) FROM rows GROUP BY file"
        return {file: (rows, bad) for file, rows, bad in self._all(query)}

    def after_fork(self) -> Index:
        """The same index with a connection of this process's own."""
        if self._path is None:
            self._lock = threading.Lock()  # the other one may be held by a thread that is gone
            return self
        return Index(_connect(self._path), self._path)

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    def _all(self, query: str, values: tuple[object, ...] = ()) -> list[tuple]:
        with self._lock:
            return self._database.execute(query, values).fetchall()


def open_index(path: Path | None, key: str) -> Index | None:
    """The kept index, where there is one of that key; a damaged one counts as none."""
    if path is None or not path.is_file():
        return None
    try:
        index = Index(_connect(path), path)
    except (sqlite3.Error, KeyError, ValueError):
        return None
    if index.meta.get("key") == key:
        return index
    index.close()
    return None


def _connect(path: Path) -> sqlite3.Connection:
    # Immutable: never written again under this name, so no lock is needed, not even on NFS.
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True, check_same_thread=False)


def build_index(
    path: Path | None,
    key: str,
    scan: Callable[[], Iterable[Entry]],
    *,
    count_twins: bool,
    names: list[str],
    revision: str,
) -> Index:
    """Write an index and open it.

    Args:
        path: Where to keep it; `None`, or a place that cannot be written, keeps it in memory.
        key: What it was built from.
        scan: Gives all places in order.
        count_twins: Give a second row of one id a count (`-2`) instead of refusing it.
        names: The files' names, for messages.
        revision: Of the content; kept beside, since it is dear to compute.

    Raises:
        DataError: Two rows have one id.
    """
    if path is not None:
        partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _sweep(path.parent)
            # Nobody else knows the name: no lock is needed, which NFS may not give.
            database = sqlite3.connect(f"{partial.resolve().as_uri()}?nolock=1", uri=True)
            with contextlib.closing(database):
                _write(database, {"key": key, "revision": revision}, scan(), count_twins, names)
            partial.replace(path)
            index = open_index(path, key)
            if index is not None:
                return index
        except (OSError, sqlite3.OperationalError):
            pass  # read-only or full: the index is a convenience, memory does as well
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
    database = sqlite3.connect(":memory:", check_same_thread=False)
    _write(database, {"key": key, "revision": revision}, scan(), count_twins, names)
    return Index(database)


def _sweep(folder: Path) -> None:
    """Remove what killed builders left, once it is a day old."""
    for left in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > 86_400:
                left.unlink()


def _write(
    database: sqlite3.Connection,
    facts: dict[str, str],
    entries: Iterable[Entry],
    count_twins: bool,
    names: list[str],
) -> None:
    """Fill a new database: rows as they come, the unique index and the facts at the end."""
    database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
    database.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)", _tuples(entries))
    # Rows that cannot be read may well be equal; only readable ones must differ.
    twins = "" if count_twins else "WHERE error IS NOT NULL"
    database.execute(_COUNT_TWINS.format(twins=twins))
    try:
        database.execute("CREATE UNIQUE INDEX by_native ON rows (native)")
    except sqlite3.IntegrityError:
        raise _twins(database, names, count_twins) from None
    length, bad = database.execute("SELECT count(*), count(error) FROM rows").fetchone()
    facts |= {"length": str(length), "bad": str(bad)}
    database.executemany("INSERT INTO meta VALUES (?, ?)", list(facts.items()))
    database.commit()


_COLUMNS = "ordinal, native, file, a, b, number, error"
_COUNT_TWINS = """
UPDATE rows SET native = rows.native || '-' || twin.nth FROM (
    SELECT ordinal, row_number() OVER (PARTITION BY native ORDER BY ordinal) AS nth
    FROM rows {twins}
) AS twin WHERE twin.ordinal = rows.ordinal AND twin.nth > 1
"""


def _tuples(entries: Iterable[Entry]) -> Iterator[tuple]:
    for ordinal, entry in enumerate(entries):
        yield (ordinal, entry.native, entry.file, *entry.place, entry.number, entry.error)


def _entry(row: tuple) -> Entry:
    _, native, file, a, b, number, error = row
    return Entry(native, file, (a, b), number, error)


def _twins(database: sqlite3.Connection, names: list[str], counted: bool) -> DataError:
    """The error for an id that stands twice: both rows by number, and how many such ids."""
    native, times = database.execute(
        "SELECT native, count(*) FROM rows GROUP BY native HAVING count(*) > 1"
        " ORDER BY min(ordinal) LIMIT 1"
    ).fetchone()
    (ids,) = database.execute(
        "SELECT count(*) FROM (SELECT 1 FROM rows GROUP BY native HAVING count(*) > 1)"
    ).fetchone()
    rows = database.execute(
        "SELECT file, number FROM rows WHERE native = ? ORDER BY ordinal LIMIT 2", (native,)
    ).fetchall()
    places = " and ".join(f"row {number} of {names[file]}" for file, number in rows)
    if len({file for file, _ in rows}) == 1:
        places = f"rows {rows[0][1]} and {rows[1][1]} of {names[rows[0][0]]}"
    also = [f"{times} times"] * (times > 2 or ids > 1)
    also += [f"and {ids - 1} other ids too"] * (ids > 1)
    more = f" ({', '.join(also)})" if also else ""
    return DataError(
        f"the id {native!r} occurs in {places}{more}; rows are counted from 1 after any header",
        hint="every row needs an id of its own: name another column or a template with --id,"
        " or let wb make ids with --id auto",
        kind="duplicate_id",
        about="--id",
    )


def index_path(dataset: str, split: str) -> Path | None:
    """Where the index of a split is kept; `None` where there is no cache to write to."""
    from urllib.parse import quote

    from sessions.errors import RecordError
    from sessions.paths import cache_dir

    with contextlib.suppress(OSError, RecordError):
        return cache_dir() / "index" / f"{quote(dataset, safe='')}-{quote(split, safe='')}.sqlite"
    return None
