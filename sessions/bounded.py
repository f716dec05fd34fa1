"""A table of SQLite that holds no more than its bound: what was used longest ago goes.

The table has a column `used`, seconds since the epoch. Guarantee: nothing goes below the bound.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sessions.database import clear_errors, transaction

_KEPT_SHARE = 0.9  # of the bound, once it was passed


def used_bytes(db: sqlite3.Connection, path: Path) -> int:
    """Bytes of the file that are in use. Raises `RecordError`."""
    with clear_errors(path):
        pages, free, size = (
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    return (pages - free) * size


def let_go(db: sqlite3.Connection, path: Path, table: str, key: str, most: int) -> int:
    """Delete what was used longest ago where the file holds more than `most` bytes.

    Args:
        db: Its connection.
        path: The file, for messages.
        table: Its table with the column `used`.
        key: The columns of its primary key, comma-separated.
        most: The bound in bytes.

    Returns:
        How many rows went.

    Raises:
        RecordError: The file cannot be written.
    """
    if used_bytes(db, path) <= most:
        return 0
    gone = 0
    with transaction(db, path):
        while used_bytes(db, path) > most * _KEPT_SHARE:
            (left,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
            if not left:
                break
            gone += db.execute(
                f"DELETE FROM {table} WHERE ({key}) IN"
                f" (SELECT {key} FROM {table} ORDER BY used, {key} LIMIT ?)",
                (max(1, left // 10),),
            ).rowcount
    return gone
