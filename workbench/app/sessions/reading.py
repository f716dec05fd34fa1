"""What the Sessions place reads from the record, off the event loop.

Guarantee: a session's file is read again only where it changed; one that cannot be read is a
line that says so. Not for: writing, which is `sessions.session_log`'s own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sessions.errors import WbError
from sessions.records import GradcamRecord, NoteRecord, PromptRecord, Record

# What is listed; changes of the bookmarks are in the log too, but are no step of the work.
SHOWN = (PromptRecord, GradcamRecord, NoteRecord)


@dataclass(frozen=True)
class SessionLine:
    """One session in the list.

    Attributes:
        last: Timestamp of its last record.
        prompts: How many prompts it holds; `records` counts everything.
        damaged: Lines that cannot be read.
        models: Models asked, in order of first use.
    """

    id: str
    path: Path
    last: str = ""
    prompts: int = 0
    records: int = 0
    damaged: int = 0
    models: tuple[str, ...] = ()
    problem: str = ""


@dataclass
class SessionIndex:
    """Reads all sessions, and remembers those whose files did not change."""

    _known: dict[str, tuple[tuple[int, int], SessionLine]] = field(default_factory=dict)

    def read(self) -> list[SessionLine]:
        """All sessions, the one last written first. Blocks. Raises `RecordError`."""
        from sessions.session_log import SessionLog, session_ids

        seen: dict[str, tuple[tuple[int, int], SessionLine]] = {}
        for ident in session_ids():
            log = SessionLog.open(ident)
            stamp = stamp_of(log.path)
            known = self._known.get(ident)
            if known is None or known[0] != stamp:
                known = (stamp, _line(log.id, log.path))
            seen[ident] = known
        self._known = seen
        lines = [line for _, line in seen.values()]
        return sorted(lines, key=lambda line: line.last, reverse=True)


def stamp_of(path: Path) -> tuple[int, int]:
    """What changes when a file does; (0, 0) where it is not there."""
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_mtime_ns, facts.st_size


def _line(ident: str, path: Path) -> SessionLine:
    from sessions.session_log import SessionLog

    try:
        info = SessionLog(ident, path).info()
    except (WbError, OSError) as error:
        message = error.message if isinstance(error, WbError) else str(error)
        return SessionLine(ident, path, problem=message)
    return SessionLine(
        id=ident,
        path=path,
        last=info.updated,
        prompts=info.kinds.get("prompt", 0),
        records=info.records,
        damaged=info.damaged,
        models=info.models,
    )


def read_entries(line: SessionLine) -> list[Record]:
    """The prompts, heatmaps and notes of a session, the newest first. Blocks."""
    from sessions.session_log import SessionLog

    records = SessionLog(line.id, line.path).records()
    return [record for record in reversed(records) if isinstance(record, SHOWN)]
