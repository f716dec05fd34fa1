"""The line of keys of a dialog is in sight, however long its list or text is."""

import pytest
from textual.widgets import Input, OptionList

from tests.workbench.app.bench_host import Host, drawn, until
from workbench.app.widgets.choice import Choice
from workbench.app.widgets.model_picker import ModelPicker
from workbench.app.widgets.picker import Picker
from workbench.app.widgets.text_panel import TextPanel
from workbench.errors import UsageError

LONG = [Choice(f"option {n}", "words that fill more than a line of it " * 3, n) for n in range(60)]
SIZES = [(80, 24), (60, 18), (160, 44)]


def found(token):
    return LONG


def refuse(value):
    raise UsageError("it cannot be meant " * 12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["picker", "models", "text"])
async def test_the_keys_are_in_sight_below_a_long_list_and_a_long_text(kind, size):
    dialogs = {
        "picker": lambda: Picker("One", LONG),
        "models": lambda: ModelPicker("One", find=found, specs=refuse, free="type"),
        "text": lambda: TextPanel("A text", "a line\n" * 300),
    }
    app = Host(dialogs[kind]())
    async with app.run_test(size=size) as pilot:
        for _ in range(3):
            await pilot.pause()
        assert "Esc " in drawn(app)
        if kind == "text":
            return
        options = app.screen.query_one(OptionList)
        await pilot.press(*["down"] * 59)
        await pilot.pause()
        assert options.highlighted == 59 and "option 59" in drawn(app)
        if kind == "models":
            await pilot.press("enter")
            words = ("it cannot", "leaves")
            await until(pilot, lambda: all(word in drawn(app) for word in words))


async def test_a_short_list_takes_no_more_lines_than_it_needs():
    app = Host(Picker("One", LONG[:2]))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.screen.query_one(Input).value = "option 1"
        await pilot.pause()
        assert app.screen.query_one(OptionList).outer_size.height <= 4
