"""What leaves the Runs place: samples as files, a report as a job, texts for a clipboard."""

import csv
import io
import json

from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.make_records import make_run
from tests.workbench.app.runs_bench import opened
from workbench.app.lists.dialogs import LineDialog
from workbench.app.runs.screen import RunsScreen
from workbench.app.widgets.picker import LineForm, Picker

SIZE = (120, 40)


async def exported(pilot, app, path):
    """Export the samples in view under that name."""
    await pilot.press("ctrl+e")
    await until(pilot, lambda: isinstance(app.screen, LineForm))
    app.screen.dismiss([str(path)])
    await until(pilot, lambda: path.exists() and any("written to" in said for said in app.said))


async def test_the_samples_in_view_are_written_as_filtered_and_in_their_order(tmp_path):
    run = make_run(40, right=0.5, unparsed=3, failed=1)
    lines = {line["uid"]: line for line in run.predictions()}
    app = Host(RunsScreen())
    async with app.run_test(size=SIZE) as pilot:
        samples = app.place.detail.samples
        await opened(pilot, app.place)
        await pilot.press("s", "slash")
        await pilot.press(*"said", "colon", *"true", "enter")
        wanted = [u for u in lines if lines[u]["label"] == "true"]
        wanted.sort(key=lambda uid: -lines[uid]["latency_s"])
        await until(pilot, lambda: list(samples.keys) == wanted)
        await exported(pilot, app, tmp_path / "some.csv")
        rows = list(csv.DictReader(io.StringIO((tmp_path / "some.csv").read_text())))
        assert [row["uid"] for row in rows] == wanted
        assert rows[0]["text"] == lines[wanted[0]]["text"]
        await exported(pilot, app, tmp_path / "some.jsonl")
        written = [json.loads(x) for x in (tmp_path / "some.jsonl").read_text().splitlines()]
        assert written == [lines[uid] for uid in wanted]


async def test_a_view_without_samples_exports_nothing_and_says_so():
    make_run(10, right=1.0, unparsed=0, failed=0)
    app = Host(RunsScreen())
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app.place)
        await pilot.press("ctrl+e")
        await until(pilot, lambda: "no samples in this view to export" in app.said)
        assert app.screen is app.place


async def test_a_report_of_the_run_is_offered_by_name_and_starts_as_a_job(tmp_path):
    run = make_run(10)
    app = Host(RunsScreen())
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app.place)
        offered = {title: do for title, _, do in app.place.palette_actions()}
        offered["Write a report of the run"]()
        await until(pilot, lambda: isinstance(app.screen, LineDialog))
        app.screen.dismiss(str(tmp_path / "page.html"))
        await until(pilot, lambda: app.jobs)
        words = ["runs", "report", run.id, "--out", str(tmp_path / "page.html")]
        assert list(app.jobs[0][0]) == words


async def test_answer_row_figures_and_matrix_are_copied_by_name():
    run = make_run(40, right=0.5, unparsed=3, failed=0)
    app = Host(RunsScreen())
    async with app.run_test(size=SIZE) as pilot:
        detail = app.place.detail
        await opened(pilot, app.place)
        await pilot.press("j", "j", "j")
        await until(
            pilot, lambda: detail.answer.line and detail.answer.line.uid == detail.samples.key
        )
        line = next(x for x in run.predictions() if x["uid"] == detail.samples.key)
        texts = {}
        for name in ("answer", "row", "figures", "confusion matrix"):
            await pilot.press("C")
            await until(pilot, lambda: isinstance(app.screen, Picker))
            await until(pilot, lambda: "Enter takes it" in drawn(app))
            app.screen.dismiss(name)
            texts[name] = None
            await until(pilot, lambda: len(app.copied) == len(texts))
            texts[name] = app.copied[-1]
        assert texts["answer"] == line["text"]
        head, row = texts["row"].splitlines()
        cells = dict(zip(head.split("\t"), row.split("\t"), strict=True))
        assert (cells["uid"], cells["label"], cells["text"]) == (
            line["uid"],
            line["label"] or "",
            line["text"],
        )
        assert texts["figures"].splitlines()[1].startswith("accuracy\t0.")
        counts = [x.split("\t")[1:] for x in texts["confusion matrix"].splitlines()[1:]]
        assert sum(int(count) for row in counts for count in row) == 40
