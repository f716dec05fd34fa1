"""Heat over the image: it follows the token, waits for the answer, and can be cancelled."""

from __future__ import annotations

import threading
from dataclasses import replace

from sessions.records import GradcamRecord, PromptRecord
from sessions.session_log import current_session
from tests.workbench.app.explore_bench import FakeEngine, bench
from workbench.app.widgets.text_panel import ErrorPanel
from workbench.errors import EngineError
from workbench.playground.explain import explained_by


def prompts() -> list[PromptRecord]:
    return [r for r in current_session().records() if isinstance(r, PromptRecord)]


async def test_heat_lies_over_the_image_and_follows_the_token():
    engine = FakeEngine()
    async with bench(engine=engine) as b:
        await b.press("enter")
        cold = b.explore.widgets.image._frame
        await b.press("g")
        assert b.explore.widgets.image.hot and b.explore.widgets.image._frame is not cold
        await b.shows("hirescam")
        await b.press("right")
        assert engine.explained == [0, 1]
        await b.press("left")
        assert engine.explained == [0, 1], "what was computed is kept"
        records = [r for r in current_session().records() if isinstance(r, GradcamRecord)]
        assert [r.token for r in records] == [0, 1]
        assert records[0].prompt_id == prompts()[0].id
        assert records[0].messages == prompts()[0].messages and records[0].timing
        again = explained_by(records[1])  # what `wb gradcam ID` asks: the same, so the same map
        assert again.question.spec == replace(engine.asked[0][1], device="auto")
        assert again.question.messages == engine.asked[0][0]
        assert (again.text, again.token, again.turned) == ("False. It is red", 1, {})
        assert again.answer_ids == [0, 1, 2, 3, 4]
        await b.press("g")
        assert not b.explore.widgets.image.hot and "hirescam" not in b.text()


async def test_the_hot_place_is_painted_where_it_is_hot_and_opacity_zero_paints_nothing():
    async with bench((120, 40), engine=FakeEngine(), look={"opacity": 0.9}) as b:
        plain = b.explore.widgets.image._frame.strips
        await b.press("enter", "g")
        box = b.explore.widgets.image.boxes[0]
        hot = b.explore.widgets.image._frame.strips

        def colour(strips, x: int, y: int):
            return strips[y].crop(x, x + 1)._segments[0].style.bgcolor.triplet

        here = (box.x + 1, box.y + 1)
        assert colour(hot, *here) != colour(plain, *here)
        assert colour(hot, *here).red > 100 > colour(hot, *here).blue, "turbo's hot end is red"
        for _ in range(12):
            await b.pilot.press("left_square_bracket")
        await b.settle()
        assert b.explore.widgets.image.look.opacity == 0
        assert colour(b.explore.widgets.image._frame.strips, *here) == colour(plain, *here)
        await b.press("c")
        assert b.explore.widgets.image.look.colormap != "turbo"


async def test_waiting_for_heat_can_be_cancelled():
    engine = FakeEngine()
    engine.heat_gate = threading.Event()
    async with bench(engine=engine) as b:
        await b.press("enter")
        await b.pilot.press("g")
        await b.until(lambda: engine.explained)
        await b.shows("heat for")
        await b.press("escape")
        assert not b.explore.view.heat
        assert "heat for" not in b.text()


async def test_heat_that_is_switched_on_while_the_answer_comes_is_laid_when_it_stands():
    engine = FakeEngine()
    engine.gate = threading.Semaphore(0)
    async with bench(engine=engine) as b:
        await b.pilot.press("enter", "g")
        await b.shows("heat follows the answer")
        engine.gate.release(20)
        await b.settle()
        assert b.explore.widgets.image.hot and engine.explained == [0]


async def test_heat_that_waits_for_an_answer_goes_when_that_is_cancelled():
    engine = FakeEngine()
    engine.gate = threading.Semaphore(0)
    async with bench(engine=engine) as b:
        await b.pilot.press("enter", "g", "escape")
        await b.until(lambda: not b.explore.view.asking)
        assert not b.explore.view.heat and "heat follows" not in b.text()


async def test_heat_that_fails_is_told_and_the_answer_stays():
    engine = FakeEngine()
    async with bench(engine=engine) as b:
        await b.press("enter")
        engine.error = EngineError("the engine 7 is gone", hint="F8", kind="engine_died")
        await b.press("g")
        assert isinstance(b.app.screen, ErrorPanel)
        await b.shows("the engine 7 is gone")
        await b.press("escape")
        await b.shows("False. It is red")
        assert b.app.engine_state.phase == "died"
        await b.shows("F8")


async def test_g_without_an_answer_says_what_to_do():
    async with bench(engine=FakeEngine()) as b:
        await b.press("g")
        await b.shows("Enter asks")
        assert not b.explore.view.heat
