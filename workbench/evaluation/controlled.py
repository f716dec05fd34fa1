"""The side of the evaluation: take what was asked of it, between batches.

Guarantee: a look costs a `stat`; a request is on record as taken once it holds, a sample that is
asked again once its new line is written: a kill loses no request. While it is paused the model
stays loaded and no time counts. Not for asking: see `workbench.evaluation.control`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.ids import new_id, now
from workbench.evaluation.control_requests import (
    ControlRequest,
    control_path,
    me,
    requests_of,
    write_outcome,
    write_request,
)
from workbench.evaluation.control_state import at_once
from workbench.models.remote_model import is_remote
from workbench.sample import Sample

if TYPE_CHECKING:
    from sessions.runs import Run
    from workbench.data.source import Source

_LOOK_S = 0.1  # how often a paused evaluation looks whether it may go on


class TakenRequests:
    """What a running evaluation was asked, as far as it has taken it.

    Attributes:
        size: Prompts, or requests to a server, at once.
        paused: Whether nothing new is to be asked.
        told: What there is to tell of how the run was left; empty for nothing.
    """

    def __init__(
        self,
        run: Run,
        source: Source,
        size: int,
        *,
        done: set[str],
        stop: Callable[[], bool],
        on_hold: Callable[[str], None],
    ) -> None:
        """See to what an earlier process of the run has left.

        Args:
            run: The evaluation, whose lock this process holds.
            source: Where a sample that is asked again is read.
            size: Prompts, or requests to a server, at once at the start.
            done: The UIDs that have a line; the evaluation adds to it.
            stop: Whether to stop, also while it is paused.
            on_hold: Told the reason when it begins to hold still.
        """
        self.size, self.paused, self._held = size, False, False
        self._run, self._source, self._done = run, source, done
        self._stop, self._on_hold = stop, on_hold
        self._reason = ""
        self._stamp: tuple[int, int] | None = None
        self._seen: set[str] = set()
        self._standing: list[ControlRequest] = []  # on record once the run's state says so
        self._before: dict[str, dict[str, Any]] = {}
        self._again: dict[str, list[ControlRequest]] = {}
        self._queue: list[Sample] = []
        self.told = ", which was paused and goes on" if self._begin() else ""

    def look(self) -> None:
        """Take what was asked since the last look."""
        stamp = _stamp_of(self._run)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        found = requests_of(self._run)
        self._take_all([r for r in found if r.outcome == "waiting" and r.id not in self._seen])
        if not self.paused:
            self._stands()

    def between(self) -> None:
        """Look, and while it is paused hold still; what stops a run ends that too."""
        self.look()
        if self.paused and not self._stop():
            self._run.set_state("running", reason=self._reason, paused=True)
            self._held = True
            self._stands()
            self._on_hold(self._reason)
        while self.paused and not self._stop():
            time.sleep(_LOOK_S)
            self.look()
            self._stands()

    def again(self, most: int) -> list[Sample]:
        """So many of the samples that are to be asked again, each given out once."""
        out, self._queue = self._queue[:most], self._queue[most:]
        return out

    def wrote(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """These lines are in the run: what was asked again among them is done."""
        for line in lines:
            self._done.add(line["uid"])
            if line["uid"] in self._again:
                was = self._before.pop(line["uid"], None)
                for request in self._again.pop(line["uid"]):
                    self._ended(request, "taken", **({"was": was} if was else {}))

    def close(self) -> None:
        """The run ends: refuse what comes too late, so that no later process takes it."""
        self._stamp = None
        for request in requests_of(self._run):
            if request.outcome == "waiting":
                self._ended(request, "refused", why="the run had ended")

    def _begin(self) -> bool:
        found, began = requests_of(self._run), self._run.changed
        held = [r for r in found if r.action in ("pause", "resume") and r.outcome == "taken"]
        for request in found:
            # What was asked since this process began is no one's legacy: a look takes it.
            if request.outcome != "waiting" or request.action == "retry" or request.ts > began:
                continue
            self._seen.add(request.id)
            if request.action == "resume":
                self._ended(request, "taken")
            elif request.action == "pause":
                self._ended(request, "refused", why="the run was resumed, the wish to go on")
            else:
                why = f"its process ended first; it was resumed with {self.size} at once"
                self._ended(request, "refused", why=why)
        self._take_all([r for r in found if r.outcome == "waiting" and r.action == "retry"])
        was_paused = bool(held) and held[-1].action == "pause"
        if was_paused:
            self._note("resume", None)
        if at_once(self._run, found) not in (None, self.size):
            elsewhere = is_remote(str(self._run.config.get("model") or ""))
            self._note("concurrency" if elsewhere else "batch-size", self.size)
        return was_paused

    def _note(self, action: str, value: int | None) -> None:
        """Put on record what resuming the run has changed."""
        request = ControlRequest(new_id(), now(), action, value, "the run was resumed", me())
        write_request(self._run, request)
        self._seen.add(request.id)
        self._ended(request, "taken")

    def _take_all(self, requests: list[ControlRequest]) -> None:
        self._seen.update(request.id for request in requests)
        again = {str(r.value) for r in requests if r.action == "retry"}
        if again:  # the old lines go when the run ends: history keeps them
            self._before |= {x["uid"]: x for x in self._run.predictions() if x["uid"] in again}
        for request in requests:
            self._take(request)

    def _take(self, request: ControlRequest) -> None:
        if request.action in ("pause", "resume"):
            self.paused = request.action == "pause"
            self._reason = request.reason if self.paused else ""
            self._standing.append(request)
        elif request.action in ("batch-size", "concurrency") and isinstance(request.value, int):
            self.size = max(1, request.value)
            self._ended(request, "taken")
        elif request.action == "retry":
            self._take_retry(request)
        else:
            self._ended(request, "refused", why="this version does not know the request")

    def _take_retry(self, request: ControlRequest) -> None:
        uid = str(request.value)
        if uid not in self._again:
            try:
                self._queue.append(self._source.get(uid))
            except WbError as error:
                self._ended(request, "refused", why=error.message)
                return
        self._again.setdefault(uid, []).append(request)

    def _stands(self) -> None:
        """Say how the run stands, then that it was asked to."""
        if self._held and not self.paused:
            self._run.set_state("running")
            self._held = False
        for request in self._standing:
            self._ended(request, "taken")
        self._standing = []

    def _ended(self, request: ControlRequest, outcome: Any, **facts: Any) -> None:
        write_outcome(self._run, request, outcome, len(self._done), **facts)


def _stamp_of(run: Run) -> tuple[int, int] | None:
    try:
        facts = control_path(run).stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns
