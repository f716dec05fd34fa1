"""The Runs place, driven by keys over real run folders."""

import json

import pytest

from sessions.atomic import append_line
from sessions.runs import Run
from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.make_records import make_run, predictions
from tests.workbench.app.runs_bench import opened, reading_done
from workbench.app.runs.confusion import ConfusionMatrix
from workbench.app.runs.screen import RunsScreen
from workbench.data.source import open_source

WIDE = (200, 60)
SMALL = (80, 24)


async def test_the_list_shows_the_newest_run_first_with_its_figure_and_counts():
    old = make_run(40, right=1.0, unparsed=3, failed=1)
    new = make_run(20, state="cancelled", total=80)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await until(pilot, lambda: len(screen.table.keys) == 2)
        assert list(screen.table.keys) == [new.id, old.id]
        summary = screen.table.runs[old.id]
        assert (summary.figure.value, summary.unparsed, summary.failed) == (0.9, 3, 1)
        assert summary.figure.low < 0.9 < summary.figure.high
        text = drawn(app)
        assert "0.900" in text and "25%" in text and "demo/test" in text


async def test_the_figure_of_a_run_says_of_how_many_it_is_and_counts_those_without_a_label():
    run = make_run(10, state="running", metrics=False, unparsed=0)
    run.append_many([{**line, "target": None} for line in predictions(2, uids=("d/t/x", "d/t/y"))])
    entry = {"value": 0.9, "low": 0.6, "high": 1.0, "n": 10}
    run.write_metrics({"metrics": {"accuracy": entry}, "counts": run.counts()})
    run.set_state("done")
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app.place)
        await until(pilot, lambda: "n 10" in drawn(app))
        assert "n 12" not in drawn(app) and "2 unlabelled" in drawn(app)


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_an_answer_stands_below_the_text_that_it_answers(size):
    make_run(3, right=0.0, unparsed=0, failed=0)
    app = Host(RunsScreen())
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app.place)
        for _ in range(2):  # the first as well, which is read before the panel has its width
            row = app.place.detail.samples.row
            text = open_source("demo", "test").get(row.uid).texts["sentence"]
            await until(pilot, lambda text=text: f"sentence  {text[:30]}" in drawn(app))
            assert drawn(app).index(text[:30]) < drawn(app).rindex(row.words[:12])
            await pilot.press("j")


async def test_counts_that_are_not_zero_are_whole_in_a_narrow_header():
    make_run(40, right=1.0, unparsed=3, failed=1)
    app = Host(RunsScreen())
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot, app.place)
        await until(pilot, lambda: "n 40  3 unparsed  1 failed" in drawn(app))
        assert "0 truncated" not in drawn(app)


async def test_what_a_figure_rests_on_is_cut_with_an_ellipsis_in_the_header_and_whole_below():
    run = make_run(40, metrics=False, unparsed=3, failed=1)
    entry = {"value": 0.9, "low": 0.6, "high": 1.0, "n": 40, "cluster": "image", "clusters": 39}
    run.write_metrics({"metrics": {"accuracy": entry}, "counts": run.counts()})
    app = Host(RunsScreen())
    async with app.run_test(size=(160, 44)) as pilot:
        await until(pilot, lambda: "39 clusters by image" in drawn(app))
        head = next(line for line in drawn(app).splitlines() if "3 unparsed  1 failed" in line)
        assert head.rstrip().endswith("…") or "39 clusters by image" in head
        assert not any(line.rstrip(" │").endswith(" 39") for line in drawn(app).splitlines())


async def test_an_empty_list_says_what_fills_it_and_by_which_key():
    app = Host(RunsScreen())
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "No runs yet" in drawn(app))
        assert "e in Explore" in drawn(app) and "wb run-eval" in drawn(app)


async def test_enter_on_an_error_leads_to_the_sample_with_this_runs_predictions():
    run = make_run(40, right=0.5, unparsed=0, failed=0)
    wrong = [p["uid"] for p in run.predictions() if p["label"] != p["target"]]
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app.place)
        assert app.place.detail.samples.uids == wrong
        await pilot.press("j", "enter")
        await pilot.pause()
        assert app.opened == [(wrong[1], run.id)]


@pytest.mark.parametrize(
    ("key", "count"), [("e", 4), ("u", 3), ("f", 1), ("s", 40), ("a", 40)], ids=str
)
async def test_each_view_has_its_key_and_holds_its_samples(key, count):
    make_run(40, right=1.0, unparsed=3, failed=1)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app.place)
        await pilot.press("a" if key != "a" else "e")
        await pilot.press(key)
        await until(pilot, lambda: len(app.place.detail.samples.keys) == count)
        if key == "s":
            times = [
                app.place.detail.samples._rows[i].seconds for i in app.place.detail.samples._indices
            ]
            assert times == sorted(times, reverse=True)


