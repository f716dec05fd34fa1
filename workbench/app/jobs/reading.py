"""What the Jobs place reads from the record, off the event loop: jobs, progress, the log's tail.

Guarantee: the cost of a look does not grow with a log or a progress file; of each no more is read
than its end, and then what is new. One broken job folder is a line that says so.
Not for: starting or ending anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.json_line import load_json
from sessions.plain_files import open_plain
from workbench.app.lists.growing import Growing, folder_stamp
from workbench.evaluation.control_state import control_of
from workbench.reports.job import (
    JobProgress,
    ending_words,
    evaluation_of,
    numbers,
    progress_of,
    whole,
)

if TYPE_CHECKING:
    from sessions.jobs import Job

TAIL = 1 << 18  # bytes of a log that are looked at when it is opened
LINES = 4000  # lines of a log that are kept in sight
POINTS = 2000  # points of a curve that are kept; more are thinned out evenly
LIVE = ("queued", "running")
EVALUATING = "evaluating"  # what a training reports before each of its evaluations


@dataclass(frozen=True)
class JobSummary:
    """One line of the list of jobs.

    Attributes:
        command: As a user would type it.
        seconds: How long it has run.
        runs: Ids of the runs that it made or resumed.
        message: How it ended, empty while it lives.
        cancelling: It was asked to end and has not yet.
        evaluation: The id of the evaluation that it is at, empty for none.
        standing: How that stands: `running`, `pausing` or `paused`.
    """

    id: str
    path: Path
    title: str = ""
    state: str = "queued"
    command: str = ""
    created: object = None
    seconds: float = 0.0
    runs: tuple[str, ...] = ()
    message: str = ""
    cancelling: bool = False
    evaluation: str = ""
    standing: str = ""
    progress: JobProgress = JobProgress()
    problem: str = ""

    @property
    def log(self) -> Path:
        """Where it writes what it prints."""
        return self.path / "log"

    @property
    def word(self) -> str:
        """How it stands, in a word."""
        return "cancelling" if self.cancelling else self.standing or self.state

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.state in LIVE


class JobIndex:
    """Reads all jobs, and remembers those that ended and whose files did not change."""

    def __init__(self) -> None:
        self._growing: Growing[JobSummary] = Growing()

    def read(self) -> Iterator[list[JobSummary]]:
        """All jobs, those that live first, then the newest; of many the first part soon.

        Blocks: for workers. Raises `RecordError`.
        """
        from sessions.jobs import Job, job_ids
        from sessions.paths import jobs_dir

        folder = jobs_dir(create=False)
        for jobs in self._growing.read(
            ((ident, folder_stamp(folder / ident)) for ident in reversed(job_ids())),
            lambda ident: summarise(Job(folder / ident)),
            settled=lambda job: not job.live,
        ):
            yield sorted(jobs, key=lambda job: not job.live)


def summarise(job: Job) -> JobSummary:
    """One job as a line; what cannot be read is said in `.problem`."""
    path = Path(job.path)
    summary = JobSummary(id=job.id, path=path)
    try:
        spec, state = dict(job.spec or {}), str(job.state)
        run = evaluation_of(job)
        return replace(
            summary,
            title=job.title,
            state=state,
            command=job.command,
            created=spec.get("created") or _mtime(path),
            seconds=job.seconds,
            runs=tuple(job.run_ids),
            message=ending_words(job),
            cancelling=state in LIVE and (path / "cancel.json").exists(),
            evaluation=run.id if run else "",
            standing=control_of(run).state if run else "",
            progress=last_progress(path / "progress.jsonl"),
            problem=job.damage,
        )
    except (WbError, OSError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        message = error.message if isinstance(error, WbError) else str(error)
        return replace(summary, state="lost", problem=message or type(error).__name__)


def _mtime(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


# -- progress -----------------------------------------------------------------------------------


def last_progress(path: Path) -> JobProgress:
    """The last progress of a job, with a rate from its last lines where they do not say one."""
    return progress_of(list(_lines(_end_of(path, 1 << 14))))


class CurveFile:
    """A job's progress file, read as it grows: points (done, value) of each metric.

    A report carries the figures of the last ones with it. A figure is a point where it is new: it
    changed, or an evaluation lies between.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.curves: dict[str, list[tuple[float, float]]] = {}
        self._offset = 0
        self._evaluated: set[str] = set()  # figures that are known from before an evaluation

    def read(self) -> bool:
        """Take in what is new; whether there was anything."""
        block, self._offset = _new_lines(self.path, self._offset)
        found = False
        for line in _lines(block):
            at, figures = float(whole(line.get("done"))), numbers(line.get("metrics"))
            if line.get("message") == EVALUATING:
                self._evaluated = {name for name in figures if name.startswith("eval_")}
                continue
            for name, value in figures.items():
                curve = self.curves.setdefault(name, [])
                if curve and curve[-1][1] == value and name not in self._evaluated:
                    continue  # carried over
                self._evaluated.discard(name)
                curve.append((at, value))
                found = True
                if len(curve) > 2 * POINTS:
                    del curve[1:-1:2]
        return found


# -- the log ------------------------------------------------------------------------------------


class LogTail:
    """The end of a log, and what is appended to it.

    Attributes:
        skipped: Bytes before the part that was read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = 0
        self._offset: int | None = None
        self._rest = b""

    def read(self) -> tuple[list[str], bool]:
        """New lines, and whether they replace all before (the log was made anew, or is opened).

        A carriage return draws over its line, as a terminal does: a progress bar is one line.
        """
        try:
            with open_plain(self.path) as file:
                size = os.fstat(file.fileno()).st_size
                anew = self._offset is None or size < self._offset
                if anew:
                    self.skipped = self._offset = max(0, size - TAIL)
                    self._rest = b""
                elif size - (self._offset or 0) > TAIL:  # it grew faster than we look
                    self._offset, self._rest, anew = size - TAIL, b"", True
                    self.skipped = self._offset
                file.seek(self._offset or 0)
                block = file.read(TAIL)
                self._offset = file.tell()
        except OSError:
            return [], False
        if anew and self.skipped:
            block = block[block.find(b"\n") + 1 :]
        *whole, self._rest = (self._rest + block).split(b"\n")
        if len(self._rest) > 1 << 16:
            whole.append(self._rest)
            self._rest = b""
        return [_drawn(line) for line in whole], anew

    @property
    def unfinished(self) -> str:
        """The last line, which has no end yet: often a progress bar."""
        return _drawn(self._rest)


def _drawn(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip("\r")
    return text.rsplit("\r", 1)[-1]


# -- files --------------------------------------------------------------------------------------


def _end_of(path: Path, count: int) -> bytes:
    """The last `count` bytes of a file, from the first whole line on."""
    try:
        with open_plain(path) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - count))
            block = file.read(count)
    except OSError:
        return b""
    return block if size <= count else block[block.find(b"\n") + 1 :]


def _new_lines(path: Path, offset: int, limit: int = 1 << 22) -> tuple[bytes, int]:
    """Whole lines from `offset` on, and where they end."""
    try:
        with open_plain(path) as file:
            file.seek(offset)
            block = file.read(limit)
    except OSError:
        return b"", offset
    end = block.rfind(b"\n") + 1
    return block[:end], offset + end


def _lines(block: bytes) -> list[dict[str, Any]]:
    out = []
    for raw in block.split(b"\n"):
        try:
            line = load_json(raw.decode()) if raw.strip() else None
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict):
            out.append(line)
    return out
