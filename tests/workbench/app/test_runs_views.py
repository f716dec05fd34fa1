"""The views of a run's samples in the Runs place: the row under the cursor, and its room."""

import pytest

from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.make_records import make_run
from tests.workbench.app.runs_bench import opened
from workbench.app.runs.answer_text import AnswerText
from workbench.app.runs.picture import RunPicture
from workbench.app.runs.screen import RunsScreen

WIDE = (160, 44)
SMALL = (80, 24)


def answered(app):
    """Whose answer stands below the samples."""
    row = app.place.query_one(AnswerText)._row
    return row.uid if row else None


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_another_view_begins_at_its_first_sample_with_its_picture_and_answer(size):
    run = make_run(300, right=0.3, unparsed=0, failed=0)
    slowest = max(run.predictions(), key=lambda line: line["latency_s"])["uid"]
    app = Host(RunsScreen())
    async with app.run_test(size=size) as pilot:
        screen = app.place
        await opened(pilot, screen)
        await pilot.press("end", "k", "s")
        samples = screen.detail.samples
        await until(pilot, lambda: screen.detail.view == "slowest" and samples.key == slowest)
        assert (samples.cursor, round(samples.scroll_y)) == (0, 0)
        await until(pilot, lambda: answered(app) == slowest)
        assert screen.query_one(RunPicture)._wanted == slowest
        assert "took" in drawn(app)
        await pilot.press("j", "a")
        await until(pilot, lambda: len(samples.keys) == 300)
        assert samples.cursor == 0 and samples.key == "demo/test/0"


async def test_a_key_behind_the_key_of_a_view_is_of_that_view():
    run = make_run(300, right=0.3, unparsed=0, failed=0)
    by_time = sorted(run.predictions(), key=lambda line: -line["latency_s"])
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        samples = app.place.detail.samples
        await opened(pilot, app.place)
        await pilot.press("s", "j", "j")
        await until(pilot, lambda: samples.key == by_time[2]["uid"])
        await pilot.press("e", "enter")
        await until(pilot, lambda: app.opened)
        wrong = [p["uid"] for p in run.predictions() if p["label"] != p["target"]]
        assert app.opened[0][0] == wrong[0]


async def test_a_view_without_samples_shows_no_answer_of_the_view_before():
    make_run(20, right=0.3, unparsed=0, failed=0)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app.place)
        await until(pilot, lambda: answered(app) is not None)
        await pilot.press("u")
        await until(pilot, lambda: "Nothing unparsed" in drawn(app))
        assert answered(app) is None
