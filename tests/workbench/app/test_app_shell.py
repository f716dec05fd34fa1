"""The shell: the first frame is light, places change, state, errors, keys and themes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest
from textual.app import App
from textual.geometry import Region
from textual.widgets import Static

from sessions.paths import home
from sessions.records import NoteRecord
from sessions.runs import Run
from sessions.session_log import SessionLog
from tests.workbench.app.explore_bench import SIZES, FakeEngine, bench
from workbench.app.app import PLACES, WbApp
from workbench.app.commands_palette import BenchActions
from workbench.app.explore.screen import ExploreScreen
from workbench.app.state import BenchState
from workbench.app.widgets.help_modal import HelpModal
from workbench.app.widgets.text_panel import ErrorPanel
from workbench.config import load_settings
from workbench.errors import DataError

_FIRST_FRAME = """
import sys
from workbench.app.app import WbApp
from workbench.app.explore.screen import ExploreScreen
class Probe(WbApp):
    def _display(self, screen, renderable):
        super()._display(screen, renderable)
        if renderable is not None:
            print(*sorted(sys.modules), file=sys.__stdout__)
            self.exit(0)
Probe().run(headless=True)
"""
HEAVY = {
    "torch",
    "transformers",
    "datasets",
    "evaluate",
    "PIL",
    "httpx",
    "textual.widgets._text_area",  # 10 ms that the prompt alone needs
    "numpy",
    "pyarrow",
    "peft",
}


def test_the_first_frame_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-P", "-c", _FIRST_FRAME], capture_output=True, text=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "textual" in loaded, done.stderr
    assert not loaded & HEAVY


def test_showing_images_and_asking_imports_no_torch():
    code = """
import asyncio, sys
from tests.workbench.app.explore_bench import FakeEngine, bench
async def go():
    async with bench(engine=FakeEngine()) as b:
        await b.press("enter", "g", "j")
asyncio.run(go())
print(*sorted(m for m in sys.modules if "." not in m))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    loaded = set(done.stdout.split())
    assert "PIL" in loaded, done.stderr
    assert not loaded & {"torch", "transformers", "datasets", "evaluate", "peft"}


@pytest.mark.parametrize("size", SIZES)
async def test_every_place_opens_by_its_number(size):
    async with bench(size) as b:
        for key, place in zip("2341", ["runs", "jobs", "sessions", "explore"], strict=True):
            await b.pilot.press(key)
            await b.pilot.pause()
            assert b.app.current_mode == place
        assert set(PLACES) == {"explore", "runs", "jobs", "sessions"}
        assert b.explore.view.uid == "demo/test/000000"


async def test_help_lists_the_keys_with_the_ids_by_which_they_are_remapped():
    async with bench() as b:
        await b.pilot.press("f1")
        await b.pilot.pause()
        assert isinstance(b.app.screen, HelpModal)
        await b.shows("explore.filter", "Samples")
        await b.press("escape")
        assert not isinstance(b.app.screen, HelpModal)


async def test_the_palette_offers_every_action_of_the_screen():
    async with bench() as b:
        provider = BenchActions(b.app.screen)
        titles = {title for title, *_ in provider._actions()}
        for wanted in ("Heat", "Evaluate", "Fainter heat", "Copy the UID", "Change the theme",
                       "Go to Runs", "Reset the decoding settings", "Quit"):  # fmt: skip
            assert wanted in titles


