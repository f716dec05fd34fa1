"""The Jobs place, driven by keys over real job folders and, once, a real job."""

import sys

import pytest
from textual.widgets import Tabs

from sessions.jobs import Job, start
from tests.workbench.app.bench_host import Host, drawn, until
from tests.workbench.app.make_records import make_job, make_run, training_progress
from workbench.app.jobs.new_job import NewJob
from workbench.app.jobs.screen import JobsScreen
from workbench.app.lists.dialogs import ConfirmDialog
from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.picker import Picker
from workbench.evaluation.control_requests import requests_of

WIDE = (200, 60)
SMALL = (80, 24)
EVAL = ["wb", "run-eval", "--dataset", "demo", "--split", "test"]


async def test_a_line_tells_state_progress_rate_time_and_the_last_figure():
    line = {"done": 30, "total": 120, "rate": 1.5, "metrics": {"accuracy": 0.81}}
    _, lock = make_job(EVAL, state="running", progress=[line])
    make_job(EVAL, state="failed", message="ended with exit code 1")
    app = Host(JobsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: len(app.place.table.keys) == 2)
        text = drawn(app)
        assert "25%" in text and "30/120" in text and "1.5/s" in text and "1m00s left" in text
        assert "accuracy 0.810" in text and "ended with exit code 1" in text
        assert app.place.table.job.state == "running"  # what lives stands first
    lock.release()


async def test_no_jobs_says_which_key_starts_one():
    app = Host(JobsScreen())
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "No jobs yet" in drawn(app))
        assert "n starts one" in drawn(app)


async def test_the_log_follows_until_somebody_scrolls_up_and_end_goes_on():
    log = "x" * 300 + "\n" + "".join(f"line {i}\n" for i in range(200))
    folder, lock = make_job(EVAL, state="running", log=log)
    app = Host(JobsScreen())
    async with app.run_test(size=SMALL) as pilot:
        screen = app.place
        await until(pilot, lambda: "line 199" in drawn(app))
        log_view = screen.log_view
        await until(pilot, lambda: log_view.show_vertical_scrollbar)
        assert len(log_view._drawn[0]) <= log_view.scrollable_content_region.width
        with folder.log.open("a") as out:
            out.write("line 200\n  7%|#    \r 42%|####")
        screen.on_screen_resume()
        await until(pilot, lambda: "line 200" in drawn(app) and "42%|####" in drawn(app))
        assert "7%|#  " not in drawn(app)
        await pilot.press("l", "pageup")
        with folder.log.open("a") as out:
            out.write("\nline 201\n")
        screen.on_screen_resume()
        await until(pilot, lambda: "line 201" in screen.log_view.lines)
        assert "line 201" not in drawn(app)
        await pilot.press("end")
        await until(pilot, lambda: "line 201" in drawn(app))
    lock.release()


async def test_a_huge_log_is_opened_at_its_end():
    folder, _ = make_job(EVAL)
    with folder.log.open("wb") as out:
        out.truncate(300 << 20)  # a hole: 300 MB that take no room
        out.seek(0, 2)
        out.write(b"\nthe last line\n")
    app = Host(JobsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "the last line" in drawn(app))
        assert "the last of 299 MB" in drawn(app)


async def test_a_training_shows_its_curves_with_name_and_last_value():
    _, lock = make_job(["wb", "train", "a.yaml"], state="running", progress=training_progress())
    app = Host(JobsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.place.has_class("-curves"))
        curves = app.place.query_one("#curves")
        assert curves.names[:2] == ["loss", "eval_accuracy"]
        await pilot.pause()
        text = drawn(app)
        assert "eval_accuracy" in text and "0.934" in text
        assert any("⠀" < char <= "⣿" for char in text)
    lock.release()


async def test_enter_opens_the_run_that_it_made():
    make_job(EVAL, runs=["01abc", "01def"])
    app = Host(JobsScreen())
    async with app.run_test(size=WIDE) as pilot:
        shown = []
        app.place.show_run = shown.append
        await until(pilot, lambda: app.place.job is not None)
        app._screen_stacks[app._current_mode].pop(0)  # the host's own blank screen
        await pilot.press("enter")
        await until(pilot, lambda: shown == ["01def"])
        assert app.went == ["runs"]


