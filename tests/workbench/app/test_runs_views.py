"""The views of a run's samples in the Runs place: the row under the cursor, and its room."""

import pytest

from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.make_records import make_run
from tests.workbench.app.runs_bench import opened
from workbench.app.lists.sample_order import SampleOrder
from workbench.app.runs.answer_text import AnswerText
from workbench.app.runs.picture import RunPicture
from workbench.app.runs.screen import RunsScreen
from workbench.app.widgets.picker import Picker

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


def line_of(app, word):
    return next(line for line in drawn(app).splitlines() if word in line)


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_ids_take_the_room_that_they_need_and_answers_the_rest(size):
    make_run(30, right=0.0, unparsed=0, failed=0, uids=[f"demo/test/{n:06d}" for n in range(30)])
    app = Host(RunsScreen())
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app.place)
        await until(pilot, lambda: "000003" in drawn(app))
        samples = app.place.detail.samples
        assert samples.layout_columns(samples.size.width)[1] == 6
        assert "000003 " in line_of(app, "000003") and "The left image" in line_of(app, "000003")


async def typed(pilot, text):
    names = {" ": "space", ":": "colon", "/": "slash"}
    await pilot.press(*(names.get(character, character) for character in text))


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_words_narrow_the_samples_of_a_view_as_they_narrow_explores_list(size):
    run = make_run(60, right=0.5, unparsed=3, failed=1)
    lines = run.predictions()
    wrong = [x["uid"] for x in lines if x["label"] != x["target"]]
    said = [u for u in wrong if next(x for x in lines if x["uid"] == u)["label"] == "true"]
    app = Host(RunsScreen())
    async with app.run_test(size=size) as pilot:
        screen, samples = app.place, app.place.detail.samples
        await opened(pilot, screen)
        await until(pilot, lambda: len(samples.keys) == len(wrong))
        await pilot.press("j", "j", "slash")
        await typed(pilot, "said:true")
        await until(pilot, lambda: list(samples.keys) == said)
        assert samples.cursor == 0
        await until(pilot, lambda: f"{len(said)} of {len(wrong)}" in drawn(app))
        await until(pilot, lambda: answered(app) == said[0])
        await pilot.press("enter")
        assert screen.focused is samples
        await pilot.press("a")  # the filter holds in every view
        both = [x["uid"] for x in lines if x["label"] == "true"]
        await until(pilot, lambda: list(samples.keys) == both)
        await pilot.press("escape")
        await until(pilot, lambda: len(samples.keys) == 60)
        assert screen.focused is samples and not screen.detail.filter.region
        await pilot.press("slash")
        await typed(pilot, "is:unparsed")
        await until(pilot, lambda: len(samples.keys) == 3)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: len(samples.keys) == 60)


async def test_a_word_that_can_fit_nothing_says_why_and_one_that_fits_nothing_too():
    make_run(20, right=0.5, unparsed=0, failed=0)
    app = Host(RunsScreen())
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot, app.place)
        await pilot.press("slash")
        await typed(pilot, "is:wrnog")
        await until(pilot, lambda: "is:wrnog is none of is:wrong" in drawn(app))
        await until(pilot, lambda: answered(app) is None)
        await pilot.press("ctrl+u")
        await typed(pilot, "zebra")
        await until(pilot, lambda: "Nothing fits the filter" in drawn(app))


async def test_a_word_late_in_a_long_answer_is_found():
    run = make_run(20, right=0.0, unparsed=0, failed=0)
    long = {**run.predictions()[4], "text": "word " * 200 + "zebra"}
    run.append_many([long])
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app.place)
        await pilot.press("slash")
        await typed(pilot, "zebra")
        await until(pilot, lambda: list(app.place.detail.samples.keys) == [long["uid"]])


async def sorted_by(pilot, app, column, *, down=False, of_run=""):
    await pilot.press("O")
    await until(pilot, lambda: isinstance(app.screen, Picker))
    app.screen.dismiss(SampleOrder(column, down, of_run))
    await pilot.pause()


async def test_samples_are_sorted_by_what_the_run_records_and_by_the_gold_label():
    run = make_run(60, right=0.5, unparsed=0, failed=0)
    lines = run.predictions()
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        samples = app.place.detail.samples
        await opened(pilot, app.place)
        await pilot.press("a")
        await until(pilot, lambda: len(samples.keys) == 60)
        await sorted_by(pilot, app, "latency_s", down=True, of_run=run.id)
        slowest = [x["uid"] for x in sorted(lines, key=lambda x: -x["latency_s"])]
        await until(pilot, lambda: list(samples.keys) == slowest)
        assert samples.cursor == 0 and app.place.focused is samples
        await until(pilot, lambda: "latency_s ↓" in drawn(app) and answered(app) == slowest[0])
        await pilot.press("slash")
        await typed(pilot, "is:wrong")
        wrong = {x["uid"] for x in lines if x["label"] != x["target"]}
        await until(pilot, lambda: list(samples.keys) == [u for u in slowest if u in wrong])
        await pilot.press("escape", "escape")
        await sorted_by(pilot, app, "label")
        targets = {x["uid"]: x["target"] for x in lines}
        await until(pilot, lambda: [targets[u] for u in samples.keys] == sorted(targets.values()))
        await sorted_by(pilot, app, "")
        await until(pilot, lambda: list(samples.keys) == [x["uid"] for x in lines])
        await sorted_by(pilot, app, "label")
        await pilot.press("s")  # the slowest are in an order of their own
        await until(pilot, lambda: list(samples.keys) == slowest)


async def test_another_run_is_shown_without_the_filter_of_the_one_before():
    make_run(20, right=0.0, unparsed=0, failed=0)
    make_run(30, right=0.0, unparsed=0, failed=0)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        samples = app.place.detail.samples
        await opened(pilot, app.place)
        await until(pilot, lambda: len(samples.keys) == 30)
        await pilot.press("slash")
        await typed(pilot, "zebra")
        await until(pilot, lambda: not samples.keys)
        app.place.table.focus()
        await pilot.press("down")
        await until(pilot, lambda: len(samples.keys) == 20)
        assert not app.place.detail.filter.value
