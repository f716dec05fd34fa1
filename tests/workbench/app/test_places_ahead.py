"""Places are made while nobody types, without being looked at and without reading anything."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.workbench.app.make_records import make_job
from tests.workbench.app.stage import stage
from workbench.app import places_ahead
from workbench.app.app import PLACES, WbApp
from workbench.app.jobs.job_table import JobTable
from workbench.app.lists.list_reader import ListReader

pytestmark = pytest.mark.asyncio


def _app(monkeypatch) -> WbApp:
    """A bench as in a process of its own, but for the collector, which this process needs."""
    monkeypatch.setattr(places_ahead.PlacesAhead, "_keep_what_is_there", lambda ahead: None)
    app = WbApp()
    app.alone = True
    return app


async def _until(pilot, reached: Callable[[], object]) -> None:
    for _ in range(600):
        if reached():
            return
        await pilot.pause(0.02)
    raise AssertionError("waited in vain")


def _done(app: WbApp) -> bool:
    return app.places_ahead is not None and app.places_ahead.done


async def test_all_places_are_there_before_they_are_looked_at_and_none_was_read(monkeypatch):
    read = []
    monkeypatch.setattr(ListReader, "_work", lambda reader, token: read.append(reader))
    app = _app(monkeypatch)
    async with app.run_test() as pilot:
        await _until(pilot, lambda: _done(app))
        assert set(app._screen_stacks) == set(PLACES)
        assert app.current_mode == "explore" and len(app.screen_stack) == 1
        await pilot.pause()
        assert read == []
        made = app._screen_stacks["jobs"][0]
        await pilot.press("3")
        await _until(pilot, lambda: read)
        assert app.screen is made


async def test_a_place_is_looked_at_while_none_was_made(monkeypatch):
    monkeypatch.setattr(places_ahead, "QUIET_S", 60.0)
    app = _app(monkeypatch)
    async with app.run_test() as pilot:
        await pilot.press("2")
        await _until(pilot, lambda: app.current_mode == "runs" and app.screen.is_mounted)
        assert app.places_ahead is not None
        assert set(app._screen_stacks) == {"explore", "runs"}


async def test_nothing_is_made_shortly_after_a_key(monkeypatch):
    app = _app(monkeypatch)
    async with app.run_test() as pilot:
        await _until(pilot, lambda: app.places_ahead is not None)
        app.last_key_s = time.monotonic() + 3600
        assert app.places_ahead is not None
        app.places_ahead._on()
        assert set(app._screen_stacks) == {"explore"} and not app.tasks.busy("places")
        app.last_key_s = 0.0
        await _until(pilot, lambda: _done(app))


async def test_a_place_that_cannot_be_imported_holds_up_no_other(monkeypatch):
    real = places_ahead.import_module

    def broken(name: str):
        if name.endswith("runs.screen"):
            raise RuntimeError("broken")
        return real(name)

    monkeypatch.setattr(places_ahead, "import_module", broken)
    app = _app(monkeypatch)
    async with app.run_test() as pilot:
        await _until(pilot, lambda: _done(app))
        assert set(app._screen_stacks) == set(PLACES) - {"runs"}


async def _walk(monkeypatch, *, made_ahead: bool) -> list[tuple[str, str, str]]:
    """What each place shows and what has the focus there, in two rounds through all of them."""
    seen = []
    async with stage((160, 44), monkeypatch, made_ahead=made_ahead) as s:
        for key in "234123":
            await s.press(key)
            await s.quiet()
            await s.press("j")
            await s.quiet()
            focused = s.app.screen.focused
            name = f"{type(focused).__name__}#{focused.id}" if focused is not None else ""
            seen.append((s.app.current_mode, name, s.text()))
    return seen


async def test_places_that_were_made_ahead_look_and_act_as_those_that_were_not(monkeypatch):
    monkeypatch.setattr(places_ahead.PlacesAhead, "_keep_what_is_there", lambda ahead: None)
    made_when_looked_at = await _walk(monkeypatch, made_ahead=False)
    assert await _walk(monkeypatch, made_ahead=True) == made_when_looked_at


async def test_a_place_that_nobody_looks_at_draws_nothing_and_reads_nothing(monkeypatch):
    monkeypatch.setattr(places_ahead.PlacesAhead, "_keep_what_is_there", lambda ahead: None)
    _, lock = make_job(["wb", "data", "list"], state="running")
    app = _app(monkeypatch)
    async with app.run_test() as pilot:
        await _until(pilot, lambda: _done(app))
        await pilot.press("3")
        table = app.screen.query_one(JobTable)
        await _until(pilot, lambda: table.keys)
        turned = table._turn
        await _until(pilot, lambda: table._turn > turned)  # the sign of a running job turns
        await pilot.press("1")
        await _until(pilot, lambda: app.current_mode == "explore")
        drawn, read = [], []
        monkeypatch.setattr(JobTable, "refresh", lambda *given, **more: drawn.append(given))
        monkeypatch.setattr(ListReader, "_work", lambda reader, token: read.append(reader))
        for timer in [table._spin, app._screen_stacks["jobs"][0].listing.read]:
            timer()
        assert drawn == read == [] and not app.tasks.busy("jobs")
    lock.release()