async def test_x_asks_once_and_says_what_is_kept_then_ends_a_real_job():
    code = "import time; print('up', flush=True); time.sleep(60)"
    job = start([sys.executable, "-c", code], title="sleeper")
    app = Host(JobsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "up" in app.place.log_view.lines)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert "is kept" in drawn(app) and "y or Enter cancels it" in drawn(app)
        await pilot.press("escape")
        await pilot.pause()
        assert Job.open(job.id).state == "running"
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("enter")
        await until(pilot, lambda: Job.open(job.id).state == "cancelled")
        await until(pilot, lambda: app.place.table.job.state == "cancelled")


async def test_r_runs_an_ended_job_again_and_the_cursor_goes_to_it():
    job = start([sys.executable, "-c", "print('done')"], title="quick")
    job.wait(20)
    app = Host(JobsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        await until(pilot, lambda: screen.job is not None and screen.job.state == "done")
        foot = screen.query_one(BenchFooter)
        assert "r Retry" in foot.render().plain and "x Cancel" not in foot.render().plain
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("y")
        await until(pilot, lambda: len(screen.table.keys) == 2 and screen.job.id != job.id)
        Job.open(screen.job.id).wait(20)


async def test_y_copies_the_command_as_it_is_typed():
    make_job(["/usr/bin/python", "-P", "-m", "commands.main", "run-eval", "--split", "a b"])
    app = Host(JobsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.place.job is not None)
        await pilot.press("y")
        assert app.copied == ["wb run-eval --split 'a b'"]


async def test_the_form_fills_a_line_that_starts_only_when_it_is_understood():
    app = Host(JobsScreen())
    async with app.run_test(size=SMALL) as pilot:
        await pilot.pause()
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewJob))
        form = app.screen
        await until(pilot, lambda: form.line.value.startswith("wb run-eval --dataset demo"))
        form.fields.inputs["limit"].focus()
        await pilot.press(*"ten", "enter")
        assert form.line.value.endswith("--limit ten") and form.focused is form.line
        await pilot.press("enter")
        await until(pilot, lambda: "✗" in drawn(app))
        assert "--limit" in drawn(app) and app.screen is form and app.jobs == []
        assert form.fields.inputs["limit"].has_class("-bad")
        await pilot.press(*["backspace"] * 3, "9")
        assert form.fields.inputs["limit"].value == "9"
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.place)
        words = ["--dataset", "demo", "--split", "test", "--model", "demo", "--limit", "9"]
        assert app.jobs == [(["run-eval", *words], "evaluate demo/test with demo · limit 9")]


async def test_enter_in_a_field_lists_what_there_is_and_goes_on_to_the_next():
    app = Host(JobsScreen())
    async with app.run_test(size=SMALL) as pilot:
        await pilot.pause()
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewJob) and app.screen.fields.inputs)
        form = app.screen
        form.fields.inputs["split"].focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Picker))
        await pilot.press(*"dev", "enter")
        await until(pilot, lambda: form.focused is form.fields.inputs["template"])
        assert "--split dev" in form.line.value
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Picker))
        await pilot.press(*"own/one", "enter")  # what is typed counts as well
        await until(pilot, lambda: "no template is called 'own/one'" in drawn(app))
        assert form.fields.inputs["template"].has_class("-bad")
        await pilot.press("ctrl+y")
        assert app.copied == [form.line.value]


async def test_a_long_line_is_seen_from_its_start_to_its_end():
    line = "wb run-eval --dataset demo --split test " + "--stop abcdefgh " * 12 + "--seed 7"
    app = Host(JobsScreen())
    async with app.run_test(size=SMALL) as pilot:
        app.push_screen(NewJob({}, line))
        await until(pilot, lambda: isinstance(app.screen, NewJob) and app.screen.fields.inputs)
        await until(pilot, lambda: "wb run-eval --dataset demo" in drawn(app))
        shown = drawn(app)[drawn(app).index("wb run-eval") :]
        assert shown.count("abcdefgh") >= 12 and "--seed 7" in shown
        app.screen.line.load_text("")
        app.screen.line.insert("wb run-eval \\\n  --dataset demo")
        assert app.screen.line.value == "wb run-eval --dataset demo"


