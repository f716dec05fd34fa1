"""Where the bench takes a model, one that would not start is said, and nothing is asked."""

import pytest
from textual.widgets import Input, Static

from sessions.session_log import SessionLog
from tests.workbench.app.explore_bench import FakeEngine, bench
from tests.workbench.app.make_records import ask_demo, make_adapter
from workbench.app.explore.sweep import SweepScreen
from workbench.app.widgets.model_picker import ModelPicker


def problem(b):
    return str(b.app.screen.query_one(".problem", Static).render())


@pytest.mark.parametrize("key", ["m", "a"])
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("no/such", "there is no model 'no/such' on this machine"),
        ("demo +nosuch", "nosuch"),
        ("demo --quant-type fp5", "fp5"),
    ],
)
async def test_a_model_that_would_not_start_is_said_in_the_dialog(key, typed, words):
    engine = FakeEngine()
    async with bench((80, 24), engine=engine) as b:
        await b.press(key)
        b.app.screen.query_one(Input).value = typed
        await b.press("enter")
        assert isinstance(b.app.screen, ModelPicker)
        assert words in problem(b)
        assert b.app.spec.model == "demo" and engine.asked == []
        b.app.screen.query_one(Input).value = "demo --dtype fp32"
        await b.press("enter")
        assert not isinstance(b.app.screen, ModelPicker)


async def test_a_replay_with_a_model_that_is_gone_is_refused_in_its_dialog():
    ask_demo(SessionLog.open("day"), 2)
    engine = FakeEngine()
    async with bench((120, 40), engine=engine) as b:
        await b.press("4", "enter")
        await b.settle()
        await b.press("R")
        b.app.screen.query_one(Input).value = "no/such"
        await b.press("enter")
        assert "there is no model 'no/such'" in problem(b)
        assert engine.asked == []


async def test_a_prompt_whose_own_model_is_gone_cannot_be_replayed_as_recorded():
    log = SessionLog.open("day")
    ask_demo(log, 1, model="gone/model")
    async with bench((120, 40), engine=FakeEngine()) as b:
        await b.press("4", "enter")
        await b.settle()
        await b.press("R", "enter")
        assert "there is no model 'gone/model'" in problem(b)


@pytest.mark.parametrize(
    ("field", "value"), [("model", "no/such"), ("model", "demo,no/such"), ("adapter", "none,gone")]
)
async def test_the_grid_says_which_of_its_models_would_fail_and_asks_none(field, value):
    engine = FakeEngine()
    async with bench((120, 40), engine=engine) as b:
        await b.press("w")
        screen = b.app.screen
        assert isinstance(screen, SweepScreen)
        entry = screen.query_one(f"#sweep-{field}", Input)
        entry.value = value
        await b.settle()
        assert entry.has_class("-bad")
        await b.shows(value.split(",")[-1].split("/")[-1], "there is no")
        await b.press("f5")
        assert engine.asked == []
        entry.value = "demo" if field == "model" else "none"
        await b.settle()
        assert not entry.has_class("-bad")
        await b.press("f5")
        await b.until(lambda: len(engine.asked) == 1)


async def test_the_grid_asks_with_an_adapter_that_is_here():
    engine = FakeEngine()
    adapter = str(make_adapter("mine"))
    async with bench((120, 40), engine=engine) as b:
        await b.press("w")
        b.app.screen.query_one("#sweep-adapter", Input).value = f"none,{adapter}"
        await b.press("f5")
        await b.until(lambda: len(engine.asked) == 2)
        assert [spec.adapter for _, spec, _ in engine.asked] == [None, adapter]
