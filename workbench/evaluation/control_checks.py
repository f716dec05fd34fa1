"""Refuses requests to a running evaluation that cannot be meant, before they are written.

Not for writing them: see `workbench.evaluation.control`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessions.errors import RecordError
from sessions.uid import Uid
from workbench.errors import UsageError
from workbench.evaluation.control_requests import ACTIONS
from workbench.evaluation.control_state import control_of, is_elsewhere, most_requests

if TYPE_CHECKING:
    from sessions.runs import Run

# More prompts at once than any memory holds; what does not fit is halved anyway.
MAX_BATCH_SIZE = 4096


def refuse_ended(run: Run) -> None:
    """Refuse a run that takes no requests: a training, or one that has ended.

    Raises:
        UsageError: It is a training.
        RecordError: It has ended, or its process is gone.
    """
    if run.kind != "eval":
        raise UsageError(
            f"run {run.id} is a training, which takes no such requests",
            hint="wb jobs cancel ends it; wb train --resume goes on from its last checkpoint",
            kind="no_evaluation",
        )
    if run.interrupted:
        raise RecordError(
            f"the process of run {run.id} is gone: nobody would take the request",
            hint=f"go on with it: wb run-eval --resume {run.id}",
            kind="run_interrupted",
        )
    if (state := run.state) != "running":
        more = " --retry-failed" if state == "done" else ""
        raise RecordError(
            f"run {run.id} has ended ({state})",
            hint=f"go on with it: wb run-eval --resume {run.id}{more}",
            kind="run_ended",
        )


def checked_value(
    run: Run, action: str, value: str | int | None, known: set[str]
) -> str | int | None:
    """The value of a request as it is written.

    Args:
        run: A running evaluation.
        action: What is asked.
        value: As it was given.
        known: The UIDs that have a line.

    Raises:
        UsageError: It cannot be meant.
    """
    if action not in ACTIONS:
        raise UsageError(f"{action!r} is nothing that can be asked; it is {', '.join(ACTIONS)}")
    if action in ("pause", "resume"):
        if value is not None:
            raise UsageError(f"{action} takes no value, got {value!r}")
        _refuse_twice(run, action)
        return None
    if action == "retry":
        return _checked_uid(run, value, known)
    return _checked_size(run, action, value)


def _refuse_twice(run: Run, action: str) -> None:
    state = control_of(run).state
    if action == "pause" and state in ("pausing", "paused"):
        raise UsageError(
            f"run {run.id} is {state} already",
            hint=f"let it go on: wb runs ctl {run.id} resume",
            kind="no_change",
        )
    if action == "resume" and state == "running":
        raise UsageError(f"run {run.id} is not paused", kind="no_change")


def _checked_uid(run: Run, value: str | int | None, known: set[str]) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError("retry wants the UID of a sample", hint=f"wb runs show {run.id} --errors")
    uid = str(Uid.parse(value))
    if uid not in known:
        raise UsageError(
            f"run {run.id} has no line of {uid}: it is none of its samples, or its turn has yet "
            "to come",
            hint=f"wb runs show {run.id} --errors lists what went wrong so far",
            kind="not_asked",
        )
    return uid


def _checked_size(run: Run, action: str, value: str | int | None) -> int:
    elsewhere = is_elsewhere(run)
    if elsewhere != (action == "concurrency"):
        where, other = ("elsewhere", "concurrency") if elsewhere else ("here", "batch-size")
        raise UsageError(
            f"run {run.id} has no {action} to change: its model runs {where}",
            hint=f"wb runs ctl {run.id} {other} N",
            kind=where,
        )
    text = str(value if value is not None else "").strip()
    if problem := size_problem(text, elsewhere=elsewhere):
        raise UsageError(f"{action} {problem}", kind="bad_knob")
    return int(text)


def size_problem(text: str, *, elsewhere: bool = False) -> str | None:
    """What is wrong with a number of prompts (of requests: `elsewhere`) at once; `None`: nothing.

    Args:
        text: As it was typed.
        elsewhere: The model is behind a server.
    """
    most = most_requests() if elsewhere else MAX_BATCH_SIZE
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return None if 1 <= number <= most else f"wants a whole number from 1 to {most}, got {text!r}"
