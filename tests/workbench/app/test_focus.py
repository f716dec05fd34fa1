"""The focus goes back to where it was, whatever was opened meanwhile and however it was left."""

from __future__ import annotations

import pytest
from textual.screen import Screen
from textual.widget import Widget

from tests.workbench.app.explore_bench import SIZES, Bench, FakeEngine, bench
from workbench.app.panels import panel_of, panels

# Every key of Explore that opens something over it.
OPENERS = [*"tdmBReayiIEswGC", "f9", "question_mark", "ctrl+p"]
# What may have the focus when such a key is pressed: it takes no letters itself.
HOLDERS = ["SampleList", "#template", "#ask"]


async def opened(b: Bench, key: str) -> Screen:
    """Press a key in Explore and wait until something stands over it."""
    await b.pilot.press(key)
    await b.until(lambda: b.app.screen is not b.explore)
    await b.settle()
    return b.app.screen


async def closed(b: Bench, *keys: str) -> None:
    """Press keys until Explore is on top again."""
    for key in keys:
        if b.app.screen is not b.explore:
            await b.press(key)
    await b.until(lambda: b.app.screen is b.explore)
    await b.settle()


async def on(b: Bench, holder: str) -> Widget:
    """Put the focus on a widget of Explore."""
    widget = b.explore.query_one(holder)
    b.explore.set_focus(widget)
    await b.settle()
    assert b.explore.focused is widget
    return widget


@pytest.mark.parametrize("holder", HOLDERS)
async def test_esc_gives_the_focus_back_from_everything_that_a_key_opens(holder):
    async with bench(SIZES[1], engine=FakeEngine()) as b:
        await b.press("b", "enter")  # a bookmark, and an answer
        before = await on(b, holder)
        for key in OPENERS if holder == HOLDERS[0] else "tdwG":
            await opened(b, key)
            await closed(b, "escape", "escape")
            assert b.explore.focused is before, key


@pytest.mark.parametrize("size", [SIZES[0], (160, 44)])
async def test_choosing_gives_the_focus_back(size):
    async with bench(size, engine=FakeEngine()) as b:
        if size == SIZES[0]:
            await b.press("l")  # the list is folded away, and nothing has the focus
        before = b.explore.focused
        assert before is b.explore.widgets.samples
        for key in ("t", "m", "d", "G", "f9", "R"):
            await opened(b, key)
            await closed(b, "enter", "enter", "escape")
            assert b.explore.focused is before, key


async def test_j_after_a_template_was_chosen_goes_to_the_next_sample():
    async with bench(SIZES[1], engine=FakeEngine()) as b:
        for number in (1, 2):
            await b.press("t", "down", "enter", "j")
            assert (
                b.explore.view.uid == f"demo/test/{number:06}"
                and not b.explore.widgets.panel.edited
            )


async def test_the_focus_stays_where_it_is_when_an_answer_came_and_after_a_sweep():
    async with bench(SIZES[1], engine=FakeEngine()) as b:
        for holder in HOLDERS:
            before = await on(b, holder)
            await b.press("f5")
            assert b.explore.widgets.answer.answer is not None and b.explore.focused is before
            await opened(b, "w")
            await closed(b, "enter", "enter", "escape", "escape")
            assert b.explore.focused is before


@pytest.mark.parametrize("holder", HOLDERS)
async def test_only_the_panel_with_the_focus_has_a_title_in_the_colour_of_focus(holder):
    async with bench((160, 44)) as b:
        panel = panel_of(await on(b, holder))
        bright = panel.styles.border_title_color
        titled = panels(b.explore)
        assert len(titled) == 4
        assert [p for p in titled if p.styles.border_title_color == bright] == [panel]
