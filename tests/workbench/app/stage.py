"""Every screen and dialog of the bench, opened by its keys on records that are always the same.

`VIEWS` lists them; a new screen or dialog that no view opens fails
`test_look.test_every_screen_and_dialog_is_looked_at`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from rich.segment import Segment
from textual.screen import ModalScreen

from sessions.paths import runtime_dir
from tests.workbench.app.explore_bench import FakeEngine
from tests.workbench.app.frames import Still
from tests.workbench.app.stage_records import freeze, make_the_records
from workbench.app.app import WbApp
from workbench.app.engine_service import EngineState
from workbench.app.jobs.batch_view import BatchCommand, BatchView
from workbench.errors import EngineError

View = Callable[["Stage"], Awaitable[None]]
VIEWS: dict[str, View] = {}
SHOWS: dict[str, str] = {}  # which class of screen a view ends on


def view(name: str, shows: str) -> Callable[[View], View]:
    """Name the way to a screen or dialog, and the class that it is of."""

    def keep(function: View) -> View:
        VIEWS[name], SHOWS[name] = function, shows
        return function

    return keep


class Stage:
    """The bench on which a view is opened."""

    def __init__(self, app: WbApp, pilot: Any) -> None:
        self.app, self.pilot = app, pilot

    async def open(self, name: str) -> None:
        """Go to a view."""
        await VIEWS[name](self)
        await self.quiet()
        assert type(self.app.screen).__name__ == SHOWS[name]

    async def back(self) -> None:
        """Away with the dialogs over the first screen, which they have not changed."""
        await self.close_dialogs()
        await self.quiet()

    async def close_dialogs(self) -> None:
        """The same without waiting until the screen below stays as it is."""
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()
            await self.pilot.pause()
        self.app.clear_notifications()
        self.app.theme = "textual-dark"

    async def press(self, *keys: str) -> None:
        """Press keys, then wait until what they started is done."""
        await self.pilot.press(*keys)
        await self.idle()

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something holds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + 30
        while not holds():
            assert loop.time() < end, f"it did not come to pass\n{self.text()}"
            await self.pilot.pause(0.02)

    async def idle(self, between: float = 0.005) -> None:
        """Wait until no worker runs; `between` two looks, in seconds."""
        loop = asyncio.get_running_loop()
        end, calm = loop.time() + 30, 0
        while calm < 2:
            assert loop.time() < end, f"still at work: {self.app.tasks._running}"
            await asyncio.sleep(between)
            if self.works():
                calm = 0
                continue
            await self.pilot.pause(0)
            calm = 0 if self.works() else calm + 1

    def works(self) -> bool:
        """Whether a worker runs or a key is on its way."""
        with self.app.tasks._lock:
            lanes = {*self.app.tasks._running, *self.app.tasks._changes} - {"visit"}
        return bool(lanes) or self.app.keys_under_way

    async def quiet(self) -> None:
        """Wait until no worker runs and the screen stays as it is, with something on it."""
        still = Still(self.app, self.text)
        while not still() or not (still.drawn or "").strip():
            await self.idle(0.02)

    def segments(self) -> list[list[Segment]]:
        """The screen line by line; what shines through from behind a dialog is left blank."""
        screen, lines = self.app.screen, []
        dialog = isinstance(screen, ModalScreen)
        for y, strip in enumerate(screen._compositor.render_strips()):
            line, x = [], 0
            for segment in strip:
                if dialog and segment.text.strip():
                    there = screen.get_widget_at(x, y)[0]
                    if there.children and there.styles.background.a < 1:
                        segment = Segment(" " * segment.cell_length)
                line.append(segment)
                x += segment.cell_length
            lines.append(line)
        return lines

    def text(self) -> str:
        """The screen as text, a line per row."""
        return "\n".join("".join(s.text for s in line).rstrip() for line in self.segments()) + "\n"


@asynccontextmanager
async def stage(
    size: tuple[int, int], monkeypatch: Any, *, made_ahead: bool = False
) -> AsyncIterator[Stage]:
    """The bench of a size, with its records, on its first sample.

    Places are made when they are looked at, or all before: as by `run_bench` while nobody types.
    """
    freeze(monkeypatch)
    # A dialog tells a path of the home, and offers one of the working folder: as long everywhere.
    own_home = Path(f"/tmp/wb-look-{os.getpid():08d}")
    shutil.rmtree(own_home, ignore_errors=True)
    monkeypatch.setenv("WB_HOME", str(own_home))
    monkeypatch.setenv("WB_RATER", "anna")
    monkeypatch.chdir("/")
    make_the_records()
    app = WbApp()
    app.alone = made_ahead
    app.state.hints_dismissed = True
    app.state.place("explore").update(dataset="demo/test")
    app.engine()._engine = FakeEngine()  # type: ignore[assignment]

    async def keys_are_done(*_: float) -> None:
        """What follows a key is waited for by `Stage`: not, as by Textual, that the process rests.

        That takes 40 ms for each key, and a second where a worker is busy.
        """
        await asyncio.sleep(0.002)
        while app.keys_under_way:
            await asyncio.sleep(0.002)

    monkeypatch.setattr("textual.app.wait_for_idle", keys_are_done)
    async with app.run_test(size=size, notifications=True) as pilot:
        opened = Stage(app, pilot)
        await opened.until(lambda: getattr(app.screen, "view", None) and app.screen.view.built)
        await opened.until(lambda: not made_ahead or (app.places_ahead and app.places_ahead.done))
        await opened.idle()
        yield opened
    for folder in (own_home, runtime_dir(create=False)):
        shutil.rmtree(folder, ignore_errors=True)


# -- places --------------------------------------------------------------------------------


@view("explore", "ExploreScreen")
async def _(s: Stage) -> None:
    await s.press("enter")
    await s.until(lambda: s.app.screen.widgets.answer.answer is not None)  # type: ignore[attr-defined]


@view("explore-run", "ExploreScreen")
async def _(s: Stage) -> None:
    from sessions.runs import list_runs

    run = next(r for r in list_runs() if r.key == "beside")
    s.app.open_uid("demo/test/000001", run.id)
    await s.until(lambda: "predicted" in s.text())
    await s.press("l")


@view("explore-hints", "ExploreScreen")
async def _(s: Stage) -> None:
    from workbench.app.widgets.hints import Hints

    await s.app.screen.mount(Hints())


@view("explore-list", "ExploreScreen")
async def _(s: Stage) -> None:
    await s.press("l")


@view("explore-prompt", "ExploreScreen")
async def _(s: Stage) -> None:
    await s.press("p")


@view("explore-filter", "ExploreScreen")
async def _(s: Stage) -> None:
    await s.press("slash", "r", "e", "d")


@view("explore-jump", "ExploreScreen")
async def _(s: Stage) -> None:
    await s.press("colon", "7")


@view("engine-died", "ExploreScreen")
async def _(s: Stage) -> None:
    s.app.engine_state = EngineState("died", "it was killed")


@view("runs", "RunsScreen")
async def _(s: Stage) -> None:
    s.app.go("runs")
    await s.until(lambda: "demo/test" in s.text())
    await s.idle()


@view("runs-inside", "RunsScreen")
async def _(s: Stage) -> None:
    await VIEWS["runs"](s)
    await s.press("home", "down", "a")


@view("runs-compare", "RunsScreen")
async def _(s: Stage) -> None:
    await VIEWS["runs"](s)
    await s.press("home", "space", "down", "space")
    panel: Any = s.app.screen.query_one("#compare")
    await s.until(lambda: panel.paired is not None)
    await s.press("enter")
    await s.idle()


@view("flip", "FlipView")
async def _(s: Stage) -> None:
    await VIEWS["runs-compare"](s)
    await s.press("enter")
    await s.until(lambda: "A " in s.text() and "sentence" in s.text())


@view("runs-training", "RunsScreen")
async def _(s: Stage) -> None:
    from sessions.atomic import append_line, write_json
    from sessions.runs import Run

    config = {"train": ["demo/train[:90]"], "eval": "demo/dev", "model": "demo", "method": "lora"}
    record = {"config": config, "dataset": "demo/train[:90]", "model": "demo", "adapter": None}
    run = Run.create(record, "training", "train", total=40)
    for step, loss in ((10, 2.0), (20, 1.0), (30, 0.6), (40, 0.5)):
        append_line(run.path / "history.jsonl", {"v": 1, "step": step, "loss": loss})
    accuracy = {"value": 0.85, "low": 0.6, "high": 0.95, "n": 20}
    best = {"v": 1, "step": 40, "name": "accuracy", "score": 0.85, "loss": 0.5}
    write_json(run.path / "best.json", best | {"metrics": {"accuracy": accuracy}})
    run.set_state("cancelled")
    await VIEWS["runs"](s)
    await s.press("home", "enter")
    await s.until(lambda: "wb train" in s.text())


@view("jobs", "JobsScreen")
async def _(s: Stage) -> None:
    s.app.go("jobs")
    await s.until(lambda: "train" in s.text())
    await s.press("home")


@view("sessions", "SessionsScreen")
async def _(s: Stage) -> None:
    s.app.go("sessions")
    await s.until(lambda: "2026-01-02" in s.text())


@view("sessions-inside", "SessionsScreen")
async def _(s: Stage) -> None:
    await VIEWS["sessions"](s)
    await s.press("enter")


@view("sessions-searched", "SessionsScreen")
async def _(s: Stage) -> None:
    await VIEWS["sessions"](s)
    await s.press("slash", *"true")
    await s.until(lambda: "records in" in s.text() or "record in" in s.text())


@view("placeholder", "PlaceholderScreen")
async def _(s: Stage) -> None:
    from workbench.app.widgets.placeholder import PlaceholderScreen

    s.app.push_screen(PlaceholderScreen("runs"))


# -- dialogs of Explore --------------------------------------------------------------------

# Dialogs over Explore by their keys, none of which changes it: one bench serves all of them.
KEYS = {
    "help": ("question_mark", "HelpModal"),
    "palette": ("ctrl+p", "CommandPalette"),
    "details": ("i", "TextPanel"),
    "evaluate": ("e", "NewJob"),
    "tags": ("B", "LineForm"),
    "seed": ("R", "LineForm"),
    "save": ("s", "LineForm"),
    "export": ("E", "LineForm"),
    "import": ("I", "LineForm"),
    "template": ("t", "Picker"),
    "model": ("m", "ModelPicker"),
    "run": ("u", "Picker"),
    "beside": ("a", "ModelPicker"),
    "datasets": ("d", "DataPicker"),
    "gallery": ("G", "GalleryScreen"),
    "similar": ("tilde", "SimilarView"),
    "sweep": ("w", "SweepScreen"),
    "themes": ("f9", "CommandPalette"),
    "jump": ("ctrl+o", "JumpScreen"),
}
for _name, (_key, _shows) in KEYS.items():

    @view(_name, _shows)
    async def _(s: Stage, key: str = _key) -> None:
        before = s.app.screen
        await s.pilot.press(key)
        await s.until(lambda: s.app.screen is not before)


@view("error", "ErrorPanel")
async def _(s: Stage) -> None:
    hint = "F8 starts it again; wb engine status says how it is"
    s.app.fail(EngineError("the engine was killed while it answered", hint=hint), "no answer")
    await s.until(lambda: "no answer" in s.text())


@view("cache", "DataForm")
async def _(s: Stage) -> None:
    from workbench.app.explore.dataset_jobs import DataForm

    line = "wb data cache hub/nlvr2 --split dev"
    s.app.push_screen(DataForm("Cache", line, "data cache", "It is 2.1 GB."))


def own_files() -> Path:
    """A folder with a table and its pictures."""
    from PIL import Image

    folder = own_home_folder() / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for number, colour in enumerate(("red", "teal", "gold")):
        Image.new("RGB", (60, 40), colour).save(folder / f"{number}.png")
    rows = "".join(f"{n},{n}.png,Is it red?,{'no' if n else 'yes'},seen\n" for n in range(3))
    (folder / "asked.csv").write_text(f"key,pic,ask,verdict,how\n{rows}")
    return folder


@contextmanager
def environment_without(name: str) -> Iterator[None]:
    """Without a variable of the environment: a hub may be asked for a model."""
    value = os.environ.pop(name, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[name] = value


def own_home_folder() -> Path:
    from sessions.paths import home

    return home()


@view("own-data", "OwnDataForm")
async def _(s: Stage) -> None:
    from workbench.app.explore.own_data import OwnDataForm

    s.app.push_screen(OwnDataForm(str(own_files() / "asked.csv")))
    await s.until(lambda: "rows" in s.text())


@view("own-path", "PathPicker")
async def _(s: Stage) -> None:
    from workbench.app.widgets.path_picker import PathPicker

    s.app.push_screen(PathPicker("A file", f"{own_files()}/", endings=(".csv",)))
    await s.until(lambda: "asked.csv" in s.text())


@view("sweep-answers", "SweepScreen")
async def _(s: Stage) -> None:
    await VIEWS["sweep"](s)
    s.app.screen.query_one("#sweep-temperature").value = "0, 0.7"  # type: ignore[attr-defined]
    await s.press("f5")
    await s.until(lambda: "2 of 2" in s.text())


@view("whole-answer", "WholeAnswer")
async def _(s: Stage) -> None:
    await VIEWS["sweep-answers"](s)
    s.app.screen.query_one("#answers").focus()
    await s.press("enter")


@view("side-by-side", "SideBySide")
async def _(s: Stage) -> None:
    await VIEWS["beside"](s)
    with environment_without("HF_HUB_OFFLINE"):
        await s.press(*"my", "slash", *"model", "enter")
    await s.until(lambda: "≠" in s.text() or "the same" in s.text())
    s.app.clear_notifications()  # that the hub was not asked stands there for a while only


# -- dialogs of the other places -----------------------------------------------------------


@view("delete-run", "ConfirmDialog")
async def _(s: Stage) -> None:
    await VIEWS["runs"](s)
    await s.press("home", "x")


@view("bookmark-errors", "LineDialog")
async def _(s: Stage) -> None:
    await VIEWS["runs-inside"](s)
    await s.press("b")


@view("rating", "RatingScreen")
async def _(s: Stage) -> None:
    await VIEWS["runs"](s)
    await s.press("end", "asterisk")
    await s.until(lambda: "answer  " in s.text())


@view("new-job", "NewJob")
async def _(s: Stage) -> None:
    await VIEWS["jobs"](s)
    await s.press("n")


class SeenBatch(BatchCommand):
    """What `wb train --show-batch` would say, without a child."""

    def __call__(self, folder: str) -> tuple[dict[str, Any], str]:
        from PIL import Image

        file = Path(folder) / "000-00.png"
        Image.new("RGB", (64, 64), (200, 60, 20)).save(file)
        picture = {"size": [64, 64], "grid": [4, 4], "png": str(file)}
        texts = ["<pad>"] * 3 + ["Is it "] + ["<image>"] * 16 + [" red?\n", "Yes.", "<end>"]
        kinds = ["padding"] * 3 + ["prompt"] + ["image"] * 16 + ["prompt", "answer", "answer"]
        row = {
            "uid": "demo/train/000007",
            "template": "statement/true-false",
            "texts": texts,
            "kinds": kinds,
            "loss_share": 0.25,
            "images": [{"size": [120, 90], "tokens": 16, "pictures": [picture]}],
            "counts": {"loss": 2, "image": 16, "prompt": 2, "padding": 3},
        }
        return {"rows": [row, row], "refused": {"demo/train/000009": "too long: 3000 tokens"}}, ""


@view("batch", "BatchView")
async def _(s: Stage) -> None:
    await VIEWS["new-job"](s)
    s.app.push_screen(BatchView(SeenBatch(())))
    await s.idle()
    await s.until(lambda: "1 of 2" in s.text())


@view("note", "LineDialog")
async def _(s: Stage) -> None:
    await VIEWS["sessions-inside"](s)
    await s.press("n")


@view("replay-model", "ModelPicker")
async def _(s: Stage) -> None:
    await VIEWS["sessions-inside"](s)
    await s.press("R")


@view("replay", "SessionsScreen")
async def _(s: Stage) -> None:
    await VIEWS["replay-model"](s)
    await s.press("enter")
    await s.until(lambda: "5 of 5" in s.text())
    table: Any = s.app.screen.query_one("#session-table")
    await s.until(lambda: [line.prompts for line in table.sessions.values()] == [5, 5])
