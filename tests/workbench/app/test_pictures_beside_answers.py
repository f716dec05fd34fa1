"""The sample's image stands beside its answers: in the grid, side by side, and in Runs."""

from __future__ import annotations

import pytest

from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.explore_bench import FakeEngine, bench
from tests.workbench.app.make_records import make_run
from workbench.app.explore.side_by_side import SideBySide
from workbench.app.explore.sweep import SweepScreen
from workbench.app.runs.picture import RunPicture
from workbench.app.runs.screen import RunsScreen
from workbench.app.widgets.image_view import ImageView

SIZES = [(80, 24), (80, 40), (120, 40), (160, 44)]


@pytest.mark.parametrize("size", SIZES)
async def test_the_grid_shows_the_image_beside_its_answers(size):
    async with bench(size, engine=FakeEngine()) as b:
        await b.press("w")
        screen = b.app.screen
        assert isinstance(screen, SweepScreen)
        await b.press("enter")
        await b.shows("1 of 1", "False. It is red")
        image = screen.query_one(ImageView)
        assert image.uid == b.explore.view.uid and len(image.boxes) == 2
        assert "▀" in b.text() and image.region.width >= 24 and image.region.height >= 7
        assert screen.grid.region.width >= 48 and screen.grid.region.height >= 8


async def test_where_there_is_room_for_the_form_alone_the_image_waits():
    async with bench((80, 24), engine=FakeEngine()) as b:
        await b.press("w")
        assert not b.app.screen.query_one(ImageView).region and "▀" not in b.text()
        assert "temp" in b.text()


@pytest.mark.parametrize("size", SIZES)
async def test_two_models_side_by_side_have_the_image_beside_them(size, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")  # a hub may have it: it is asked all the same
    async with bench(size, engine=FakeEngine()) as b:
        await b.press("a")
        await b.type("my/other")
        await b.press("enter")
        await b.until(lambda: isinstance(b.app.screen, SideBySide))
        await b.shows("= the same text", "▀")
        image = b.app.screen.query_one(ImageView)
        assert image.uid == b.explore.view.uid and len(image.boxes) == 2
        assert image.region.width >= 22
        assert all(b.app.screen.query_one(f"#side-{n}").region.width > 24 for n in (0, 1))


def of_the_demo(count):
    """A run whose samples are there."""
    uids = [f"demo/test/{n:06}" for n in range(count)]
    return make_run(count, right=0.0, unparsed=0, failed=0, uids=uids)


@pytest.mark.parametrize("size", SIZES)
async def test_the_chosen_runs_detail_shows_the_image_of_the_sample(size):
    of_the_demo(8)
    async with Host(RunsScreen()).run_test(size=size) as pilot:
        screen = pilot.app.place
        await until(pilot, lambda: screen.detail.samples.row is not None)
        await pilot.press("enter")
        picture = screen.query_one(RunPicture)
        await until(pilot, lambda: picture.boxes and "▀" in drawn(pilot.app))
        assert picture.uid == screen.detail.samples.row.uid == "demo/test/000000"
        await pilot.press("j")
        await until(pilot, lambda: picture.uid == "demo/test/000001" and picture.boxes)
        assert screen.detail.samples.size.height >= 4


async def test_a_sample_that_is_not_here_says_so_in_the_images_place():
    make_run(2, right=0.0, unparsed=0, failed=0, uids=["gone/all/a", "gone/all/b"])
    async with Host(RunsScreen()).run_test(size=(160, 44)) as pilot:
        await until(pilot, lambda: pilot.app.place.detail.samples.row is not None)
        await pilot.press("enter")
        await until(pilot, lambda: "gone" in drawn(pilot.app))
        assert not pilot.app.failures


BOX = ("<loc0128><loc0128><loc0512><loc0512>", " star")


@pytest.mark.parametrize("size", [(80, 24), (160, 44)])
async def test_two_models_side_by_side_show_the_chosen_answers_box_and_gold(size, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")  # a hub may have it: it is asked all the same
    async with bench(size, dataset="demo_boxes/test", engine=FakeEngine(BOX)) as b:
        await b.press("a")
        await b.type("my/other")
        await b.press("enter")
        await b.until(lambda: isinstance(b.app.screen, SideBySide))
        await b.shows("= the same text", "━ answer [8, 8, 32, 32] star")
        image = b.app.screen.query_one(ImageView)
        drawn_there = image._places
        assert drawn_there is not None and drawn_there.gold
        assert drawn_there.answered.regions[0].at == (8, 8, 32, 32)
        assert "IoU" in b.text() and b.text().count("━ answer") == 2


async def test_a_tile_of_the_grid_says_how_its_box_lies_to_gold():
    async with bench((160, 44), dataset="demo_boxes/test", engine=FakeEngine(BOX)) as b:
        await b.press("w")
        await b.press("enter")
        await b.shows("1 of 1", "read as [8, 8, 32, 32]", "IoU 0.")


async def test_a_flip_draws_each_sides_box_over_its_picture():
    from sessions.compare import Flip
    from sessions.runs import list_runs
    from workbench.app.runs.flip_view import FlipView
    from workbench.app.runs.summaries import summarise

    of_the_demo(1)
    run = summarise(list_runs()[0])
    gold = {"box": [10, 10, 30, 30]}
    lines = [
        {
            **{"uid": "demo_boxes/test/000001", "label": "x", "target": "y", "text": "said"},
            "grounding": {"v": 1, "regions": [{"box": box}], "gold": [gold]},
        }
        for box in ([10, 10, 30, 30], [40, 40, 60, 60])
    ]
    app = Host(FlipView([Flip(lines[0]["uid"], False, *lines)], 0, run, run))
    async with app.run_test(size=(120, 40)) as pilot:
        view = app.screen
        words = ("answer [10, 10, 30, 30]", "answer [40, 40, 60, 60]", "gold [10, 10, 30, 30]")
        await until(pilot, lambda: all(word in drawn(app) for word in words))
        assert isinstance(view, FlipView)
        sides = [view.query_one(f"#flip-picture-{side}", ImageView)._places for side in "ab"]
        assert [side.answered.regions[0].at[0] for side in sides] == [10, 40]


async def test_an_answer_without_a_box_says_so_beside_the_other_one(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")  # a hub may have it: it is asked all the same
    async with bench((160, 44), dataset="demo_boxes/test", engine=FakeEngine(("nowhere",))) as b:
        await b.press("a")
        await b.type("my/other")
        await b.press("enter")
        await b.until(lambda: isinstance(b.app.screen, SideBySide))
        await b.shows("no box or point can be read from it", "╍ gold [")
        assert b.text().count("no box or point") == 2 and "━ answer" not in b.text()
