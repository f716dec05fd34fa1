"""Every key of a place does something that is seen, or says in a line why it does nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workbench.app.stage import Stage, stage

PLACES = ("explore", "runs", "jobs", "sessions")
# What only moves: at its end it has nowhere to go, and a list tells that by where the cursor is.
MOVES = {"back", "step", "token", "bookmark_step", "move", "page", "jump", "end", "open", "enter"}


def seen(s: Stage) -> Any:
    """All that a person would notice."""
    segments = [[(x.text, str(x.style)) for x in line] for line in s.segments()]
    # All that was said since, not what still stands: on a slow machine a line's time is over.
    said = list(s.said)  # type: ignore[attr-defined]
    focused = s.app.screen.focused
    return segments, said, len(s.app.screen_stack), s.app.current_mode, focused, s.app.clipboard


def listen(s: Stage) -> None:
    """Keep what is said in `s.said`."""
    s.said, notify = [], s.app.notify  # type: ignore[attr-defined]

    def heard(message: str, **more: Any) -> None:
        s.said.append(message)  # type: ignore[attr-defined]
        notify(message, **more)

    s.app.notify = heard  # type: ignore[method-assign]


async def comes(s: Stage, before: Any) -> bool:
    """Whether anything else is seen than before, by the time that all work is done."""
    while s.works():
        if seen(s) != before:
            return True
        await s.pilot.pause(0.01)
    await s.quiet()
    return seen(s) != before


async def silent_keys(s: Stage, place: str, way: tuple[str, ...]) -> list[str]:
    """The keys of a place that do nothing and say nothing, each pressed on the same ground."""
    found = []
    for _, binding in s.app.screen._bindings:
        name = binding.action.partition("(")[0]
        if not binding.id or name in MOVES:
            continue
        await s.close_dialogs()
        s.app.go(place)
        await s.idle()
        s.app.screen_stack[0].set_focus(None)
        for step in ("escape", "escape", "escape", *way):
            await s.press(step)
        s.app.clear_notifications()
        s.app._clipboard = ""
        await s.quiet()
        before = seen(s)
        await s.pilot.press(binding.key)
        if not await comes(s, before):
            found.append(f"{binding.key} ({binding.action})")
    return found


GROUNDS = [
    ("explore", ()),
    ("runs", ()),
    ("runs", ("home", "space", "down", "space")),
    ("jobs", ()),
    ("jobs", ("end",)),
    ("sessions", ()),
]


@pytest.mark.parametrize(("place", "way"), GROUNDS)
async def test_a_key_does_something_that_is_seen_or_says_why_not(place, way, monkeypatch):
    async with stage((120, 40), monkeypatch) as s:
        listen(s)
        s.app.go(place)
        await s.quiet()
        silent = await silent_keys(s, place, way)
        assert not silent, f"silent: {silent}"


@pytest.mark.parametrize("place", ["runs", "jobs", "sessions"])
async def test_a_key_of_a_place_without_records_says_why_not(place, monkeypatch):
    monkeypatch.setattr("tests.workbench.app.stage.make_the_records", lambda: None)
    async with stage((120, 40), monkeypatch) as s:
        listen(s)
        s.app.go(place)
        await s.quiet()
        silent = await silent_keys(s, place, ())
        assert not silent, f"silent: {silent}"


@pytest.mark.parametrize("place", PLACES)
async def test_q_says_how_to_leave(place, monkeypatch):
    async with stage((80, 24), monkeypatch) as s:
        s.app.go(place)
        await s.quiet()
        await s.press("q")
        await s.until(lambda: "Ctrl+Q leaves the bench" in s.text())


@pytest.mark.parametrize(("scale", "key"), [((), "7"), ((), "g"), (("c",), "7"), (("c",), "3")])
async def test_a_key_outside_of_the_scale_says_which_rate(scale, key, monkeypatch):
    async with stage((80, 24), monkeypatch) as s:
        await s.open("rating")
        await s.press(*scale)
        listen(s)
        await s.press(key)
        assert len(s.said) == 1  # type: ignore[attr-defined]
        assert any(word in s.said[0] for word in ("rate", "good", "c changes"))  # type: ignore[attr-defined]


async def test_plus_and_minus_list_sides_from_the_list_of_runs_too(monkeypatch):
    async with stage((120, 40), monkeypatch) as s:
        listen(s)
        await s.open("runs")
        await s.press("plus")
        assert "two compared runs" in s.said[0]  # type: ignore[attr-defined]
        await s.press("home", "space", "down", "space")
        await s.press("plus")
        await s.until(lambda: "fixed by B" in s.text())
        await s.press("minus")
        await s.until(lambda: "broken by B" in s.text())


async def test_the_only_bookmark_of_a_split_is_said_to_be_it(monkeypatch):
    async with stage((80, 24), monkeypatch) as s:
        listen(s)
        for _ in range(len(s.app.screen.view.bookmarks) + 1):  # type: ignore[attr-defined]
            await s.press("full_stop")
            marks = s.app.screen.view.bookmarks  # type: ignore[attr-defined]
            if len(marks) == 1:
                break
            await s.press("b")
        await s.press("full_stop", "full_stop")
        assert s.said[-1] == "this is the only bookmark in this split"  # type: ignore[attr-defined]


async def test_end_and_home_reach_the_ends_of_a_list_that_is_chosen_from(monkeypatch):
    async with stage((80, 24), monkeypatch) as s:
        await s.press("O")
        options: Any = s.app.screen.query_one("OptionList")
        await s.press("end")
        assert options.highlighted == options.option_count - 1 > 0
        await s.press("home")
        assert options.highlighted == 0
        await s.press("pagedown")
        assert options.highlighted > 0