async def test_a_cell_of_the_matrix_opens_exactly_its_samples_and_esc_goes_back():
    run = make_run(60, right=0.7, unparsed=0, failed=0)
    lines = run.predictions()
    cell = [p["uid"] for p in lines if (p["target"], p["label"]) == ("false", "true")]
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await opened(pilot, screen)
        await pilot.press("m", "right", "enter")
        await until(
            pilot, lambda: screen.detail.view == "cell" and screen.detail.samples.uids == cell
        )
        assert "false → true" in drawn(app)
        await pilot.press("escape")
        await until(pilot, lambda: screen.detail.view == "errors")
        await pilot.press("escape")
        await pilot.pause()
        assert screen.focused is screen.table


async def test_a_running_run_is_followed_without_moving_the_cursor():
    run = make_run(30, state="running", total=90, right=0.0, unparsed=0, failed=0)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await opened(pilot, screen)
        await pilot.press("j", "j", "j")
        at = screen.detail.samples.key
        run.append_many(list(predictions(60, right=0.0, unparsed=0, failed=0))[30:])
        screen.listing.read()
        await until(pilot, lambda: len(screen.detail.samples.keys) == 60)
        assert screen.detail.samples.key == at and screen.detail.run.done == 60
    run.close()


async def test_hostile_text_is_shown_harmless():
    run = Run.create({"dataset": "de[/red]mo", "split": "\x1b[31mx", "model": "m\x07"}, key="k")
    bad = "\x1b]0;owned\x07[/markup] [link=file:///]\u202egnp.exe"
    line = {"uid": "demo/test/1", "label": bad, "target": "[bold]", "text": bad, "error": None}
    run.append_many([line, {**line, "uid": "demo/test/2", "error": {"message": bad}}])
    run.set_state("failed", reason=bad)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app.place)
        await pilot.press("j")
        await pilot.pause(0.2)
        text = drawn(app)
        assert "[/markup]" in text and "[bold]" in text
        assert not set(text) & {"\x1b", "\x07", "\u202e"} and "owned" not in text


async def test_a_broken_run_folder_is_a_line_and_harms_no_other():
    good = make_run(10)
    broken = make_run(10)
    (broken.path / "config.json").write_text("{")
    (broken.path / "metrics.json").write_text("[1, 2")
    with (good.path / "predictions.jsonl").open("ab") as file:
        file.write(b'{"uid": 5}\nnot json\n{"uid": "demo/test/11", "label": "tr')
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: len(app.place.table.keys) == 2)
        await pilot.press("end")
        await until(pilot, lambda: app.place.detail.run.id == good.id and reading_done(app.place))
        assert app.place.detail.tally.n == 11


async def test_at_80x24_list_and_run_fold_and_nothing_is_lost():
    make_run(40)
    app = Host(RunsScreen())
    async with app.run_test(size=SMALL) as pilot:
        screen = app.place
        await opened(pilot, screen)
        assert not screen.table.region and screen.detail.samples.region.height > 8
        await pilot.press("m")
        await pilot.pause()
        assert screen.query_one(ConfusionMatrix).region.height > 5
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert screen.table.region.height > 10 and not screen.detail.samples.region


async def test_a_training_shows_the_answers_of_its_newest_evaluation():
    run = Run.create({"train": ["demo/train[:90]"], "model": "demo"}, key="k", kind="train")
    (run.path / "eval").mkdir()
    for step in (50, 100):
        lines = predictions(10, right=step / 100, unparsed=0, failed=0, seed=step)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (run.path / "eval" / f"{step}.jsonl").write_text(text)
    append_line(run.path / "history.jsonl", {"v": 1, "step": 100, "loss": 0.022})
    run.set_state("done")
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app.place)
        assert (app.place.detail.tally.n, app.place.detail.tally.right) == (10, 10)
        assert "demo/train[:90]" in drawn(app)
        assert "evaluation at step 100" in drawn(app)
        await until(pilot, lambda: "loss  0.022  at step 100, the only point" in drawn(app))


async def test_a_training_without_answers_tells_what_it_came_to_and_nothing_of_right_ones():
    run = Run.create({"train": ["demo/train[:90]"], "model": "demo"}, "k", "train", total=40)
    for step in (10, 20, 30, 40):
        append_line(run.path / "history.jsonl", {"v": 1, "step": step, "loss": 20 / step})
    run.set_state("cancelled")
    for size in (WIDE, SMALL):
        app = Host(RunsScreen())
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda app=app: app.place.detail.training.report is not None)
            await pilot.press("enter")
            await until(pilot, lambda app=app: "wb train --resume" in drawn(app))
            assert app.focused is app.place.detail.training.facts
            assert "4 points" in drawn(app) and "it was not evaluated" in drawn(app)
            assert "right" not in drawn(app) and "unparsed" not in drawn(app)
            await pilot.press("escape")
            await until(pilot, lambda app=app: app.focused is app.place.table)
