"""Places are made while nobody types, without being looked at and without reading anything."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from workbench.app import places_ahead
from workbench.app.app import PLACES, WbApp
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
