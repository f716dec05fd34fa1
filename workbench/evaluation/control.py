"""Ask a running evaluation to pause, to go on, to ask a sample again, to take other batches.

Each request is a line of the run's `control.jsonl`, and so is what became of it; the evaluation
reads them between batches (`workbench.evaluation.controlled`). Guarantee: torch-free; a request
that cannot be meant is refused before it is written; what was asked stays on record, with who,
when and why. Not for ending a run: a signal does, or `wb jobs cancel`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sessions.ids import new_id, now
from workbench.evaluation.control_checks import checked_value, refuse_ended
from workbench.evaluation.control_requests import ControlRequest, me, requests_of, write_request
from workbench.evaluation.control_state import control_of

if TYPE_CHECKING:
    from sessions.runs import Run

_LOOK_S = 0.05


def ask_control(
    run: Run, action: str, value: str | int | None = None, *, reason: str = ""
) -> ControlRequest:
    """Ask something of a running evaluation; it is seen to after the batch under way.

    Args:
        run: An evaluation that some process is at.
        action: One of `ACTIONS`.
        value: A UID for `retry`, a number for `batch-size` and `concurrency`.
        reason: Why; goes on record.

    Raises:
        UsageError: The run is no evaluation, or the value cannot be meant.
        RecordError: The run has ended, its process is gone, or the home cannot be written.
    """
    return ask_controls(run, action, [value], reason=reason)[0]


def ask_controls(
    run: Run, action: str, values: Sequence[str | int | None], *, reason: str = ""
) -> list[ControlRequest]:
    """Ask the same with several values: all, or none where one cannot be meant. Raises so too."""
    refuse_ended(run)
    # Read once: a long run's lines take a second.
    known = run.done_uids() if action == "retry" else set[str]()
    checked = [checked_value(run, action, value, known) for value in values]
    made = [ControlRequest(new_id(), now(), action, v, reason.strip(), me()) for v in checked]
    for request in made:
        write_request(run, request)
    return made


def pause_or_resume(run: Run, *, reason: str = "") -> ControlRequest:
    """Pause a run that goes on, or let one that is paused go on. Raises as `ask_control` does."""
    return ask_control(run, "resume" if control_of(run).holds else "pause", reason=reason)


def moment_of(run: Run, request: ControlRequest) -> str:
    """When a request that waits will take effect, in words."""
    if run.state != "running" or (run.paused and request.action == "retry"):
        return "when the run goes on"
    return "in a moment" if run.paused else "after the batch under way"


def wait_for_outcome(run: Run, request: ControlRequest, timeout_s: float) -> ControlRequest:
    """The request once it was seen to, or as it stands after so many seconds."""
    end = time.monotonic() + timeout_s
    while True:
        ended = run.state != "running"  # asked first: the last outcome is written before the end
        found = next((one for one in requests_of(run) if one.id == request.id), request)
        if found.outcome != "waiting" or ended or time.monotonic() >= end:
            return found
        time.sleep(_LOOK_S)
