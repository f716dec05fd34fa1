"""SQLite as the record uses it: safe under many processes, on local and on network disks.

Guarantee: a committed change survives kill -9 at any moment; migrations run once, in order, by
one process at a time; a full, read-only, locked or damaged file is one `RecordError`. WAL is used
only on file systems known to be local, since its shared memory does not work across hosts:
everywhere else the journal is DELETE with full syncs, slower and safe. Not for large data.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sessions.errors import RecordError
from sessions.paths import make_private

BUSY_S = 30.0

# A list of the known, not of the forbidden: what nobody has heard of is taken for a network.
LOCAL_FILE_SYSTEMS = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs"}
    | {"nilfs2", "tmpfs", "ramfs", "overlay", "apfs", "hfs", "ufs", "vfat", "exfat", "ntfs3"}
)

Migration = str | Callable[[sqlite3.Connection], None]


def connect(path: Path, migrations: Sequence[Migration]) -> sqlite3.Connection:
    """Open `path`, bring its schema up to date and choose the journal that its disk allows.

    The connection is in autocommit mode (see `transaction`) and may be used from any thread, one
    at a time. A home that cannot be written, or a disk that is full, opens to be read where the
    schema is current.

    Args:
        path: Created (0600) where missing.
        migrations: SQL scripts or functions, append only: entry n leads to schema n + 1.

    Raises:
        RecordError: It cannot be opened, or a newer `wb` has migrated it.
    """
    make_private(path.parent)
    with clear_errors(path):
        first: sqlite3.Connection | None = None
        try:
            connection = first = _open(path)
            _choose_journal(connection, path)
            _migrate(connection, path, migrations)
        except sqlite3.OperationalError as error:
            if first is not None:
                first.close()  # its lock would stand in the way of the one that only reads
            connection = _open_to_read(path, len(migrations), error)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """A write transaction: all of it or none, waiting for other writers up to `BUSY_S` seconds."""
    with clear_errors(path):
        # IMMEDIATE takes the write lock before reading: two cursors cannot both read the old one.
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one `RecordError` that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        hint = "set WB_HOME, or WB_LOCAL_DIR, to a folder on a local disk that can be written"
        if isinstance(error, sqlite3.OperationalError) and "locked" in text:
            hint = "another process has held it for long: end that one, or try again"
        elif "disk I/O error" in text or "full" in text:
            hint = (
                f"free some space (df -h {path.parent}), or set WB_HOME to another disk; "
                "what is there can still be read"
            )
        elif "not a database" in text or "malformed" in text:
            hint = (
                f"move {path.name} aside; a new one is made (wb bookmark import brings an export)"
            )
        raise RecordError(f"cannot use {path}: {text}", hint=hint) from error
    except UnicodeEncodeError as error:
        # Bytes of the command line that are no UTF-8 come as half a surrogate pair.
        raise RecordError(
            f"{error.object!r:.80} is not text", hint="type it in UTF-8", kind="bad_name"
        ) from error


def file_system(path: Path) -> str:
    """The type of the file system that holds `path`, `unknown` where nothing tells."""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return "unknown"
    return file_system_in(lines, os.path.realpath(path))


def file_system_in(mountinfo: Sequence[str], path: str) -> str:
    """The type of the mount in `/proc/self/mountinfo` lines that holds the resolved `path`."""
    best, kind = "", "unknown"
    for line in mountinfo:
        left, _, right = line.partition(" - ")
        point = _unescaped(left.split(" ")[4]) if left.count(" ") > 4 else ""
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # Of equally long ones the later is mounted over the earlier.
        if point and inside and len(point) >= len(best):
            best, kind = point, right.split(" ")[0]
    return kind


def _unescaped(point: str) -> str:
    """A mount point as the kernel writes it: space, tab, newline and backslash in octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)


def is_local(path: Path) -> bool:
    """Whether SQLite's shared memory works where `path` lies."""
    return file_system(path.parent) in LOCAL_FILE_SYSTEMS


def network_warning(path: Path) -> str:
    """What to tell the user, once, about a database on a file system not known to be local."""
    return (
        f"{path.parent} lies on a {file_system(path.parent)} file system, which is not known to "
        "be local: the UID cache uses slower, safe journaling there. Set WB_LOCAL_DIR to a "
        "folder on a local disk to move it."
    )


def _open(path: Path) -> sqlite3.Connection:
    created = not path.exists()
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    if created:
        path.chmod(0o600)
    return connection


def _open_to_read(path: Path, version: int, why: sqlite3.OperationalError) -> sqlite3.Connection:
    """A connection that reads where writing failed for want of rights or of space.

    Raises:
        sqlite3.OperationalError: `why`, where it is of another kind or reading fails as well.
    """
    if "readonly" in str(why) or "unable to open" in str(why):
        return _open_read_only(path, version)
    if "disk I/O error" not in str(why) and "full" not in str(why):
        raise why
    # WAL wants a file of shared memory beside the database, and there is no room for one. Alone
    # with the file it does without; what the log holds is read all the same.
    connection = _open(path)
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        _require_version(connection, version)
    except sqlite3.Error:
        connection.close()
        raise why from None
    return connection


def _open_read_only(path: Path, version: int) -> sqlite3.Connection:
    # Without a writable folder there is no lock and no -shm file; nobody else can write either.
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=ro&immutable=1",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    _require_version(connection, version)
    return connection


def _require_version(connection: sqlite3.Connection, version: int) -> None:
    if connection.execute("PRAGMA user_version").fetchone()[0] < version:
        raise sqlite3.OperationalError("attempt to bring a readonly database up to date")


def _choose_journal(connection: sqlite3.Connection, path: Path) -> None:
    wanted = ("wal", "NORMAL") if is_local(path) else ("delete", "FULL")
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != wanted[0]:
        connection.execute(f"PRAGMA journal_mode={wanted[0]}")
    connection.execute(f"PRAGMA synchronous={wanted[1]}")
    connection.execute("PRAGMA foreign_keys=ON")


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    def version() -> int:
        return connection.execute("PRAGMA user_version").fetchone()[0]

    if version() > len(migrations):
        raise RecordError(
            f"{path} was written by a newer wb (schema {version()}, this one knows "
            f"{len(migrations)})",
            hint="use that version, or set WB_HOME to another folder",
        )
    while version() < len(migrations):
        with transaction(connection, path):
            # Asked again under the lock: another process may have done it while we waited.
            done = version()
            if done < len(migrations):
                step = migrations[done]
                if callable(step):
                    step(connection)
                else:
                    for statement in step.split(";"):
                        if statement.strip():
                            connection.execute(statement)
                connection.execute(f"PRAGMA user_version={done + 1}")
