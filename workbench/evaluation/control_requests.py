"""The requests to a running evaluation and what became of each, as lines of its `control.jsonl`.

Guarantee: torch-free; what was asked stays on record, with who, when and why; damaged lines are
passed over. Not for asking (`workbench.evaluation.control`), and it refuses nothing.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from sessions.atomic import append_line, read_lines
from sessions.ids import now

if TYPE_CHECKING:
    from sessions.runs import Run

ControlAction = Literal["pause", "resume", "retry", "batch-size", "concurrency"]
ACTIONS: tuple[ControlAction, ...] = get_args(ControlAction)
Outcome = Literal["waiting", "taken", "refused"]


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


def me() -> str:
    """The user and the host, as requests name them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user of a container that has no name
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
