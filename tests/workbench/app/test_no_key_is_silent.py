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
    said = [note.message for note in s.app._notifications]
    focused = s.app.screen.focused
    return segments, said, len(s.app.screen_stack), s.app.current_mode, focused, s.app.clipboard


async def silent_keys(s: Stage, place: str, way: tuple[str, ...]) -> list[str]:
    """The keys of a place that do nothing and say nothing, each pressed on the same ground."""
    found = []
    for _, binding in s.app.screen._bindings:
        name = binding.action.partition("(")[0]
        if not binding.id or name in MOVES:
            continue
        await s.back()
        s.app.go(place)
        await s.quiet()
        s.app.screen_stack[0].set_focus(None)
        for step in ("escape", "escape", "escape", *way):
            await s.press(step)
        s.app.clear_notifications()
        s.app._clipboard = ""
        await s.quiet()
        before = seen(s)
        await s.press(binding.key)
        await s.quiet()
        if seen(s) == before:
            found.append(f"{binding.key} ({binding.action})")
    return found


GROUNDS = [
    ("explore", ()),
    ("runs", ()),
    ("jobs", ()),
    ("jobs", ("end",)),
    ("sessions", ()),
]


@pytest.mark.parametrize(("place", "way"), GROUNDS)
async def test_a_key_does_something_that_is_seen_or_says_why_not(place, way, monkeypatch):
    async with stage((120, 40), monkeypatch) as s:
        s.app.go(place)
        await s.quiet()
        silent = await silent_keys(s, place, way)
        assert not silent, f"silent: {silent}"


@pytest.mark.parametrize("place", ["runs", "jobs", "sessions"])
async def test_a_key_of_a_place_without_records_says_why_not(place, monkeypatch):
    monkeypatch.setattr("tests.workbench.app.stage.make_the_records", lambda: None)
    async with stage((120, 40), monkeypatch) as s:
        s.app.go(place)
        await s.quiet()
        silent = await silent_keys(s, place, ())
        assert not silent, f"silent: {silent}"
