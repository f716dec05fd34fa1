"""The Runs place, driven by keys over real run folders."""

import json

import pytest

from sessions.atomic import append_line
from sessions.runs import Run, list_runs
from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.make_records import make_run, predictions
from workbench.app.lists.dialogs import ConfirmDialog, LineDialog
from workbench.app.runs.confusion import ConfusionMatrix
from workbench.app.runs.screen import RunsScreen
from workbench.app.widgets.footer import BenchFooter
from workbench.evaluation.control_requests import requests_of

WIDE = (200, 60)
SMALL = (80, 24)


def reading_done(screen):
    return screen.detail.tally.n > 0 and not screen.query_one("#views")._reading


async def opened(pilot, screen):
    """Wait for the list, then go into the first run's samples."""
    await until(pilot, lambda: screen.detail.run is not None and reading_done(screen))
    await pilot.press("enter")
    await pilot.pause()


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


async def test_two_marked_runs_are_compared_by_pairs_and_a_flip_leads_to_explore():
    def lines(labels):
        return [
            {"uid": f"demo/test/{i}", "label": said, "target": "true", "text": f"{said} " * 99}
            for i, said in enumerate(labels)
        ]

    runs = []
    for labels in (["true"] * 11 + ["false"] * 9, ["true"] * 10 + ["false"] + ["true"] * 9):
        config = {"dataset": "demo", "split": "test", "model": "demo"}
        wording = f"statement/wording-{len(runs)}"
        run = Run.create(config | {"template": wording}, key="k", total=20)
        run.append_many(lines(labels))
        run.set_state("done")
        runs.append(run)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await until(pilot, lambda: len(screen.table.keys) == 2)
        await pilot.press("end", "space", "home", "space")
        panel = screen.query_one("#compare")
        await until(pilot, lambda: panel.paired is not None)
        paired = panel.paired
        assert (paired.both, paired.only_a, paired.only_b, paired.neither) == (10, 1, 9, 0)
        text = drawn(app)
        assert "p = 0.0215" in text and "B is better" in text and "+0.400" in text
        foot = screen.query_one(BenchFooter)
        await until(pilot, lambda: "m Matrix" not in foot.render().plain)
        assert "r Resume" not in foot.render().plain and "b Bookmark" in foot.render().plain
        await pilot.press("enter", "minus")
        await pilot.pause()
        assert list(screen.comparison.flips.keys) == ["demo/test/10"]
        await pilot.press("enter")  # both answers side by side, and whole
        sides = "A demo  statement/wording-0", "B demo  statement/wording-1"
        answers = "1 of 1  demo/test/10", "broken by B", *sides, "false false"
        await until(pilot, lambda: all(words in drawn(app) for words in answers))
        view = app.screen
        await until(pilot, lambda: all(len(x["text"]) > 400 for x in view._lines.values()))
        await pilot.press("enter")
        await pilot.pause()
        assert app.opened == [("demo/test/10", runs[1].id)]
        await pilot.press("y")
        assert app.copied == [f"wb runs compare {runs[0].id} {runs[1].id}"]
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert not screen.comparison.shown


async def test_b_bookmarks_all_errors_under_the_tag_that_is_asked_for():
    from sessions.uid_cache import UidCache

    run = make_run(40, right=0.5, unparsed=0, failed=0)
    wrong = {p["uid"] for p in run.predictions() if p["label"] != p["target"]}
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app.place)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, LineDialog))
        await pilot.press(*"misread", "enter")
        await until(pilot, lambda: any("misread" in n.message for n in app._notifications))
    with UidCache.open() as cache:
        assert {mark.uid for mark in cache.list(tag="misread")} == wrong


async def test_x_deletes_only_after_a_yes():
    run = make_run(5)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.place.detail.run is not None)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("escape")
        await pilot.pause()
        assert run.path.is_dir()
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("y")
        await until(pilot, lambda: not app.place.table.keys)
        assert not run.path.exists() and list_runs() == []


