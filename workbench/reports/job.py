"""How far a job is, from what it tells: for commands, bench and notebook alike."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.plain_files import open_plain
from workbench.times import seconds_of

if TYPE_CHECKING:
    from sessions.job_folder import JobState
    from sessions.jobs import Job
    from sessions.runs import Run

_LOOK_S = 1.0  # between two looks at whether a run is paused
_END = 1 << 16  # bytes of a log in which its last error is looked for


def ending_words(job: Job) -> str:
    """How a job ended: of a failed one the error that its log tells, where it tells one."""
    message = str((job.result or {}).get("message") or "")
    told = error_line(job.log_path) if job.state == "failed" else ""
    return told or message


def error_line(log: Path) -> str:
    """The last `error: …` line of a log without that word; empty where there is none."""
    try:
        with open_plain(log) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END))
            lines = file.read(_END).decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((x[6:].strip() for x in reversed(lines) if x[:6] in ("error:", "Error:")), "")


@dataclass(frozen=True)
class JobProgress:
    """How far a job is, from its last progress line.

    Attributes:
        rate: Samples or steps per second, 0 where unknown.
        metrics: Figures by name, the last of each.
        note: What there is to know of the work beside how far it is.
    """

    done: int = 0
    total: int = 0
    rate: float = 0.0
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def share(self) -> float | None:
        """0..1, `None` where nobody knows."""
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def eta_s(self) -> float | None:
        """Seconds to the end, `None` where nobody knows."""
        if not self.total or self.rate <= 0:
            return None
        return max(0.0, (self.total - self.done) / self.rate)


def progress_of(lines: Sequence[Mapping[str, Any]]) -> JobProgress:
    """What some progress lines say together; metrics that a line leaves out keep their value."""
    if not lines:
        return JobProgress()
    metrics: dict[str, float] = {}
    for line in lines:
        metrics.update(numbers(line.get("metrics")))
    last = lines[-1]
    rate = last.get("rate")
    return JobProgress(
        done=whole(last.get("done")),
        total=whole(last.get("total")),
        rate=float(rate) if isinstance(rate, (int, float)) else _rate(lines),
        message=str(last.get("message") or ""),
        metrics=metrics,
        note=str(last.get("note") or ""),
    )


def state_of_job(job: Job) -> str:
    """How it stands, in a word: its state, or `paused` where its run holds still."""
    run = evaluation_of(job)
    return "paused" if run is not None and run.paused else str(job.state)


def wait_for(
    job: Job, timeout_s: float | None = None, *, on_paused: Callable[[str], None]
) -> JobState:
    """Wait as `Job.wait` does, and tell once that its run is paused, now or later.

    Args:
        job: Of any kind.
        timeout_s: Seconds to wait at most; `None` for no end.
        on_paused: Gets a sentence that says how it goes on.
    """
    from sessions.jobs import ENDED

    deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left = max(0.0, deadline - time.monotonic())
        run = evaluation_of(job)
        if run is not None and run.paused:
            on_paused(f"{job.id} is paused; it goes on by: wb runs ctl {run.id} resume")
            return job.wait(None if timeout_s is None else left)
        state = job.wait(min(_LOOK_S, left))
        if state in ENDED or left <= _LOOK_S:
            return state


def evaluation_of(job: Job) -> Run | None:
    """The evaluation that a job is at, `None` where it is at none."""
    from sessions.errors import WbError
    from sessions.runs import Run

    if job.state != "running" or (run_id := job.run_id) is None:
        return None
    try:
        run = Run.open(run_id)
    except WbError:  # its run is gone
        return None
    return run if run.kind == "eval" and run.state == "running" else None


def _rate(lines: Sequence[Mapping[str, Any]]) -> float:
    first, last = seconds_of(lines[0].get("ts")), seconds_of(lines[-1].get("ts"))
    if first is None or last is None or last <= first:
        return 0.0
    steps = whole(lines[-1].get("done")) - whole(lines[0].get("done"))
    return max(0.0, steps / (last - first))


def whole(value: object) -> int:
    """A count that a progress line says, 0 where it says none."""
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0


def numbers(metrics: object) -> dict[str, float]:
    """The figures of a progress line, by name."""
    if not isinstance(metrics, Mapping):
        return {}
    return {
        str(name): float(value)
        for name, value in metrics.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
