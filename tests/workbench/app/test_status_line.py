"""What is said in passing covers the footer alone, and goes with the screen that it is about."""

from __future__ import annotations

import pytest
from textual.widgets._toast import Toast

from tests.workbench.app.explore_bench import bench
from tests.workbench.app.stage import SHOWS, Stage, stage
from workbench.app.status_line import Room
from workbench.app.widgets.footer import BenchFooter

LONG = "written to /a/folder/whose/name/is/long " * 5
VIEWS = (
    "explore", "explore-prompt", "explore-filter", "explore-jump", "runs-inside", "jobs",
    "sessions-inside", "sweep", "gallery", "rating", "own-data", "template",
)  # fmt: skip


def toasts(app):
    """Where each text stands on the screen in view."""
    screen = app.screen
    return [screen.find_widget(one).visible_region for one in screen.query(Toast) if one.region]


def covered(app):
    """What can have the focus, or shows a picture, and lies under a text."""
    said = toasts(app)
    shown = [w for w in app.screen.query("*") if w.focusable or type(w).__name__ == "ImageView"]
    inside = [(w, app.screen.find_widget(w).visible_region) for w in shown if w.is_on_screen]
    return [w for w, r in inside for over in said if r and r.overlaps(over) and w.is_on_screen]


async def said(s: Stage, *texts: str) -> None:
    for text in texts:
        s.app.notify(text, timeout=9)
    await s.until(lambda: toasts(s.app))
    await s.quiet()


@pytest.mark.parametrize("size", [(80, 24), (160, 44)], ids=str)
async def test_what_is_said_covers_no_field_no_row_and_no_picture(size, monkeypatch):
    wrong = {}
    for name in VIEWS:
        async with stage(size, monkeypatch) as s:
            await s.open(name)
            for text in ("it was done", LONG)[: 1 if name == "explore-jump" else 2]:
                await said(s, text, text)
                if under := covered(s.app):
                    wrong[name, text[:8]] = under
    assert not wrong and set(VIEWS) <= set(SHOWS)


async def test_a_text_of_several_lines_gives_its_room_back():
    async with bench((80, 24)) as b:
        before = b.explore.widgets.image.region
        b.app.notify(LONG, timeout=60)
        await b.until(lambda: toasts(b.app))
        await b.settle()
        assert b.explore.widgets.image.region.height < before.height
        assert "".join(b.text().split()).count("/a/folder/whose/name") == 5
        b.app.clear_notifications()
        await b.until(lambda: not toasts(b.app))
        await b.settle()
        assert b.explore.widgets.image.region == before


async def test_a_text_whose_time_is_over_gives_its_room_back():
    async with bench((80, 24)) as b:
        before = b.explore.widgets.image.region
        b.app.notify(LONG, timeout=0.3)
        await b.until(lambda: any(room.display for room in b.explore.query(Room)))
        await b.until(lambda: not any(room.display for room in b.explore.query(Room)))
        await b.settle()
        assert b.explore.widgets.image.region == before and not toasts(b.app)


async def test_what_is_said_of_a_place_does_not_follow_to_the_next():
    async with bench((120, 40)) as b:
        b.app.notify("of Explore", timeout=9)
        await b.until(lambda: toasts(b.app))
        b.app.notify("of the bench", timeout=30)
        await b.press("2")
        await b.until(lambda: "of the bench" in b.text())
        assert "of Explore" not in b.text()
        await b.press("1")
        await b.until(lambda: "of the bench" in b.text())
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
        (place,) = toasts(b.app)
        assert place == b.explore.query_one(BenchFooter).region
        assert "text 1" not in b.text()
