"""F7 shows the keys that apply now beside the screen, and follows the focus."""

from __future__ import annotations

from typing import Any

import pytest
from textual.theme import BUILTIN_THEMES

from tests.workbench.app.stage import stage
from tests.workbench.app.test_look import hard_to_read
from workbench.app.widgets.help_modal import HelpModal
from workbench.app.widgets.key_panel import WIDTH, KeyPanel
from workbench.app.widgets.key_table import lines_in_reach

SIZE = (160, 44)


def told(s: Any) -> str:
    """The text of the panel, one line to a sentence."""
    panel = s.app.screen.query_one(KeyPanel)
    region = panel.region
    strips = s.app.screen._compositor.render_strips()
    lines = [strip.crop(region.x, region.right).text for strip in strips[region.y : region.bottom]]
    return " ".join(" ".join(line.strip("│ ") for line in lines).split())


@pytest.mark.parametrize("place", ["explore", "runs", "jobs", "sessions"])
async def test_f7_shows_keys_beside_the_screen_and_takes_them_away(place, monkeypatch):
    async with stage(SIZE, monkeypatch) as s:
        s.app.go(place)
        await s.quiet()
        await s.press("f7")
        await s.quiet()
        panel = s.app.screen.query_one(KeyPanel)
        rest = [w.region.right for w in s.app.screen.focus_chain if w.region]
        assert max(rest) <= panel.region.x == SIZE[0] - WIDTH
        for line in lines_in_reach(s.app.screen)[:3]:
            assert line.does.split()[0] in told(s)
        await s.press("f7")
        assert not s.app.screen.query(KeyPanel)


async def test_the_keys_beside_the_screen_follow_the_focus(monkeypatch):
    async with stage(SIZE, monkeypatch) as s:
        await s.press("f7")
        await s.quiet()
        assert "Narrow the list while you type" in told(s)
        await s.press("p")
        await s.quiet()
        assert "Narrow the list while you type" not in told(s)


async def test_a_key_that_does_not_apply_is_not_among_the_keys(monkeypatch):
    async with stage(SIZE, monkeypatch) as s:
        await s.open("jobs")
        await s.press("f7")
        names = {line.id for line in lines_in_reach(s.app.screen)}
        assert "app.keys" in names
        assert all(
            not s.app.screen.why_not(line.action)  # type: ignore[attr-defined]
            for line in lines_in_reach(s.app.screen)
            if line.node is s.app.screen
        )


async def test_without_room_the_keys_come_as_the_help_which_says_so(monkeypatch):
    async with stage((80, 24), monkeypatch) as s:
        await s.press("f7")
        await s.until(lambda: isinstance(s.app.screen, HelpModal))
        await s.until(lambda: "this is" in s.text())
        await s.press("f7")
        await s.until(lambda: not isinstance(s.app.screen, HelpModal))


async def test_the_keys_can_be_read_in_every_theme(monkeypatch):
    async with stage(SIZE, monkeypatch) as s:
        await s.press("f7")
        wrong = {}
        for theme in BUILTIN_THEMES:
            s.app.theme = theme
            await s.idle()
            wrong[theme] = hard_to_read(s)
        assert not {theme: found for theme, found in wrong.items() if found}
