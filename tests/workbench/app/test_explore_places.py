"""Boxes of an answer over the picture: drawn, told in the line below, hidden by a key."""

from __future__ import annotations

from tests.workbench.app.explore_bench import FakeEngine, bench
from workbench.app.widgets.places import ShownPlaces

BOX = ("<|box_start|>", "(250,250),(750,500)", "<|box_end|>")
LEGEND = "━ answer 1:[16, 16, 48, 32]"


async def test_an_answers_box_is_drawn_and_o_hides_it_and_another_sample_has_none():
    async with bench(engine=FakeEngine(BOX)) as b:
        image = b.explore.widgets.image
        await b.press("enter")
        await b.shows(LEGEND, "o hides")
        shown = image._places
        assert isinstance(shown, ShownPlaces)
        assert shown.answered is not None
        assert [one.at for one in shown.answered.regions] == [(16, 16, 48, 32)]
        with_box = b.text()
        await b.press("o")
        assert image._places is None
        assert LEGEND not in b.text()
        await b.press("o")
        assert b.text() == with_box
        await b.press("g")  # heat has the line to itself, and the box stays
        await b.shows("heat")
        assert image._places is not None
        assert LEGEND not in b.text()
        await b.press("escape")
        await b.shows(LEGEND)
        await b.press("j")
        assert image._places is None
        assert LEGEND not in b.text()
        await b.press("k", "h")  # the answer on record brings its box back
        await b.shows(LEGEND)
        assert b.explore.state.places is True
