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
async def test_two_models_side_by_side_have_the_image_beside_them(size):
    async with bench(size, engine=FakeEngine()) as b:
        await b.press("a")
        await b.type("other")
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
