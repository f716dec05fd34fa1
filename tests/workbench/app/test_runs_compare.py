"""Two runs beside each other in the Runs place, and what a score is made of."""

from sessions.runs import Run
from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.make_records import make_run
from tests.workbench.app.runs_bench import reading_done
from workbench.app.runs.screen import RunsScreen
from workbench.app.widgets.footer import BenchFooter

WIDE = (200, 60)
SMALL = (80, 24)


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
