"""Keys and frames without the price of a terminal that nobody looks at.

Textual's pilot waits before and after each key until the process used next to no CPU for 20 ms, at
most a second: slow where a thread works, and no promise on a busy machine. Here a key is done when
every message is. And Textual makes each frame of an app without a terminal, only to drop it; here
the screen is drawn when a test reads it. `tests/workbench/app/pty_bench.py` has frames as they are
sent to a terminal.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual._compositor import Compositor, visible_screen_stack
from textual._context import active_app
from textual.pilot import Pilot


async def messages_are_done(*_: float) -> None:
    """Wait until every widget took its messages and the bench every key, and lay out the screen."""
    app = active_app.get()
    pilot, loop = Pilot(app), asyncio.get_running_loop()
    end = loop.time() + 30
    while True:
        for _round in range(2):  # a message, and those that it gave rise to
            await pilot._wait_for_screen()
            if app._exit or not app.screen_stack:
                return
            app.screen._on_timer_update()
        if not getattr(app, "_under_way", False):  # `KeysInOrder`: a key waits for the one before
            return
        assert loop.time() < end, "a key was not taken"
        await asyncio.sleep(0.001)


_made = Compositor.render_update


def no_frame(self: Compositor, *given: Any, **named: Any) -> Any:
    """In the place of `Compositor.render_update`: nothing where there is no driver to take it."""
    if not active_app.get().is_headless:
        return _made(self, *given, **named)
    visible_screen_stack.set(named.get("screen_stack") or [])
    self._dirty_regions.clear()
    return None


@pytest.fixture(autouse=True)
def _no_idling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.app.wait_for_idle", messages_are_done)
    monkeypatch.setattr("textual.pilot.wait_for_idle", messages_are_done)
    monkeypatch.setattr(Compositor, "render_update", no_frame)