async def test_a_running_run_is_not_deleted_and_not_resumed():
    run = make_run(5, state="running", total=10)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.place.detail.run is not None)
        await pilot.press("x", "r")
        await pilot.pause()
        assert app.screen is app.place and app.jobs == [] and run.path.is_dir()
    run.close()


async def test_r_resumes_an_unfinished_run_as_a_job_and_y_copies_its_command():
    run = make_run(5, state="cancelled", total=10)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.place.detail.run is not None)
        await pilot.press("r", "y")
        await pilot.pause()
        assert app.jobs[0][0] == ["run-eval", "--resume", run.id]
        assert app.copied == [f"wb runs show {run.id}"]


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


async def test_marked_runs_say_what_their_marks_are_for():
    make_run(4)
    make_run(4, adapter="runs/nlvr1")
    app = Host(RunsScreen())
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: len(app.place.table.keys) == 2)
        await pilot.press("home", "space")
        await until(pilot, lambda: "Space on another run compares" in drawn(app))
        await pilot.press("down", "space")
        await until(pilot, lambda: "Enter goes to their comparison" in drawn(app))
        await pilot.press("escape")
        await until(pilot, lambda: "marked" not in drawn(app))


async def test_two_caption_runs_are_compared_by_their_own_figures_and_what_differs_comes_first():
    runs = []
    for said, wording in (
        ("a blue cat sits", "caption/short"),
        ("a red dog runs", "caption/plain"),
    ):
        config = {"dataset": "demo", "split": "test", "model": "demo", "task": "caption"}
        run = Run.create(config | {"template": wording}, key="k", total=12)
        run.append_many(
            {"uid": f"demo/test/{i}", "label": said, "target": "a red dog runs", "correct": None}
            for i in range(12)
        )
        run.set_state("done")
        runs.append(run)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await until(pilot, lambda: len(screen.table.keys) == 2)
        await pilot.press("end", "space", "home", "space")
        panel = screen.query_one("#compare")
        await until(pilot, lambda: panel.comparison is not None)
        text = drawn(app)
        assert text.index("caption/short") < text.index("bleu4 A")
        assert "rouge_l B" in text and "B is better" in text and "paired bootstrap" in text
        assert "accuracy" not in text and "McNemar" not in text


async def test_runs_that_cannot_be_compared_say_why():
    for i in range(2):
        run = Run.create({"dataset": "demo", "split": "test", "model": "demo"}, key="k", total=1)
        run.append({"uid": f"demo/test/{i}", "label": "true", "target": "true"})
        run.set_state("done")
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await until(pilot, lambda: len(screen.table.keys) == 2)
        await pilot.press("end", "space", "home", "space")
        await until(pilot, lambda: "share no sample" in drawn(app))


async def test_a_figure_of_nothing_is_a_dash_with_its_reason():
    run = Run.create({"dataset": "demo", "split": "test", "model": "demo"}, key="k", total=2)
    error = {"kind": "bad_image", "message": "gone"}
    run.append_many(
        {"uid": f"demo/test/{i}", "label": None, "target": "true", "error": error} for i in range(2)
    )
    nothing = {"value": None, "low": None, "high": None, "n": 2, "reason": "all samples failed"}
    counts = {"total": 2, "done": 2, "unparsed": 0, "failed": 2, "truncated": 0}
    run.write_metrics({"metrics": {"accuracy": nothing}, "counts": counts, "notes": ["a note"]})
    run.set_state("failed")
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await until(pilot, lambda: screen.detail.run is not None and reading_done(screen))
        text = drawn(app)
        assert "all samples failed" in text and "0.000" not in text and "note: a note" in text


async def test_what_a_score_is_made_of_stands_beside_it_where_there_are_controls():
    run = make_run(20, right=0.8, failed=0, unparsed=0)
    lines = [line for line in run.predictions() if not line.get("error")]
    for control in ("text-only", "image-only"):
        config = {"variant_of": run.key, "control": control, "dataset": "demo", "split": "test"}
        with Run.create(config, control, total=20) as made:
            made.append_many(lines)
            made.set_state("done", total=20)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await until(pilot, lambda: len(screen.table.keys) == 3)
        assert "(text-only)" in drawn(app)
        await pilot.press("end")
        await until(pilot, lambda: "right answers need" in drawn(app))
        assert "neither" in drawn(app) and "accuracy text-only" in drawn(app)


