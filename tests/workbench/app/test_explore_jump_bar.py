"""`:` goes to a row as the header counts it, to an id of the open split, or to a UID."""

import pytest

from tests.workbench.app.explore_bench import bench
from workbench.app.explore.jump_bar import goal_of


@pytest.mark.parametrize(
    ("typed", "row", "uid"),
    [
        ("7", 7, ""),
        ("#7", 7, ""),
        ("1,000", 1000, ""),
        (" 42 ", 42, ""),
        ("000007", None, "demo/test/000007"),
        ("#007", 7, ""),
        ("dev-850-0-0", None, "demo/test/dev-850-0-0"),
        ("demo_vqa/dev/000001", None, "demo_vqa/dev/000001"),
        ("demo/test/a/b", None, "demo/test/a/b"),
    ],
)
def test_what_is_typed_is_a_row_an_id_or_a_uid(typed, row, uid):
    goal = goal_of(typed, "demo/test", 1000)
    assert (goal.row, goal.uid, goal.problem) == (row, uid, "")
    assert goal.said.startswith("Enter: ")


@pytest.mark.parametrize("typed", ["0", "1001", "#0", "458752002"])
def test_a_row_that_is_not_there_is_said_with_the_rows_that_are(typed):
    goal = goal_of(typed, "demo/test", 1000)
    assert "there is no row" in goal.problem and "1 to 1,000" in goal.problem


def test_an_endless_split_has_every_row_from_1_on():
    assert goal_of("5000000", "demo/stream", None).row == 5_000_000


async def test_the_row_that_is_typed_is_the_row_that_the_header_counts():
    async with bench((80, 24)) as b:
        await b.press("colon")
        await b.shows("a row from 1 to 1,000")
        await b.type("7")
        await b.shows("Enter: row 7 of 1,000")
        await b.press("enter")
        assert b.explore.view.ordinal == 6
        await b.shows("7/1,000")
        await b.press("colon")
        await b.type("000007")
        await b.shows("Enter: the sample demo/test/000007")
        await b.press("enter")
        assert b.explore.view.uid == "demo/test/000007"
        await b.shows("8/1,000")


async def test_a_row_that_is_not_there_leaves_the_field_open():
    async with bench((80, 24)) as b:
        await b.press("colon")
        await b.type("5000")
        await b.shows("there is no row 5,000")
        await b.press("enter", "escape")
        assert b.explore.widgets.jump.display and b.explore.view.ordinal == 0
        await b.press("escape")
        assert not b.explore.widgets.jump.display
