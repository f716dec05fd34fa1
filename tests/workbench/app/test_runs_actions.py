"""What is done with a run in the Runs place: bookmark, delete, resume, rate, control."""

from sessions.runs import list_runs
from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.make_records import make_run
from tests.workbench.app.runs_bench import opened, reading_done
from workbench.app.lists.dialogs import ConfirmDialog, LineDialog
from workbench.app.runs.screen import RunsScreen
from workbench.app.widgets.footer import BenchFooter
from workbench.evaluation.control_requests import requests_of

WIDE = (200, 60)
SMALL = (80, 24)


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
        await until(pilot, lambda: any("misread" in words for words in app.status_line.kept))
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
