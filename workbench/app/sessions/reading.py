"""What the Sessions place reads from the record, off the event loop.

Guarantee: a session's file is read again only where it changed; one that cannot be read is a
line that says so. Not for: writing, which is `sessions.session_log`'s own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sessions.errors import WbError
from sessions.records import GradcamRecord, NoteRecord, PromptRecord, Record
from workbench.app.lists.growing import Growing, Stamp, file_stamp

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


class SessionIndex:
    """Reads all sessions, and remembers those whose files did not change."""

    def __init__(self) -> None:
        self._growing: Growing[SessionLine] = Growing()

    def read(self) -> Iterator[list[SessionLine]]:
        """All sessions, the one last written first; of many the first part soon.

        Blocks: for workers. Raises `RecordError`.
        """
        from sessions.paths import sessions_dir
        from sessions.session_log import session_ids

        folder = sessions_dir(create=False)
        stamps = {ident: file_stamp(f"{folder}/{ident}.jsonl") for ident in session_ids()}
        newest = sorted(stamps, key=lambda ident: _written(stamps[ident]), reverse=True)
        for lines in self._growing.read(
            ((ident, stamps[ident]) for ident in newest),
            lambda ident: _line(ident, folder / f"{ident}.jsonl"),
        ):
            yield sorted(lines, key=lambda line: line.last, reverse=True)


def _written(stamp: Stamp) -> int:
    return stamp[0][1] if stamp else 0


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
