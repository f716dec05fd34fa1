"""Wait in a test until the bench is at rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

_AT_MOST_S = 60.0  # for a machine that is busy with other things: it only ends a test that hangs
_SOON_S = 0.1  # a timer of the bench that goes off once, to draw what came meanwhile
_FOLLOW = ("runs", "jobs", "sessions", "log", "follow")  # wait for files as long as a place is open


async def rest(pilot: Any, ready: Callable[[], bool] = lambda: True) -> None:
    """Return when nothing is at work, and nothing is after all messages were taken, twice."""
    loop, calm = asyncio.get_running_loop(), 0
    end = loop.time() + _AT_MOST_S
    while calm < 2:
        working = at_work(pilot.app)
        if not working and ready():
            await pilot.pause(0)
            working = at_work(pilot.app) or timers(pilot.app)
            calm = 0 if working or not ready() else calm + 1
        else:
            calm = 0
        if not calm:
            assert loop.time() < end, f"still at work: {working}"
            await asyncio.sleep(0.01)


def at_work(app: Any) -> list[str]:
    """The lanes and workers of a bench that have work.

    Left out is what only waits: the lane that counts a visit, workers that follow files.
    """
    with app.tasks._lock:
        lanes = [f"lane {name}" for name in app.tasks._running if name != "visit"]
    return lanes + [
        f"worker {worker.name}"
        for worker in app.workers
        if not worker.is_finished and worker.group not in _FOLLOW
    ]


def timers(app: Any) -> list[str]:
    """The widgets that soon draw what came meanwhile."""
    return [
        f"timer of {type(node).__name__}"
        for node in (app, *app.screen.walk_children(with_self=True))
        for timer in node._timers
        if timer._repeat == 0 and timer._interval <= _SOON_S
        if timer._task is not None and not timer._task.done()
    ]
