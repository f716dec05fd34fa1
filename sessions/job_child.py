"""What a program says to the job that it runs in: its progress, and the runs it makes.

Guarantee: outside of a job every function does nothing; a full disk never stops the work that is
being reported. Not for results: those are a run's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sessions.atomic import append_line
from sessions.errors import RecordError
from sessions.ids import now

PROGRESS_VARIABLE = "WB_JOB_PROGRESS"
FOLDER_VARIABLE = "WB_JOB_DIR"


def report_progress(
    done: int,
    total: int | None = None,
    *,
    rate: float | None = None,
    message: str = "",
    metrics: Mapping[str, Any] | None = None,
    note: str = "",
) -> None:
    """Tell the job how far the work is; a line per call, so call it a few times a second at most.

    Args:
        done: Samples or steps done.
        total: How many there will be, `None` where unknown.
        rate: Samples or steps per second.
        message: What is being done, in a few words.
        metrics: Figures by name, for a curve (`{"loss": 0.3}`).
        note: What there is to know of the work beside how far it is.
    """
    path = os.environ.get(PROGRESS_VARIABLE)
    if not path:
        return
    line = {"v": 1, "ts": now(), "done": done, "total": total, "rate": rate, "message": message}
    told = {"note": note} if note else {}
    with suppress(RecordError):
        append_line(Path(path), {**line, "metrics": dict(metrics or {}), **told})


def report_run(run_id: str) -> None:
    """Tell the job that it made or resumed a run, so that the one leads to the other."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        with suppress(RecordError):
            append_line(Path(folder) / "runs.jsonl", {"v": 1, "ts": now(), "run": run_id})