async def test_the_finder_knows_samples_datasets_runs_sessions_templates_and_settings():
    run = Run.create({"dataset": "demo", "split": "dev", "model": "demo"}, "k", total=3)
    run.set_state("done")
    SessionLog.open("monday").append(NoteRecord(text="a note"))
    async with bench() as b:
        finder = BenchActions(b.app.screen)
        await finder.startup()

        async def found(words):
            hits = [hit async for hit in finder.search(words)]
            return {str(hit.text or hit.match_display): hit for hit in hits}

        assert any(run.id[-6:] in title for title in await found("run demo/dev"))
        assert "monday" in await found("session mond")
        assert "statement/yes-no" in await found("template yes-no")
        assert "temperature" in await found("temperature")
        assert "Heat" in await found("Grad-CAM")  # by its sentence
        assert "temperature" not in await found("tmprtr")  # letters by chance find no thing
        for words, uid in (("demo/test/000007", "000007"), ("12", "000011")):
            hits = (await found(words)).values()
            hit = next(hit for hit in hits if "sample" in str(hit.match_display))
            hit.command()
            await b.until(lambda uid=uid: (b.explore.view.uid or "").endswith(uid))
        (await found("session mond"))["monday"].command()
        await b.until(lambda: b.app.current_mode == "sessions")
        await b.until(lambda: getattr(b.app.screen.session, "id", "") == "monday")
        run_title = next(t for t in await found("run demo/dev") if run.id[-6:] in t)
        (await found("run demo/dev"))[run_title].command()
        await b.until(lambda: b.app.current_mode == "runs")
        shown = lambda: next(iter(b.app.screen.query("RunDetail")), None)  # noqa: E731
        await b.until(lambda: shown() and shown().run and shown().run.id == run.id)


async def test_the_finder_changes_a_setting_and_refuses_what_is_none():
    async with bench() as b:
        finder = BenchActions(b.app.screen)
        await finder.startup()
        next(one for one in finder._things if one.name == "setting temperature").go()
        await b.shows("Setting temperature")
        await b.press(*"hot", "enter")
        await b.shows("temperature wants")
        await b.press(*["backspace"] * 3, *"0.5", "enter")
        path = home() / "config.toml"
        await b.until(lambda: path.exists() and "temperature = 0.5" in path.read_text())


async def test_the_help_tells_of_what_has_the_focus_by_task_and_hides_what_is_textuals():
    async with bench((120, 40)) as b:
        for key, said in (
            ("f1", "? unparsed, ! failed"),
            ("p", ""),
            ("f1", "letters are its text"),
        ):
            await b.press(key)
            if said:
                await b.shows(said)
                told = b.text()
                assert "Scroll" not in told and "super" not in told and "shift+" not in told
                await b.press("escape")
        assert "F1 Help" in b.text()  # a ? would be typed into the prompt
        await b.press("escape")
        await b.shows("? Help")


async def test_the_help_of_a_field_begins_with_the_keys_that_work_within_it():
    async with bench((120, 40)) as b:
        for holder, here in (("p", "prompt.ask"), ("slash", "filter.keep")):
            await b.press(holder, "f1")
            parts = [drawn(part) for part in b.app.screen.query(Static)]
            outside = next(n for n, part in enumerate(parts) if "Outside of a field" in part)
            within, without = " ".join(parts[:outside]), " ".join(parts[outside:])
            assert "explore.asked_before" in within and "app.theme" in within, "Ctrl and F-keys"
            assert here in within
            for letter in ("explore.colormap", "explore.random", "app.runs", "explore.sweep"):
                assert letter not in within and letter in without
            assert "explore.asked_before" not in without and "app.theme" not in without
            await b.press("escape", "escape", "escape")
        b.explore.widgets.samples.focus()
        await b.press("f1")
        assert "Outside of a field" not in " ".join(map(drawn, b.app.screen.query(Static)))


def drawn(part: Static) -> str:
    """All the text of a part, in sight or not."""
    lines = part.render_lines(Region(0, 0, *part.size))
    return "\n".join(line.text for line in lines)


async def test_keys_can_be_remapped_by_the_settings():
    home().joinpath("config.toml").write_text('[keymap]\n"explore.bookmark" = "f6"\n')
    async with bench() as b:
        await b.press("b")
        assert "★" not in b.text().split("\n")[3]
        assert not b.explore.view.bookmarks
        await b.press("f6")
        assert b.explore.view.bookmarks