class FieldsFirst(NewJob):
    """The form on a machine so busy that its fields are there before it is mounted."""

    async def on_mount(self):
        tabs = self.query_one(Tabs)
        await self._kind_chosen(Tabs.TabActivated(tabs, tabs.active_tab))


async def test_a_form_that_was_given_a_line_begins_at_the_line_whatever_comes_first():
    app = Host(JobsScreen())
    async with app.run_test(size=SMALL) as pilot:
        for form in (NewJob({}, "wb run-eval --dataset demo"), FieldsFirst({}, "wb run-eval")):
            app.push_screen(form)
            await until(pilot, lambda form=form: form.fields.inputs and form.focused is form.line)
            await pilot.pause()
            assert form.focused is form.line and form.line.value.startswith("wb run-eval")


@pytest.mark.parametrize("line", ["wb x | sh", "wb 'open", "wb", "wb data list > f", ""])
async def test_the_form_refuses_what_no_job_can_be(line):
    app = Host(JobsScreen())
    async with app.run_test(size=SMALL) as pilot:
        app.push_screen(NewJob({}, line or "wb "), lambda argv: app.jobs.append(argv))
        await until(pilot, lambda: isinstance(app.screen, NewJob))
        await pilot.press("enter")
        await until(pilot, lambda: "✗" in drawn(app))
        assert app.jobs == []


async def test_a_start_wished_for_before_the_line_is_checked_is_done_once_it_is():
    app = Host(JobsScreen())
    async with app.run_test(size=SMALL) as pilot:
        form = NewJob({})
        app.push_screen(form, lambda argv: app.jobs.append(argv))
        await until(pilot, lambda: form.is_running and "limit" in form.fields.inputs)
        form.fields.inputs["limit"].focus()
        await until(pilot, lambda: form.focused is form.fields.inputs["limit"])
        form.fields.inputs["limit"].value = "7"  # the line does not say so yet
        form.action_start()
        assert "--limit 7" in form.line.value
        await until(pilot, lambda: app.jobs and app.jobs[0])
        assert app.jobs[0][-2:] == ["--limit", "7"]


async def test_a_hostile_log_and_title_are_shown_harmless():
    bad = "\x1b]0;owned\x07[/red] \u202eevil\x9b31m"
    make_job(EVAL, title=bad, log=bad + "\n", state="failed", message=bad)
    app = Host(JobsScreen())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "[/red]" in drawn(app))
        await pilot.pause(0.2)
        assert not set(drawn(app)) & {"\x1b", "\x07", "\u202e", "\x9b"}
        assert "owned" not in drawn(app)


async def test_a_job_that_evaluates_is_paused_by_a_key_and_its_line_says_so():
    run = make_run(20, state="running", total=80)  # this process is at it
    line = {"done": 20, "total": 80, "rate": 1.5}
    _, lock = make_job(EVAL, state="running", progress=[line], runs=[run.id])
    _, other = make_job(["wb", "train", "a.yaml"], state="running")
    app = Host(JobsScreen())
    async with app.run_test(size=WIDE) as pilot:
        screen = app.place
        foot = screen.query_one(BenchFooter)
        await until(pilot, lambda: screen.job is not None and screen.job.title.startswith("train"))
        assert "Pause" not in foot.render().plain
        await pilot.press("down")
        await until(pilot, lambda: screen.job.standing == "running")
        assert "p Pause" in foot.render().plain and "c At once" in foot.render().plain
        await pilot.press("p")
        await until(pilot, lambda: screen.job.standing == "pausing")
        run.set_state("running", paused=True)
        screen.listing.anew()
        await until(pilot, lambda: screen.job.standing == "paused")
        assert "paused" in drawn(app) and "p Go on" in foot.render().plain
        await until(pilot, lambda: "2 jobs · 1 running · 1 paused" in drawn(app))
        assert "x Cancel" in foot.render().plain and "r Retry" not in foot.render().plain
        assert [one.words for one in requests_of(run)] == ["pause"]
    run.close()
    lock.release()
    other.release()
