"""Asks a grid of questions beside the event loop, for the screens that show several answers.

Guarantee: nothing blocks the event loop; what was heard reaches the screen at most twenty times a
second, in order; a cancel ends what is under way within a token. Not for drawing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sessions.errors import WbError
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken
    from workbench.playground.sweep import Cell, Event, Sweep

_REDRAW_S = 0.05
Heard = list[tuple["Cell", "Event"]]


class GridAsker:
    """One grid at a time, in a lane of the bench."""

    def __init__(
        self,
        bench: WbApp,
        *,
        planned: Callable[[Sweep], None],
        heard: Callable[[Heard], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        """Begin.

        Args:
            bench: Whose engine is asked.
            planned: Told the cells, before the first is asked.
            heard: Told what came since the last time.
            ended: Told that no more will come, and why where it failed.
        """
        self._bench = bench
        # A lane of its own: one that is just ending must not keep the next from beginning.
        self._lane = f"sweep {id(self)}"
        self._planned, self._heard, self._ended = planned, heard, ended
        self._lock = threading.Lock()
        self._waiting: Heard = []
        self._drawn = 0.0
        self.running = False

    def start(self, make: Callable[[], Sweep]) -> None:
        """Ask what `make` plans; it runs in the lane, for it may open data and read adapters."""
        self.running = True
        self._waiting = []
        self._bench.tasks.run(self._lane, lambda token: self._work(token, make))

    def cancel(self) -> bool:
        """Ask no more; whether anything was being asked."""
        if self.running:
            self._bench.tasks.cancel(self._lane)
        return self.running

    # -- in the lane -----------------------------------------------------------------------

    def _work(self, token: CancelToken, make: Callable[[], Sweep]) -> None:
        failure: Exception | None = None
        service = self._bench.engine()
        try:
            from sessions.session_log import current_session
            from workbench.playground.sweep import run

            sweep = make()
            self._bench.call_soon(self._planned, sweep)
            engine = service.client([c.question.spec for c in sweep.cells if c.question])
            service.working()
            for cell, event in run(
                engine,
                sweep,
                log=current_session(),
                cancelled=token,
                on_progress=self._progress,
                on_problem=self._problem,
            ):
                self._hear(cell, event)
        except Exception as error:
            failure = None if token.cancelled else error
        finally:
            service.refresh()
            self._bench.call_soon(self._end, failure)

    def _progress(self, stage: str, share: float) -> None:
        service = self._bench.engine()
        if stage == "ready":
            service.working()
        else:
            service.progress(stage, share)

    def _problem(self, problem: WbError) -> None:
        self._bench.call_soon(self._bench.notify, problem.message, severity="warning", markup=False)

    def _hear(self, cell: Cell, event: Event) -> None:
        with self._lock:
            self._waiting.append((cell, event))
            first = len(self._waiting) == 1
        if first:
            self._bench.call_soon(self._drain)

    # -- on the event loop -----------------------------------------------------------------

    def _drain(self) -> None:
        wait = self._drawn + _REDRAW_S - time.monotonic()
        if wait > 0 and self.running:
            self._bench.set_timer(wait, self._drain)
            return
        with self._lock:
            taken, self._waiting = self._waiting, []
        self._drawn = time.monotonic()
        if taken:
            self._heard(taken)

    def _end(self, failure: Exception | None) -> None:
        self.running = False
        self._drain()
        self._ended(failure)
