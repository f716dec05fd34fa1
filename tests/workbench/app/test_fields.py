"""Fields that touch are of different shades, so that one sees where each of them ends."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from tests.workbench.app.stage import stage


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
@pytest.mark.parametrize("view", ["explore-prompt", "evaluate", "sweep"])
async def test_no_two_fields_run_into_one_another(view, theme, monkeypatch):
    async with stage((160, 44), monkeypatch) as s:
        s.app.theme = theme
        await s.open(view)
        fields = [f for f in s.app.screen.query(Input) if f.region and not f.has_focus]
        touching = 0
        for upper in fields:
            for lower in fields:
                over, under = upper.region, lower.region
                beside = over.right == under.x and over.y == under.y
                shared = over.x < under.right and under.x < over.right
                if beside or (over.bottom == under.y and shared):
                    touching += 1
                    shades = [field.background_colors[1] for field in (upper, lower)]
                    assert shades[0] != shades[1], f"{upper} runs into {lower}"
        assert touching or view == "explore-prompt"


async def test_a_field_with_a_wrong_value_or_the_focus_shows_that_whatever_its_shade(monkeypatch):
    async with stage((160, 44), monkeypatch) as s:
        await s.open("explore-prompt")
        knobs = s.app.screen.query_one("Knobs")
        for field in knobs.query(Input):
            plain = field.styles.background
            field.add_class("-bad")
            await s.idle()
            assert field.styles.background not in (plain, None)
            bad = field.styles.background
            field.remove_class("-bad")
            field.focus()
            await s.idle()
            assert field.styles.background not in (plain, bad)
