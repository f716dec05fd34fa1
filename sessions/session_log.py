"""The session log: what was asked and looked at, a line each, in the order of happening.

Guarantee: appended by whole lines under a lock, so that the bench and scripts can share one
session; each line is on the disk (fsync) before `append` returns, for an answer costs seconds
and a sync milliseconds; a line that a killed writer left half is skipped, counted and set aside.
Not for predictions of an evaluation: those are a run's (`sessions.runs`).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sessions.atomic import append_lines, follow, read_lines
from sessions.errors import RecordError
from sessions.ids import is_safe_name, new_id, resolve
from sessions.paths import cannot_write, sessions_dir
from sessions.plain_files import is_plain, names_in
from sessions.quarantine import bad_path
from sessions.records import Record, from_json, head_of
from sessions.redact import redacted

_AS_SAID = frozenset({"text"})


@dataclass(frozen=True)
class SessionInfo:
    """One session in a list.

    Attributes:
        id: Its name.
        path: Its file.
        started, updated: `ts` of its first and last record, empty where it has none.
        records: How many lines can be read.
        damaged: How many cannot.
        kinds: Records per kind.
        models: Models asked, in order of first use.
        problem: Why the file as a whole cannot be read, empty where it can.
    """

    id: str
    path: Path
    started: str
    updated: str
    records: int
    damaged: int
    kinds: dict[str, int]
    models: tuple[str, ...]
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `wb sessions list --json` prints it."""
        return {
            "id": self.id,
            "path": str(self.path),
            "started": self.started,
            "updated": self.updated,
            "records": self.records,
            "damaged": self.damaged,
            "kinds": self.kinds,
            "models": list(self.models),
            "problem": self.problem,
        }


