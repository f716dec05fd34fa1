"""The bench against the real engine and the demo model: ask, explain, lose it, start it again."""

from __future__ import annotations

import contextlib
import os
import signal

from sessions.records import PromptRecord
from sessions.session_log import current_session
from tests.workbench.app.explore_bench import bench


async def test_ask_explain_lose_the_engine_and_start_it_again():
    pids: set[int] = set()
    try:
        async with bench((120, 40)) as b:
            await b.pilot.press("enter")
            await b.until(lambda: b.explore.widgets.answer.answer is not None, timeout=120)
            await b.settle(60)
            engine = b.app.engine().client()
            pids.add(engine.pid)
            assert b.app.engine_state.phase == "ready" and b.app.engine_state.memory_bytes
            [record] = [r for r in current_session().records() if isinstance(r, PromptRecord)]
            assert record.identity and record.text == b.explore.widgets.answer.answer.text

            await b.pilot.press("g")
            await b.until(lambda: b.explore.widgets.image.hot, timeout=60)
            assert [len(i["grid"]) for i in b.explore.controllers.heat.laid["images"]] == [2, 2]
            await b.settle(60)

            os.kill(engine.pid, signal.SIGKILL)
            await b.pilot.press("j")
            await b.settle()
            await b.pilot.press("enter")
            await b.until(lambda: b.app.engine_state.phase == "died", timeout=60)
            await b.until(lambda: not b.explore.view.asking)
            await b.press("escape")  # the panel over it keeps what it was drawn over
            await b.shows("the engine died", "F8 starts it again")
            await b.pilot.press("f8")
            await b.until(lambda: b.app.engine_state.phase == "ready", timeout=120)
            pids.add(b.app.engine().client().pid)
            assert b.explore.view.uid == "demo/test/000001", "nothing of the bench is lost"
        os.kill(max(pids - {engine.pid}), 0)  # leaving the bench leaves the engine
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
