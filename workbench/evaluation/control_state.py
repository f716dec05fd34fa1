"""How a run stands for who would control it: paused or not, and how many prompts at once.

Guarantee: torch-free; made of the run's files alone. Not for asking: see
`workbench.evaluation.control`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.evaluation.control_requests import ControlRequest, requests_of
from workbench.models.remote_model import is_remote

if TYPE_CHECKING:
    from sessions.runs import Run


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


def control_of(run: Run) -> RunControl:
    """How a run stands, and what it was asked."""
    state, requests = str(run.state), requests_of(run)
    if state == "running":
        state = _standing(run.paused, requests)
    size = at_once(run, requests) if run.kind == "eval" else None
    elsewhere = is_elsewhere(run)
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
    return min(began, most_requests()) if is_elsewhere(run) else began


def most_requests() -> int:
    """Requests at once that a server may be asked."""
    from workbench.serving.remote.http_client import MAX_AT_ONCE

    return MAX_AT_ONCE


def is_elsewhere(run: Run) -> bool:
    """Whether the run's model is behind a server."""
    return is_remote(str(run.config.get("model") or ""))