async def test_keys_that_mean_nothing_are_told_and_the_bench_opens():
    home().joinpath("config.toml").write_text('[keymap]\n"explore.bokmark" = "f6"\n')
    async with bench() as b:
        await b.shows("explore.bokmark")


async def test_a_wrong_setting_is_told_and_the_bench_opens():
    home().joinpath("config.toml").write_text('images = "crayon"\n')
    async with bench() as b:
        await b.shows("crayon")
        assert b.app.settings.images == "auto"


@pytest.mark.parametrize("way", [("f9",), ("ctrl+p", "setting theme")])
async def test_a_theme_that_is_chosen_is_shown_at_once_and_kept_as_the_setting(way):
    home().joinpath("config.toml").write_text('theme = "dracula"\n')
    async with bench() as b:
        assert b.app.theme == "dracula"
        await b.press(way[0])
        if way[1:]:
            await b.type(way[1])
            await b.shows("theme  setting", "Now dracula")
            await b.press("enter")
        await b.type("nord")
        await b.shows("nord")
        await b.press("enter")
        await b.until(lambda: b.app.theme == "nord" and b.app.settings.theme == "nord")
        await b.pilot.press("ctrl+q")
    assert load_settings().theme == "nord"
    assert not json.loads(home().joinpath("bench.json").read_text())["theme"]
    async with bench() as b:
        assert b.app.theme == "nord"


@pytest.mark.parametrize(("newer", "wins"), [("config.toml", "dracula"), ("bench.json", "nord")])
async def test_of_a_theme_that_an_older_bench_kept_and_the_setting_the_newer_wins(newer, wins):
    home().joinpath("config.toml").write_text('theme = "dracula"\n')
    home().joinpath("bench.json").write_text('{"v": 1, "theme": "nord"}')
    for name in ("config.toml", "bench.json"):
        os.utime(home() / name, (2, 2) if name == newer else (1, 1))
    async with bench((160, 44)) as b:
        assert b.app.theme == wins
        await b.shows(f"theme = {wins}", "dracula", "nord")
        await b.pilot.press("ctrl+q")
    assert load_settings().theme == wins
    async with bench() as b:
        assert b.app.theme == wins
        assert "theme =" not in b.text(), "told once"


async def test_a_theme_of_an_older_bench_alone_becomes_the_setting():
    home().joinpath("bench.json").write_text('{"v": 1, "theme": "nord"}')
    async with bench() as b:
        assert b.app.theme == "nord"
        await b.until(lambda: load_settings().theme == "nord")
        assert "theme =" not in b.text()


async def test_a_theme_that_does_not_exist_is_told():
    home().joinpath("config.toml").write_text('theme = "nrod"\n')
    async with bench() as b:
        await b.shows("theme = nrod is no theme: textual-dark stands; F9 lists them")


async def test_a_variable_that_wins_over_the_chosen_theme_is_told(monkeypatch):
    monkeypatch.setenv("WB_THEME", "dracula")
    async with bench() as b:
        assert b.app.theme == "dracula"
        b.app.theme = "nord"
        await b.shows("WB_THEME=dracula wins at the next start")


async def test_the_hints_are_dismissed_for_good():
    async with bench((80, 24), hints=True) as b:
        await b.shows("x closes")
        await b.press("x")
        assert "x closes" not in b.text()
        await b.pilot.press("ctrl+q")
    async with bench((80, 24), hints=True) as b:
        assert "x closes" not in b.text()


@pytest.mark.parametrize(
    "text", ["", "no json", "[1]", '{"v": 99}', '{"v":1,"places":{"explore":3}}']
)
def test_a_damaged_state_opens_as_on_the_first_day(text):
    home().joinpath("bench.json").write_text(text)
    state = BenchState.load()
    assert state.places == {} and not state.hints_dismissed


