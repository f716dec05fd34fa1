"""A key that is held down: the cursor goes with it, and only where it rests is a sample drawn."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from textual import events
from textual.screen import Screen
from textual.widgets import OptionList

from tests.workbench.app.explore_bench import bench
from tests.workbench.app.make_records import make_job, make_run
from workbench.app.explore.browser import Browser
from workbench.app.explore.reading import SampleReader
from workbench.app.lists.row_list import RowList
from workbench.app.widgets.choice import Choice
from workbench.app.widgets.image_view import ImageView
from workbench.app.widgets.picker import Picker


async def test_samples_that_held_keys_pass_over_are_not_drawn(monkeypatch):
    drawn: list[str | None] = []
    show = ImageView.show

    def noted(self, sample, note=""):
        drawn.append(sample.uid if sample else None)
        show(self, sample, note)

    async with bench((120, 40)) as b:
        monkeypatch.setattr(ImageView, "show", noted)
        for _ in range(60):
            key = events.Key("j", "j")
            key.set_sender(b.app)
            b.app.post_message(key)
        await b.until(lambda: b.explore.view.uid == "demo/test/000060")
        await b.settle()
    assert drawn[-1] == "demo/test/000060"
    assert len(drawn) <= 3, drawn  # the first step, the last, and none of those between


async def test_a_held_key_shows_some_of_the_samples_that_it_passes_whole_and_the_last(monkeypatch):
    seen: list[tuple[str, str, str]] = []
    put = SampleReader._put

    def noted(self, browser, ordinal, sample):
        put(self, browser, ordinal, sample)
        seen.append((sample.uid, self.view.uid, self.widgets.image.uid))

    async with bench((160, 44)) as b:
        monkeypatch.setattr(SampleReader, "_put", noted)
        steps = 0
        while len(seen) < 4:  # the step that begins it, and three on the way
            steps += 1
            assert steps < 900, "no sample was shown on the way"
            await b.pilot.press("j")
        await b.settle()
        last = f"demo/test/{b.explore.widgets.samples.ordinal:06}"
    assert seen[-1][0] == last
    assert all(uid == view == image for uid, view, image in seen)


async def test_a_picture_that_was_passed_long_ago_goes_if_the_samples_are_slower_than_the_key(
    monkeypatch,
):
    reading, at = threading.Event(), Browser.at

    def slow(self, ordinal):
        assert reading.wait(60)
        return at(self, ordinal)

    async with bench((120, 40)) as b:
        monkeypatch.setattr(Browser, "at", slow)
        try:
            await b.pilot.press("j", "j", "j")
            samples = b.explore.widgets.samples
            await b.until(lambda: f"reading sample {samples.ordinal + 1}" in b.text())
        finally:
            reading.set()
        await b.until(lambda: b.explore.view.uid == f"demo/test/{samples.ordinal:06}")
        await b.settle()
        assert "reading sample" not in b.text()


async def test_what_is_pressed_after_held_keys_is_meant_for_where_they_led():
    async with bench((120, 40)) as b:
        await b.pilot.press(*["j"] * 20, "b")
        await b.settle()
        assert list(b.explore.view.bookmarks) == ["demo/test/000020"]


async def test_the_list_moves_by_half_of_itself_and_has_the_rows_that_come_into_sight():
    async with bench((120, 40)) as b:
        samples = b.explore.widgets.samples
        height, tops = samples.size.height, [0]
        for _ in range(2 * height):
            await b.pilot.press("j")
            top = int(samples.scroll_offset.y)
            assert top <= samples.cursor < top + height
            if top != tops[-1]:
                tops.append(top)
                await b.settle()
                ahead = range(top, top + height + height // 2)
                assert all(n in samples.rows for n in ahead), "the next move finds its rows"
    assert 3 <= len(tops) <= 4


def make_sessions(count: int) -> None:
    from sessions.records import NoteRecord
    from sessions.session_log import SessionLog

    for number in range(count):
        SessionLog.open(f"s{number:03d}").append(NoteRecord(text="It was seen."))


@pytest.mark.parametrize("key", ["2", "3", "4"])
async def test_the_lists_of_the_other_places_move_by_half_of_themselves(key):
    for _ in range(50):
        make_run(1)
        make_job(["wb", "data", "list"])
    make_sessions(50)
    async with bench((80, 24)) as b:
        await b.press(key)
        table = b.app.screen.query(RowList).first()
        await b.until(lambda: len(table.keys) == 50)
        tops = [0]
        for step in ["j"] * 40 + ["k"] * 40:
            await b.pilot.press(step)
            top = round(table.scroll_y)
            assert top <= table.cursor < top + table.page
            if top != tops[-1]:
                tops.append(top)
        assert table.cursor == 0 == tops[-1]
        assert len(tops) <= 2 + 2 * 50 // (table.page // 2)


async def test_the_options_of_a_dialog_move_by_half_of_themselves():
    async with bench((80, 24)) as b:
        await b.app.push_screen(Picker("one of them", [Choice(str(n), "", n) for n in range(60)]))
        await b.settle()
        options = b.app.screen.query_one(OptionList)
        height, tops = options.size.height, [0]
        for _ in range(50):
            await b.pilot.press("down")
            top = round(options.scroll_y)
            assert top <= options.highlighted < top + height
            if top != tops[-1]:
                tops.append(top)
    assert 3 <= len(tops) <= 2 + 50 // (height // 2)


@pytest.mark.parametrize("key", ["1", "3", "4"])
async def test_a_step_lays_nothing_out_anew(key, monkeypatch):
    laid_out: list[Screen] = []
    layout = Screen._refresh_layout

    def noted(self, *args, **kwargs):
        laid_out.append(self)
        return layout(self, *args, **kwargs)

    for _ in range(8):
        make_job(["wb", "data", "list"])
    make_sessions(8)
    async with bench((160, 44)) as b:
        await b.press(key)
        await b.press("j", "j")
        monkeypatch.setattr(Screen, "_refresh_layout", noted)
        for _ in range(4):
            await b.press("j")
    assert not laid_out


async def test_a_step_draws_two_lines_of_the_list(monkeypatch):
    for _ in range(20):
        make_run(1)
    regions: list[Any] = []
    async with bench((160, 44)) as b:
        await b.press("2", "j", "j")
        table = b.app.screen.table
        refresh = table.refresh

        def noted(*given, **more):
            regions.extend(given or [None])
            return refresh(*given, **more)

        monkeypatch.setattr(table, "refresh", noted)
        await b.pilot.press("j")
        assert [region.y for region in regions] == [3, 4], regions


async def test_runs_that_held_keys_pass_over_are_not_read_and_the_next_key_meets_the_last():
    for _ in range(40):
        make_run(4)
    told: list[str] = []
    async with bench((160, 44)) as b:
        await b.press("2")
        table, detail = b.app.screen.table, b.app.screen.detail
        tell = table._tell
        table._tell = lambda: told.append(table.key) or tell()
        for key in [*["j"] * 30, "m"]:
            event = events.Key(key, key)
            event.set_sender(b.app)
            b.app.post_message(event)
        await b.until(lambda: table.cursor == 30)
        await b.settle()
        assert detail.run is table.run
        assert told[-1] == table.key and len(told) <= 3, told
        table.focus()
        for key in [*["j"] * 30, "k", "k"]:  # the end of the list stops it
            event = events.Key(key, key)
            event.set_sender(b.app)
            b.app.post_message(event)
        await b.until(lambda: table.cursor == 37)
        await b.settle()
        assert detail.run is table.run
