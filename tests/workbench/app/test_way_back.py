"""Who opened a sample from another place comes back there by Esc, and sees that beforehand."""

import pytest

from sessions.session_log import SessionLog
from tests.workbench.app.explore_bench import bench
from tests.workbench.app.make_records import ask_demo, make_run


@pytest.mark.parametrize("size", [(80, 24), (160, 44)])
async def test_esc_leads_back_to_the_errors_that_one_came_from(size):
    make_run(40, right=0.5)
    async with bench(size) as b:
        await b.press("2", "enter")
        await b.settle()
        runs = b.app.screen
        await b.press("down", "down")
        await b.settle()
        at = runs.detail.samples.cursor
        await b.press("enter")
        await b.settle()
        assert b.app.current_mode == "explore"
        await b.shows("2 Runs ‹Esc")
        await b.press("slash", "escape")
        assert b.app.current_mode == "explore", "a field is left first"
        await b.press("escape")
        await b.settle()
        assert b.app.screen is runs and runs.detail.samples.cursor == at
        assert runs.focused is runs.detail.samples and "‹Esc" not in b.text()


async def test_a_sample_of_a_session_leads_back_to_the_session():
    ask_demo(SessionLog.open("day"), 2)
    async with bench((120, 40)) as b:
        await b.press("4", "enter")
        await b.settle()
        await b.press("enter")
        await b.settle()
        await b.shows("4 Sessions ‹Esc")
        await b.press("escape")
        assert b.app.current_mode == "sessions"


async def test_who_went_to_explore_by_its_key_stays_there():
    make_run(40)
    async with bench((120, 40)) as b:
        await b.press("2", "1", "escape", "escape")
        assert b.app.current_mode == "explore" and "‹Esc" not in b.text()
