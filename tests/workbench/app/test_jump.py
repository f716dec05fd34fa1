"""Jump mode, and one panel alone."""

from __future__ import annotations

from tests.workbench.app.explore_bench import FakeEngine, bench
from tests.workbench.app.make_records import make_run
from workbench.app.jump import JumpScreen


def letter_of(screen: JumpScreen, widget_id: str) -> str:
    return next(x for x, target in screen.targets.items() if target.widget.id == widget_id)


async def test_a_letter_goes_to_what_it_stands_on_and_a_capital_gives_its_panel_the_screen():
    async with bench((120, 40)) as b:
        await b.press("ctrl+o")
        letters = b.app.screen
        assert isinstance(letters, JumpScreen)
        for mark, target in zip(letters.query(".letter"), letters.targets.values(), strict=True):
            assert mark.region.offset == target.region.offset
        await b.press(letter_of(letters, "system"))
        assert b.app.focused.id == "system"
        await b.press("ctrl+o")  # from within a field too
        await b.press(letter_of(b.app.screen, "samples").upper())
        await b.until(lambda: b.explore.query_one("#side").region.width == 120)
        assert b.app.focused is b.explore.widgets.samples
        await b.press("escape")
        await b.until(lambda: b.explore.query_one("#side").region.width == 30)
        await b.press("ctrl+o", "escape")
        assert b.app.screen is b.explore
        await b.press("ctrl+o", "3")
        assert b.app.current_mode == "jobs"


async def test_a_panel_without_a_focus_of_its_own_fills_the_screen_and_keys_go_on():
    async with bench((120, 40)) as b:
        await b.press("ctrl+o")
        letters, letter = b.app.screen, letter_of(b.app.screen, "middle")
        marks = dict(zip(letters.targets, letters.query(".letter"), strict=True))
        assert str(marks[letter].render()) == letter.upper()
        assert str(marks[letter_of(letters, "samples")].render()).islower()
        await b.press(letter)
        assert b.app.screen is letters and not b.explore.maximized
        await b.shows(f"{letter.upper()}, as a capital")
        await b.press(letter.upper())
        await b.until(lambda: b.explore.widgets.image.region.width > 110)
        await b.press("j")
        await b.shows("demo/test/000001")
        await b.press("f10")
        await b.until(lambda: b.explore.widgets.image.region.width < 80)


async def test_f10_gives_the_panel_with_the_focus_the_screen_in_every_place_and_takes_it_back():
    async with bench((160, 44)) as b:
        for place, name in (("2", "run-table"), ("3", "job-table"), ("4", "session-table")):
            await b.press(place)
            await b.until(lambda name=name: getattr(b.app.focused, "id", "") == name)
            small = b.app.focused.region
            await b.press("f10")
            await b.until(lambda: b.app.focused.region.size == (160, 42))
            await b.press("f10")
            await b.until(lambda small=small: b.app.focused.region == small)


async def test_f10_shows_a_list_that_is_folded_away_and_the_footer_of_a_field_offers_no_text():
    async with bench((80, 24)) as b:
        await b.press("f10")  # nothing has the focus: the picture's is the largest
        await b.until(lambda: b.explore.maximized is b.explore.query_one("#middle"))
        await b.press("f10", "l", "f10")
        await b.until(lambda: b.explore.query_one("#side").region.size == (80, 22))
        await b.shows("000003")
        await b.press("escape", "escape", "p")
        await b.until(lambda: b.app.focused.id == "prompt-text")
        foot = b.text().splitlines()[-1]
        assert "^⏎/F5 Ask" in foot and "F1 Help" in foot
        assert not any(word in foot for word in (" ⏎ Ask", "/ Filter", "Gallery"))


async def test_a_panel_that_fills_the_screen_has_the_focus_and_gives_it_back():
    make_run(30, right=0.3, unparsed=0, failed=0)
    async with bench((160, 44)) as b:
        await b.press("2")
        runs = b.app.screen
        await b.until(lambda: runs.detail.samples.keys)
        before, metrics = b.app.focused, runs.query_one("#metrics-box")
        await b.press("ctrl+o")
        await b.press(letter_of(b.app.screen, "metrics-box").upper())
        await b.until(lambda: metrics.region.size == (160, 42))
        assert b.app.focused is metrics
        assert b.text().splitlines()[-1].lstrip().startswith("Esc All panels")
        marked = list(runs.table.marked)
        await b.press("space")  # of a list that nobody sees
        assert runs.table.marked == marked
        await b.press("down", "enter")  # into the run's samples, which are in sight again
        assert b.app.current_mode == "runs" and runs.maximized is None
        assert b.app.focused is runs.detail.samples and not metrics.focusable
        await b.press("escape", "f10")
        assert runs.maximized is runs.table
        await b.press("escape")
        assert runs.maximized is None and b.app.focused is before


async def test_a_panel_fills_the_screen_until_one_leaves_the_place():
    make_run(30, right=0.3, unparsed=0, failed=0)
    async with bench((160, 44)) as b:
        for place in "1234":
            await b.press(place)
            screen = b.app.screen
            focused = screen.focused
            await b.press("f10")
            assert screen.maximized is not None
            await b.press("1" if place == "4" else "4", place)
            assert b.app.screen is screen and screen.maximized is None
            assert screen.focused is focused


async def test_a_question_that_is_asked_over_the_image_alone_shows_where_its_answer_is():
    async with bench((160, 44), engine=FakeEngine()) as b:
        await b.press("ctrl+o")
        await b.press(letter_of(b.app.screen, "middle").upper())
        assert b.explore.maximized is b.explore.query_one("#middle")
        await b.press("enter")
        await b.shows("False. It is red")
        assert b.explore.maximized is None and b.app.focused is b.explore.widgets.samples