async def test_answers_are_rated_by_keys_without_a_word_of_their_run(monkeypatch):
    from sessions.ratings import ratings_of

    monkeypatch.setenv("WB_RATER", "ann")
    make_run(2, failed=0, unparsed=0)
    make_run(2, seed=2, failed=0, unparsed=0, adapter="runs/nlvr1")
    app = Host(RunsScreen())
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: len(app.place.table.keys) == 2)
        await pilot.press("space", "down", "space", "asterisk")
        await until(pilot, lambda: "0 of 4 rated · ann" in drawn(app))
        assert "rate 1 worst – 5 best" in drawn(app) and "Esc leaves" in drawn(app)
        assert "nlvr1" not in drawn(app) and not any(
            run.id[-6:] in drawn(app) for run in list_runs()
        )
        await pilot.press("4", "s", "2", "u")
        await until(pilot, lambda: "2 of 4 rated" in drawn(app))
        await pilot.press("n", *"odd", "enter", "5", "g")
        await until(pilot, lambda: "3 of 4 rated" in drawn(app))
        await until(pilot, lambda: len(ratings_of("ann")[0]) == 3)
        given = [(one.value, one.skipped, one.note) for one in ratings_of("ann")[0]]
        assert given == [(4, False, ""), (None, True, ""), (5, False, "odd")]
        await pilot.press("escape", "asterisk")  # it goes on where it was left
        await until(pilot, lambda: "3 of 4 rated" in drawn(app))
        await pilot.press("1")
        await until(pilot, lambda: "All are rated" in drawn(app))


async def test_a_running_evaluation_is_paused_goes_on_and_takes_another_size_by_keys():
    run = make_run(20, state="running", total=80, right=0.5)  # this process is at it
    finished = make_run(5)
    app = Host(RunsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await until(pilot, lambda: screen.detail.run is not None and reading_done(screen))
        assert screen.detail.run.id == finished.id
        foot = screen.query_one(BenchFooter)
        assert "Pause" not in foot.render().plain and "At once" not in foot.render().plain
        assert "Resume" not in foot.render().plain and "* Rate" in foot.render().plain
        await pilot.press("p", "down")
        await until(pilot, lambda: screen.detail.run.id == run.id)
        assert "p Pause" in foot.render().plain and "c At once" in foot.render().plain
        assert "Ask again" not in foot.render().plain  # no sample is under the cursor
        await pilot.press("p")
        await until(pilot, lambda: screen.detail.run.standing == "pausing")
        run.set_state("running", paused=True)
        screen.listing.anew()
        await until(pilot, lambda: screen.detail.run.standing == "paused")
        assert "p Go on" in foot.render().plain and "‖ paused" in drawn(app)
        await until(pilot, lambda: "2 runs · 1 paused" in drawn(app))  # not one that runs
        await pilot.press("p")
        await until(pilot, lambda: screen.detail.run.standing == "running")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, LineDialog))
        await pilot.press(*"0", "enter")
        assert "from 1 to 4096, got '0'" in drawn(app)
        await pilot.press("backspace", *"4", "space", *"less", "enter")
        await until(pilot, lambda: len(requests_of(run)) == 3)
        await until(pilot, lambda: reading_done(screen))
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.detail.samples)
        wrong = screen.detail.samples.key
        assert "R Ask again" in foot.render().plain
        await pilot.press("R")
        await until(pilot, lambda: len(requests_of(run)) == 4)
    asked = [(one.words, one.reason) for one in requests_of(run)]
    assert asked == [
        ("pause", ""),
        ("resume", ""),
        ("batch-size 4", "less"),
        (f"retry {wrong}", ""),
    ]
    assert requests_of(finished) == []
    run.close()
