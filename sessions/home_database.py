"""A SQLite file of the home, opened and closed as all of them are.

Guarantee: of use to any thread; what a subclass does with the connection it does under the lock.
How the file itself is kept safe: `sessions.database`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from sessions.database import Migration, connect
from sessions.paths import database_dir


class HomeDatabase:
    """One of them; a subclass names its file and its schema.

    Attributes:
        file_name: In the folder for databases.
        migrations: As `connect` takes them.
        path: The SQLite file.
    """

    file_name: ClassVar[str]
    migrations: ClassVar[Sequence[Migration]]

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self.path = path
        # One connection, any thread: sqlite3 serialises calls, only this keeps them whole.
        self._lock = threading.RLock()

    @classmethod
    def open(cls) -> Self:
        """Open the home's file, made where missing. Raises `RecordError`."""
        path = database_dir() / cls.file_name
        return cls(connect(path, cls.migrations), path)

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
