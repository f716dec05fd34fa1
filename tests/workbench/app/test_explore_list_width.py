"""The list of samples: how wide it is, and what of a line stays where it is narrow."""

from __future__ import annotations

import json

from sessions.paths import home
from tests.workbench.app.explore_bench import bench
from workbench.app.explore.legend import legend


def width_of(b):
    return b.explore.query_one("#side").region.width


async def test_the_list_follows_the_terminal_its_keys_and_the_mouse_and_is_found_again():
    async with bench((160, 44)) as b:
        assert width_of(b) == 40
        await b.press("greater_than_sign", "greater_than_sign", "less_than_sign")
        await b.until(lambda: width_of(b) == 42)
        edge = b.explore.query_one("#side").region.right - 1
        await b.pilot.mouse_down(offset=(edge, 10))
        await b.pilot.hover(offset=(edge + 12, 10))
        await b.pilot.mouse_up(offset=(edge + 12, 10))
        await b.until(lambda: width_of(b) == 54)
        await b.press(*["greater_than_sign"] * 40)
        await b.until(lambda: width_of(b) == 90)  # the image and the prompt keep room
        b.app.state_saving.now()
    saved = json.loads((home() / "bench.json").read_text())
    assert saved["places"]["explore"]["list_share"] == 90 / 160
    async with bench((120, 40)) as b:
        assert width_of(b) == 50  # of a smaller terminal no more than leaves the others room
        line = b.text().splitlines()[5]
        assert "… " in line and line.split("│")[1].rstrip()[-1] in "TF"
        b.app.simulate_key("l")  # nothing: the list is not folded
        await b.pilot.resize_terminal(80, 24)
        await b.press("l")
        await b.until(lambda: width_of(b) == 44)


async def test_the_signs_of_the_list_have_a_legend_that_fits():
    async with bench((120, 40)) as b:
        await b.shows("T True F False · label")
        samples = b.explore.widgets.samples
        assert "T is True, F is False" in samples.HELP and "✗ wrong" in samples.HELP
        assert legend(samples.letters, False, 8) == "label"
        assert legend(samples.letters, False, 3) == ""
