"""Ask a running evaluation to pause, to go on, to ask a sample again, to take other batches.

Each request is a line of the run's `control.jsonl`, and so is what became of it; the evaluation
reads them between batches (`workbench.evaluation.controlled`). Guarantee: torch-free; a request
that cannot be meant is refused before it is written; what was asked stays on record, with who,
when and why. Not for ending a run: a signal does, or `wb jobs cancel`.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from sessions.atomic import append_line, read_lines
from sessions.errors import RecordError
from sessions.ids import new_id, now
from sessions.uid import Uid
from workbench.errors import UsageError
from workbench.models.remote_model import is_remote

if TYPE_CHECKING:
    from sessions.runs import Run

ControlAction = Literal["pause", "resume", "retry", "batch-size", "concurrency"]
ACTIONS: tuple[ControlAction, ...] = get_args(ControlAction)
Outcome = Literal["waiting", "taken", "refused"]
# More prompts at once than any memory holds; what does not fit is halved anyway.
MAX_BATCH_SIZE = 4096
_LOOK_S = 0.05


@dataclass(frozen=True)
class ControlRequest:
    """One request and what became of it.

    Attributes:
        id: Time-sortable.
        ts: When it was asked, ISO 8601 in UTC.
        action: One of `ACTIONS`.
        value: A UID of `retry`, a number of `batch-size` and `concurrency`, else `None`.
        reason: Why, in the words of who asked.
        who: The user and the host.
        outcome: `waiting` until the evaluation has seen to it, then `taken` or `refused`.
        why: Of a refused one.
        at: How many samples had their line then, `None` before.
        ended: When that was.
    """

    id: str
    ts: str
    action: str
    value: str | int | None = None
    reason: str = ""
    who: str = ""
    outcome: Outcome = "waiting"
    why: str = ""
    at: int | None = None
    ended: str = ""

    @property
    def words(self) -> str:
        """`batch-size 4`."""
        return self.action if self.value is None else f"{self.action} {self.value}"

    @property
    def outcome_words(self) -> str:
        """`taken at 32`, `refused: …`, `waiting`."""
        if self.outcome == "taken":
            return "taken" if self.at is None else f"taken at {self.at}"
        return f"refused: {self.why}" if self.outcome == "refused" else "waiting"

    def to_json(self) -> dict[str, Any]:
        """A flat dict."""
        return dict(vars(self))


@dataclass(frozen=True)
class RunControl:
    """How a run stands for who would control it.

    Attributes:
        state: As `Run.state`, or `pausing` or `paused` of a running one.
        batch_size: Prompts at once, of a model here; `None` of one elsewhere.
        concurrency: Requests at once, of a model elsewhere; `None` of one here.
        requests: Everything that was asked, the oldest first.
    """

    run: str
    state: str
    batch_size: int | None = None
    concurrency: int | None = None
    requests: tuple[ControlRequest, ...] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether it is paused, or will be after the batch under way."""
        return self.state in ("pausing", "paused")

    def to_json(self) -> dict[str, Any]:
        """What `wb runs ctl --json` prints."""
        return {**vars(self), "requests": [one.to_json() for one in self.requests]}


def control_path(run: Run) -> Path:
    """The file of requests; not there before the first."""
    return run.path / "control.jsonl"


def requests_of(run: Run) -> list[ControlRequest]:
    """Everything that a run was asked, the oldest first; damaged lines are passed over."""
    found: dict[str, ControlRequest] = {}
    for line in read_lines(control_path(run))[0]:
        ident = str(line.get("of") or line.get("id") or "")
        if line.get("kind") == "request" and ident:
            found[ident] = _request(ident, line)
        elif line.get("kind") == "outcome" and ident in found:
            found[ident] = _with_outcome(found[ident], line)
    return list(found.values())


def _request(ident: str, line: Mapping[str, Any]) -> ControlRequest:
    value = line.get("value")
    return ControlRequest(
        ident,
        str(line.get("ts") or ""),
        str(line.get("action") or ""),
        value if isinstance(value, (str, int)) and not isinstance(value, bool) else None,
        str(line.get("reason") or ""),
        str(line.get("who") or ""),
    )


def _with_outcome(request: ControlRequest, line: Mapping[str, Any]) -> ControlRequest:
    at = line.get("at")
    return replace(
        request,
        outcome="taken" if line.get("outcome") == "taken" else "refused",
        why=str(line.get("why") or ""),
        at=at if isinstance(at, int) and not isinstance(at, bool) else None,
        ended=str(line.get("ts") or ""),
    )


def control_of(run: Run) -> RunControl:
    """How a run stands, and what it was asked."""
    state, requests = str(run.state), requests_of(run)
    if state == "running":
        state = _standing(run.paused, requests)
    size = at_once(run, requests) if run.kind == "eval" else None
    elsewhere = _is_elsewhere(run)
    return RunControl(
        run.id,
        state,
        batch_size=None if elsewhere else size,
        concurrency=size if elsewhere else None,
        requests=tuple(requests),
    )


def _standing(paused: bool, requests: Sequence[ControlRequest]) -> str:
    """`running`, `paused`, or `pausing` where a wish to pause waits; a later one undoes it."""
    state = "paused" if paused else "running"
    for one in requests:
        if one.outcome == "waiting" and one.action == "pause":
            state = "paused" if paused else "pausing"
        elif one.outcome == "waiting" and one.action == "resume":
            state = "running"
    return state


def at_once(run: Run, requests: Sequence[ControlRequest] | None = None) -> int | None:
    """Prompts, or requests to a server, at once: as was asked last, or as it began."""
    for one in reversed(requests_of(run) if requests is None else requests):
        sized = one.action in ("batch-size", "concurrency") and one.outcome == "taken"
        if sized and isinstance(one.value, int):
            return one.value
    began = run.config.get("batch_size")
    if not isinstance(began, int):
        return None
    return min(began, _most_requests()) if _is_elsewhere(run) else began


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
    _refuse_ended(run)
    # Read once: a long run's lines take a second.
    known = run.done_uids() if action == "retry" else set[str]()
    checked = [_checked(run, action, value, known) for value in values]
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


def write_request(run: Run, request: ControlRequest) -> None:
    """Put a request on record. Raises `RecordError` where the home cannot be written."""
    names = ("id", "ts", "action", "value", "reason", "who")
    line = {name: getattr(request, name) for name in names}
    append_line(control_path(run), {"v": 1, "kind": "request", **line}, sync=True)


def write_outcome(
    run: Run, request: ControlRequest, outcome: Outcome, at: int, **facts: Any
) -> None:
    """Put on record what became of a request; `facts` beside it. Raises as `write_request`."""
    line = {"v": 1, "kind": "outcome", "of": request.id, "ts": now(), "outcome": outcome, "at": at}
    append_line(control_path(run), line | facts, sync=True)


def _refuse_ended(run: Run) -> None:
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


def _checked(run: Run, action: str, value: str | int | None, known: set[str]) -> str | int | None:
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
    elsewhere = _is_elsewhere(run)
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
    most = _most_requests() if elsewhere else MAX_BATCH_SIZE
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return None if 1 <= number <= most else f"wants a whole number from 1 to {most}, got {text!r}"


def _most_requests() -> int:
    from workbench.serving.remote.http_client import MAX_AT_ONCE

    return MAX_AT_ONCE


def _is_elsewhere(run: Run) -> bool:
    return is_remote(str(run.config.get("model") or ""))


def me() -> str:
    """The user and the host, as requests name them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user of a container that has no name
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
