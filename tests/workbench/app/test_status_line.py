"""What is said in passing takes the footer's line, and goes with its screen or the next key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import workbench.app
from tests.workbench.app.explore_bench import Bench, bench
from tests.workbench.app.stage import SHOWS, stage
from workbench.app import status_line
from workbench.app.status_line import SaidLine
from workbench.app.widgets.footer import BenchFooter

LONG = "written to /a/folder/whose/name/is/long " * 5
PRIVATE = re.compile("(?<!clear)_notifications|_unnotify|_toast")
VIEWS = (
    "explore", "explore-prompt", "explore-filter", "explore-jump", "runs-inside", "jobs",
    "sessions-inside", "sweep", "gallery", "rating", "own-data", "template",
)  # fmt: skip


@pytest.fixture
def _read_at_once(monkeypatch):
    """Every text counts as read when a key comes."""
    monkeypatch.setattr(status_line, "SEEN_S", 0.0)


def lines(app):
    """Where a text stands on the screen in view."""
    return [line.region for line in app.screen.query(SaidLine) if line.display and line.region]


def covered(app):
    """What can have the focus, or shows a picture, and lies under a text."""
    said = lines(app)
    shown = [w for w in app.screen.query("*") if w.focusable or type(w).__name__ == "ImageView"]
    inside = [(w, app.screen.find_widget(w).visible_region) for w in shown if w.is_on_screen]
    return [w for w, r in inside for over in said if r and r.overlaps(over) and w.is_on_screen]


def standing(b: Bench) -> str:
    """The last line of the screen."""
    return b.text().splitlines()[-1]


@pytest.mark.parametrize("size", [(80, 24), (160, 44)], ids=str)
async def test_what_is_said_covers_no_field_no_row_and_no_picture(size, monkeypatch):
    wrong = {}
    for name in VIEWS:
        async with stage(size, monkeypatch) as s:
            await s.open(name)
            for text in ("it was done", LONG, "one line\nand another"):
                s.app.notify(text, timeout=9)
                await s.until(lambda: lines(s.app))
                await s.quiet()
                (place,) = lines(s.app)
                if under := covered(s.app):
                    wrong[name, text[:8]] = under
                assert (place.height, place.bottom, place.width) == (1, size[1], size[0])
    assert not wrong and set(VIEWS) <= set(SHOWS)


async def test_a_long_text_is_cut_at_its_end_and_stands_whole_among_the_messages():
    async with bench((80, 24)) as b:
        before = b.explore.widgets.image.region
        b.app.notify(LONG, title="export", severity="warning", timeout=60)
        await b.until(lambda: lines(b.app))
        await b.settle()
        assert "export: written to /a/folder" in standing(b)
        assert standing(b).rstrip().endswith("…")
        assert b.explore.widgets.image.region == before
        await b.pilot.click(SaidLine)
        await b.settle()
        assert "".join(b.text().split()).count("whose/name") == 5


async def test_a_text_whose_time_is_over_gives_the_footer_back():
    async with bench((80, 24)) as b:
        b.app.notify("for a moment", timeout=0.3)
        await b.until(lambda: "for a moment" in standing(b))
        await b.until(lambda: "Keys" in standing(b))


@pytest.mark.usefixtures("_read_at_once")
async def test_the_next_key_gives_the_footer_back_and_the_text_can_be_read_again():
    async with bench((120, 40)) as b:
        b.app.notify("theme = nothing like it", title="settings", timeout=30)
        await b.until(lambda: "settings: theme" in standing(b))
        await b.press("j")
        assert "Keys" in standing(b) and "settings" not in b.text()
        await b.pilot.press("ctrl+p")
        await b.pilot.press(*"messages", "enter")
        await b.until(lambda: "settings: theme = nothing like it" in b.text())


@pytest.mark.usefixtures("_read_at_once")
async def test_lasting_texts_wait_for_one_another_and_none_is_lost():
    async with bench((120, 40)) as b:
        for number in range(3):
            b.app.notify(f"problem {number}", timeout=30)
        b.app.notify("copied", timeout=2)
        await b.until(lambda: "copied" in standing(b))
        for number in range(3):
            await b.press("j")
            assert f"problem {number}" in standing(b)
        await b.press("j")
        assert "Keys" in standing(b)


async def test_a_key_that_comes_with_a_text_does_not_take_it_away():
    async with bench((120, 40)) as b:
        b.app.notify("it was exported", timeout=60)
        await b.until(lambda: lines(b.app))
        b.app.status_line.standing.since += 3600
        await b.press("j", "j")
        assert "it was exported" in standing(b)


async def test_what_is_said_of_a_place_does_not_follow_to_the_next():
    async with bench((120, 40)) as b:
        b.app.notify("of Explore", timeout=9)
        await b.until(lambda: "of Explore" in standing(b))
        b.app.go("runs")
        await b.settle()
        assert "of Explore" not in b.text()
        b.app.notify("of the bench", timeout=30)
        await b.until(lambda: "of the bench" in standing(b))
        b.app.go("explore")
        await b.until(lambda: "of the bench" in standing(b))
        assert "of Explore" not in b.text()


async def test_what_is_said_in_a_dialog_goes_with_it_and_what_its_end_says_stands(monkeypatch):
    async with stage((120, 40), monkeypatch) as s:
        await s.open("rating")
        await s.press("g")
        assert "the scale is 1-5" in s.text()
        await s.press("escape")
        await s.quiet()
        assert "the scale is 1-5" not in s.text()
        s.app.go("explore")
        await s.quiet()
        await s.open("template")
        s.app.screen.notify("it was taken", timeout=9)
        s.app.screen.dismiss(None)
        await s.until(lambda: "it was taken" in s.text())


async def test_the_newest_text_stands_alone():
    async with bench((120, 40)) as b:
        for number in range(3):
            b.app.notify(f"text {number}")
        await b.until(lambda: "text 2" in b.text())
        await b.settle()
        (place,) = lines(b.app)
        assert place.y == b.explore.query_one(BenchFooter).region.y
        assert "text 1" not in b.text()


def test_the_bench_leans_on_nothing_of_textuals_own_list_of_notifications():
    files = Path(workbench.app.__file__).parent.rglob("*.py")
    assert not [file.name for file in files if PRIVATE.search(file.read_text())]