class SessionLog:
    """One session's file.

    Attributes:
        id: Its name: a ULID, a date, or what the user chose.
        path: The `.jsonl` file; it appears with the first record.
    """

    def __init__(self, ident: str, path: Path) -> None:
        self.id = ident
        self.path = path

    @classmethod
    def open(cls, session_id: str | None = None) -> SessionLog:
        """A new session, or the one of that name, there already or not.

        Raises:
            RecordError: The name cannot be a file, or the home cannot be written.
        """
        ident = session_id or new_id()
        if not is_safe_name(ident):
            raise RecordError(
                f"{ident!r} cannot name a session",
                hint="use up to 100 letters, digits, dots, dashes and underscores",
                kind="bad_name",
            )
        return cls(ident, sessions_dir() / f"{ident}.jsonl")

    def append(self, record: Record) -> None:
        """Write one record and wait until the disk has it.

        Raises:
            RecordError: The disk is full or read-only; nothing was written.
        """
        self.append_many([record])

    def append_many(self, records: Iterable[Record]) -> None:
        """Write records, all or none, with one wait for the disk. Raises as `append` does.

        A URL loses its password; what was asked and said (`text`) stays, to be asked again.
        """
        lines = [redacted(record.to_json(), keep=_AS_SAID) for record in records]
        append_lines(self.path, lines, sync=True)

    def records(self) -> list[Record]:
        """Every record that can be read, oldest first."""
        return self.read()[0]

    def read(self) -> tuple[list[Record], int]:
        """Every record that can be read, and how many lines cannot.

        A line of sound JSON whose fields have the wrong shape counts as damaged too.

        Raises:
            RecordError: The file as a whole cannot be read.
        """
        lines, damaged = read_lines(self.path)
        records: list[Record] = []
        for line in lines:
            try:
                records.append(from_json(line))
            except RecordError:
                damaged += 1
        return records, damaged

    def get(self, record_id: str) -> Record:
        """The record whose id is, begins or ends so. Raises `NoSuchRecord`."""
        by_id = {record.id: record for record in self.records() if record.id}
        return by_id[resolve(record_id, by_id, "record", f"see: wb sessions show {self.id}")]

    def remove(self) -> None:
        """Delete the session's file and what was set aside of it.

        Raises:
            RecordError: It cannot be deleted.
        """
        for path in (self.path, bad_path(self.path)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise cannot_write(path, error) from error

    def follow(self, stop: threading.Event | Callable[[], bool]) -> Iterator[Record]:
        """The records there and those to come, until `stop`; damaged lines are passed over."""
        for line in follow(self.path, stop):
            try:
                yield from_json(line)
            except RecordError:
                continue

    def info(self) -> SessionInfo:
        """What a list shows of it; reads the whole file."""
        lines, damaged = read_lines(self.path)
        kinds: dict[str, int] = {}
        models: dict[str, None] = {}
        stamps: list[str] = []
        for line in lines:
            try:
                kind, ts, model = head_of(line)
            except RecordError:
                damaged += 1
                continue
            kinds[kind] = kinds.get(kind, 0) + 1
            if model:
                models[model] = None
            if ts:
                stamps.append(ts)
        return SessionInfo(
            id=self.id,
            path=self.path,
            started=stamps[0] if stamps else "",
            updated=stamps[-1] if stamps else "",
            records=sum(kinds.values()),
            damaged=damaged,
            kinds=kinds,
            models=tuple(models),
        )


def session_ids() -> list[str]:
    """The names of all sessions, by name."""
    stems = [
        name.removesuffix(".jsonl")
        for name in names_in(sessions_dir(create=False))
        if name.endswith(".jsonl")
    ]
    return sorted(stem for stem in stems if is_safe_name(stem))


def newest_first() -> list[SessionLog]:
    """All sessions, the one whose file was written last first; none of them is read."""
    logs = [SessionLog.open(ident) for ident in session_ids()]
    return sorted(logs, key=_written, reverse=True)


def _written(log: SessionLog) -> int:
    try:
        return log.path.lstat().st_mtime_ns
    except OSError:
        return 0


def list_sessions(limit: int = 0) -> list[SessionInfo]:
    """All sessions, the one last written first; one that cannot be read says so (`problem`).

    Args:
        limit: Only so many, of which nothing else is read; 0 for all.
    """
    infos = [_info_of(log) for log in newest_first()[: limit or None]]
    return sorted(infos, key=lambda info: info.updated, reverse=True)


def _info_of(log: SessionLog) -> SessionInfo:
    try:
        return log.info()
    except RecordError as error:
        return SessionInfo(log.id, log.path, "", "", 0, 0, {}, (), error.message)


def find_session(name: str) -> SessionLog:
    """The existing session that `name` is, begins or ends. Raises `NoSuchRecord`.

    `last` is the one that was written last, whatever it is called. A path to a `.jsonl` file
    anywhere is taken as well, so that a colleague's can be read.
    """
    path = Path(name)
    if path.suffix == ".jsonl" and is_plain(path):
        return SessionLog(path.stem, path)
    known = session_ids()
    if name == "last" and name not in known and known:
        folder = sessions_dir(create=False)
        name = max(known, key=lambda ident: (folder / f"{ident}.jsonl").lstat().st_mtime_ns)
    return SessionLog.open(resolve(name, known, "session"))


def find_record(name: str) -> Record:
    """The record of any session whose id is, begins or ends so. Raises `NoSuchRecord`.

    A session that cannot be read is passed over: `list_sessions` says why.
    """
    by_id: dict[str, Record] = {}
    for ident in session_ids():
        with contextlib.suppress(RecordError):
            by_id |= {record.id: record for record in SessionLog.open(ident).records()}
    hint = "see: wb sessions list, wb sessions show SESSION"
    return by_id[resolve(name, by_id, "record", hint)]


def current_session() -> SessionLog:
    """The session that scripts share: `$WB_SESSION`, else one per day of the local calendar."""
    named = os.environ.get("WB_SESSION")
    return SessionLog.open(named or datetime.now().astimezone().strftime("%Y-%m-%d"))