async def test_state_of_a_wrong_shape_keeps_nobody_out():
    corner = {"dataset": 7, "ordinal": "x", "knobs": {"seed": []}, "look": {"opacity": "red"}}
    home().joinpath("bench.json").write_text(json.dumps({"v": 1, "places": {"explore": corner}}))
    app = WbApp()
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(200):
            await pilot.pause(0.02)
            if getattr(app.screen, "view", None) and app.screen.view.uid:
                break
        assert app.screen.view.uid == "demo/test/000000"


async def test_a_home_that_cannot_be_written_is_told_and_the_bench_stays_up(monkeypatch):
    from sessions.errors import RecordError

    async with bench(engine=FakeEngine()) as b:

        def refuse(*_: object, **__: object) -> None:
            raise RecordError("cannot write /home/x: read-only", hint="set WB_HOME")

        monkeypatch.setattr("sessions.session_log.SessionLog.append", refuse)
        await b.press("enter")
        assert isinstance(b.app.screen, ErrorPanel)
        await b.shows("read-only", "set WB_HOME")
        await b.press("escape", "j")
        assert b.explore.view.uid == "demo/test/000001"


async def test_an_error_from_any_thread_is_shown_whole_and_never_as_markup():
    import threading

    async with bench() as b:
        error = DataError("column [/red] 'x\x1b[31m' is missing", hint="see [bold]docs")
        thread = threading.Thread(target=b.app.fail, args=(error, "no [data]"))
        thread.start()
        await b.until(lambda: isinstance(b.app.screen, ErrorPanel))
        await b.pilot.pause()
        await b.shows("column [/red] 'x' is missing", "see [bold]docs")


async def test_a_job_is_started_without_waiting_and_its_failure_is_told(monkeypatch):
    import sessions.jobs

    started: list[list[str]] = []

    class Job:
        id = "job1"

    monkeypatch.setattr(
        sessions.jobs, "start", lambda argv, *, title: started.append(argv) or Job()
    )
    heard: list[str] = []
    async with bench() as b:
        b.app.start_job(
            ["run-eval", "--limit", "3"], "t", on_started=lambda job: heard.append(job.id)
        )
        await b.until(lambda: heard)
        assert started == [
            [sys.executable, "-P", "-m", "commands.main", "run-eval", "--limit", "3"]
        ]

        def fail(argv: list[str], *, title: str) -> None:
            raise DataError("no room for a job")

        monkeypatch.setattr(sessions.jobs, "start", fail)
        b.app.start_job(["run-eval"], "t")
        await b.until(lambda: isinstance(b.app.screen, ErrorPanel))


async def test_leaving_leaves_the_engine_alone():
    engine = FakeEngine()
    stopped: list[bool] = []
    engine.stop = lambda: stopped.append(True)  # type: ignore[method-assign]
    async with bench(engine=engine) as b:
        await b.press("enter")
        await b.pilot.press("ctrl+q")
    assert not stopped


async def test_a_worker_that_hangs_does_not_keep_anybody_from_leaving():
    import threading

    hang = threading.Event()
    async with bench() as b:
        b.app.tasks.run("page", lambda token: hang.wait(30))
        await b.pilot.press("ctrl+q")
    hang.set()


def test_the_app_is_an_ordinary_textual_app():
    assert issubclass(WbApp, App)


async def test_the_first_frame_waits_for_nothing_that_is_mounted_after_it(monkeypatch):
    drawn_by_then: list[bool] = []
    plain = ExploreScreen._build

    async def build(self: ExploreScreen) -> None:
        # Textual holds every frame back while a batch of updates is open, its own start included.
        drawn_by_then.append(not self.app._batch_count)
        await plain(self)

    monkeypatch.setattr(ExploreScreen, "_build", build)
    async with bench((80, 24)):
        pass
    assert drawn_by_then == [True]


@pytest.mark.parametrize("pauses", [1, 5])
async def test_the_bench_can_be_left_while_it_is_still_being_built(pauses):
    app = WbApp()
    async with app.run_test(size=(80, 24)):
        for _ in range(pauses):
            await asyncio.sleep(0)
    assert app._exception is None
