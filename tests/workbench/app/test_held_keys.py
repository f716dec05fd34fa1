"""A key that is held down: the cursor goes with it, and only where it rests is a sample drawn."""

from __future__ import annotations

import threading

from textual import events
from textual.screen import Screen

from tests.workbench.app.explore_bench import bench
from tests.workbench.app.make_records import make_run
from workbench.app.explore.browser import Browser
from workbench.app.explore.reading import SampleReader
from workbench.app.widgets.image_view import ImageView


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
    assert seen[-1][0] == last and len(seen) < steps
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


async def test_a_step_lays_nothing_out_anew(monkeypatch):
    laid_out: list[Screen] = []
    layout = Screen._refresh_layout

    def noted(self, *args, **kwargs):
        laid_out.append(self)
        return layout(self, *args, **kwargs)

    async with bench((160, 44)) as b:
        await b.press("j", "j")
        monkeypatch.setattr(Screen, "_refresh_layout", noted)
        for _ in range(4):
            await b.press("j")
    assert not laid_out


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
