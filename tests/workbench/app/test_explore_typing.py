"""Keys at a typist's speed: several arrive before the first is done, samples are read slowly."""

from __future__ import annotations

import threading

import pytest
from textual import events
from textual.widgets import Input

from sessions.records import PromptRecord
from sessions.session_log import current_session
from sessions.uid_cache import UidCache
from tests.workbench.app.explore_bench import SIZES, Bench, FakeEngine, bench
from workbench.app.explore.browser import Browser
from workbench.app.explore.gallery import GalleryScreen

SMALL = SIZES[0]
NAMES = {"/": "slash", " ": "space", ":": "colon", "G": "G"}


def at_once(b: Bench, *keys: str) -> None:
    """Keys as one read of the terminal gives them: all are there before the first is handled."""
    for key in keys:
        character = key if len(key) == 1 else None
        b.app.post_message(events.Key(NAMES.get(key, key), character))


@pytest.fixture
def slow_disk(monkeypatch):
    """Samples are read only once the gate is open."""
    gate = threading.Event()
    gate.set()
    plain = Browser.at

    def at(self, ordinal):
        gate.wait(30)
        return plain(self, ordinal)

    monkeypatch.setattr(Browser, "at", at)
    return gate


async def handled(b: Bench) -> None:
    """Until every key that arrived was handled; workers may still be at work."""
    await b.pilot.pause()
    await b.until(lambda: not b.app._under_way and not b.app._keys)
    await b.pilot.pause()


def asked() -> list[str | None]:
    return [r.uid for r in current_session().records() if isinstance(r, PromptRecord)]


async def with_answers(b: Bench, count: int = 2) -> None:
    """An answer on each of the first samples, then back to the first."""
    for _ in range(count):
        await b.press("enter", "j")
    await b.press("home")


async def test_h_straight_after_j_recalls_the_answer_of_the_sample_that_is_gone_to(slow_disk):
    async with bench(SIZES[1], engine=FakeEngine()) as b:
        await with_answers(b)
        b.explore.view.browser._samples.clear()
        slow_disk.clear()
        at_once(b, "j", "h")
        await handled(b)
        assert b.explore.view.asked is None  # nothing of the sample before
        slow_disk.set()
        await b.settle()
        assert b.explore.view.asked is not None and b.explore.view.asked.uid == "demo/test/000001"
        assert (
            b.explore.widgets.answer.answer is not None
            and b.explore.controllers.earlier.recalled == 0
        )


async def test_enter_and_h_after_j_ask_about_it_once(slow_disk):
    engine = FakeEngine()
    async with bench(SIZES[1], engine=engine) as b:
        slow_disk.clear()
        at_once(b, "j", "enter", "h")
        await handled(b)
        slow_disk.set()
        await b.settle()
        assert asked() == ["demo/test/000001"]


async def test_enter_and_g_after_j_lay_the_heat_of_that_answer(slow_disk):
    engine = FakeEngine()
    async with bench(SIZES[1], engine=engine) as b:
        await with_answers(b, 1)
        slow_disk.clear()
        at_once(b, "j", "enter", "g")
        await handled(b)
        assert not b.explore.view.heat  # not over the sample that is still in view
        slow_disk.set()
        await b.settle()
        assert b.explore.view.heat and b.explore.controllers.heat.laid is not None
        assert asked()[-1] == b.explore.view.uid == "demo/test/000001"


async def test_moving_on_takes_the_sign_of_a_heat_that_is_waited_for_away():
    engine = FakeEngine()
    engine.heat_gate = threading.Event()
    async with bench(SIZES[1], engine=engine) as b:
        await b.press("enter")
        await b.pilot.press("g")
        await b.until(lambda: b.explore.widgets.image._wait)
        await b.pilot.press("j")
        await b.until(lambda: b.explore.view.uid == "demo/test/000001")
        assert not b.explore.widgets.image._wait
        engine.heat_gate.set()


async def test_the_gallery_takes_enter_and_h_goes_to_explore():
    async with bench(SIZES[1], engine=FakeEngine()) as b:
        await with_answers(b)
        at_once(b, "G", "right", "enter", "h")
        await handled(b)
        await b.settle()
        assert not isinstance(b.app.screen, GalleryScreen)
        assert b.explore.view.uid == "demo/test/000001"
        assert b.explore.view.asked is not None and b.explore.view.asked.uid == b.explore.view.uid


async def test_b_after_two_steps_is_for_the_sample_of_the_second(slow_disk):
    async with bench(SIZES[1]) as b:
        slow_disk.clear()
        at_once(b, "j", "j", "b")
        await handled(b)
        slow_disk.set()
        await b.settle()
    with UidCache.open() as cache:
        assert [mark.uid for mark in cache.list()] == ["demo/test/000002"]


async def test_a_filter_typed_at_once_reaches_its_field_and_the_keys_after_it_the_list():
    async with bench(dataset="demo/test[:60]") as b:
        at_once(b, *"/teal", "enter")
        await handled(b)
        assert b.explore.query_one("#filter", Input).value == "teal"
        await b.settle()
        first = b.explore.widgets.samples.cursor
        at_once(b, "j", "b")
        await handled(b)
        await b.settle()
        matches = b.explore.widgets.samples.matches
        assert matches and b.explore.view.ordinal == matches[first + 1]
        assert b.explore.query_one("#filter", Input).value == "teal"
        marked = [mark for mark in b.explore.view.bookmarks]
        assert marked == [b.explore.view.uid]


async def test_what_is_typed_after_the_key_of_a_dialog_stands_in_the_dialog():
    async with bench(SMALL) as b:
        at_once(b, "d", *"demo_vqa")
        await handled(b)
        assert b.app.screen.query_one(Input).value == "demo_vqa"


async def test_a_key_whose_receiver_goes_away_holds_the_next_ones_up_for_a_moment_only():
    async with bench(SIZES[1]) as b:
        b.app._under_way = True  # as after a key whose word never came
        b.app._turn += 1
        turn = b.app._turn
        at_once(b, "j")
        await b.pilot.pause()
        assert b.explore.widgets.samples.cursor == 0
        await b.app._go_on(turn)  # what the timer does
        await b.until(lambda: b.explore.widgets.samples.cursor == 1)
