"""No text of data, models, servers or records acts on the terminal, wherever it is drawn."""

from __future__ import annotations

import importlib
import pkgutil

from textual.screen import Screen

import workbench.app
from tests.hostile import EVIL, WORD, acts, filled
from tests.workbench.app.hostile_bench import hostile_bench, hostile_home

EXPLORE = (
    *("enter", "g", "i", "slash", "colon", "shift+r", "shift+b", "e", "a", "d", "m", "t", "u"),
    *("shift+g", "shift+e", "shift+i", "s", "y", "shift+y", "b", "h", "p", "w", "f1", "ctrl+p"),
    *("ctrl+o", "tilde", "shift+o"),
)
OTHERS = {
    "2": ("enter", "e", "escape", "m", "escape", "space", "j", "space", "enter", "escape", "b",
          "escape", "x", "escape", "y", "escape", "f1", "escape"),
    "3": ("j", "l", "y", "escape", "n", "escape", "r", "escape", "d", "escape", "x", "escape"),
    "4": ("enter", "enter", "y", "escape", "n", "escape", "r", "escape", "escape"),
}  # fmt: skip


def screens() -> set[type[Screen]]:
    """Every screen and modal of the bench, found by itself: one that is added is in it."""
    for module in pkgutil.walk_packages(workbench.app.__path__, "workbench.app."):
        importlib.import_module(module.name)
    todo, found = [Screen], set()
    while todo:
        for cls in todo.pop().__subclasses__():
            todo.append(cls)
            if cls.__module__.startswith("workbench.app"):
                found.add(cls)
    return {cls for cls in found if not any(issubclass(o, cls) and o is not cls for o in found)}


def hostile_batch() -> Screen:
    """A batch whose every text is hostile."""
    from workbench.app.jobs.batch_view import BatchCommand, BatchView

    kinds = ["prompt", "image", "answer", "padding"]
    counts = dict.fromkeys(["loss", "image", "prompt", "padding"], 1)
    row = {
        "uid": EVIL,
        "template": EVIL,
        "images": [],
        "counts": counts,
        "loss_share": 1.0,
        "texts": [EVIL] * len(kinds),
        "kinds": kinds,
    }

    class Hostile(BatchCommand):
        def __call__(self, folder):
            return {"rows": [row], "refused": {EVIL: EVIL}}, ""

    return BatchView(Hostile(()))


def hostile_flip() -> Screen:
    """Two hostile answers to one sample."""
    from sessions.compare import Flip
    from sessions.runs import list_runs
    from workbench.app.runs.flip_view import FlipView
    from workbench.app.runs.summaries import summarise

    run = summarise(list_runs()[0])
    line = {"uid": f"evil/test/{EVIL}", "target": EVIL, "label": EVIL, "text": EVIL}
    return FlipView([Flip(line["uid"], True, line, line)], 0, run, run)


def by_hand() -> list[Screen]:
    """Modals with hostile words, whatever key would open them."""
    from sessions.records import PromptRecord
    from sessions.runs import list_runs
    from workbench.app.explore.answer_grid import AnswerTile
    from workbench.app.explore.dataset_jobs import DataForm
    from workbench.app.explore.own_data import OwnDataForm
    from workbench.app.explore.sweep_form import WholeAnswer
    from workbench.app.jobs.new_job import NewJob
    from workbench.app.lists.dialogs import ConfirmDialog, LineDialog
    from workbench.app.runs.rating import RatingScreen
    from workbench.app.widgets.choice import Choice
    from workbench.app.widgets.path_picker import PathPicker
    from workbench.app.widgets.picker import LineForm, Picker
    from workbench.app.widgets.placeholder import PlaceholderScreen
    from workbench.app.widgets.text_panel import ErrorPanel, TextPanel
    from workbench.errors import DataError

    return [
        ConfirmDialog(EVIL, EVIL, EVIL),
        LineDialog(EVIL, EVIL, value=EVIL, placeholder=EVIL),
        DataForm(EVIL, EVIL, EVIL, EVIL),
        NewJob({"dataset": EVIL, "adapter": EVIL}, about=EVIL),
        NewJob({}, f"wb run-eval --dataset {EVIL}", about=EVIL),
        LineForm(EVIL, [(EVIL, EVIL)], about=EVIL, does=EVIL),
        Picker(EVIL, [Choice(EVIL, EVIL, EVIL)], free=EVIL),
        OwnDataForm(EVIL),
        PathPicker(EVIL, EVIL),
        TextPanel(EVIL, EVIL),
        ErrorPanel(DataError(EVIL, hint=EVIL, kind=EVIL), EVIL),
        ErrorPanel(RuntimeError(EVIL)),
        PlaceholderScreen(EVIL),
        WholeAnswer(AnswerTile({EVIL: EVIL}, text=EVIL, record=filled(PromptRecord))),
        WholeAnswer(AnswerTile({EVIL: EVIL}, problem=EVIL)),
        hostile_batch(),
        hostile_flip(),
        RatingScreen([run.id for run in list_runs() if run.kind == "eval"]),
    ]


async def test_no_screen_draws_what_acts_on_a_terminal(tmp_path, monkeypatch):
    hostile_home(tmp_path)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)  # a hub may have the model that is typed
    seen: set[type] = set()
    async with hostile_bench() as (b, sent):
        app = b.app

        def look(what: str) -> None:
            seen.update(type(screen) for screen in app.screen_stack)
            assert acts("".join(sent)) == [], f"after {what}"
            drawn.append(WORD in "".join(sent))
            sent.clear()

        async def back() -> None:
            for _ in range(6):
                if len(app.screen_stack) == 1:
                    return
                await b.pilot.press("escape")
                await b.pilot.pause()
            while len(app.screen_stack) > 1:
                app.pop_screen()
                await b.pilot.pause()

        drawn: list[bool] = []
        look("the first frame")
        assert drawn == [True]
        for key in EXPLORE:
            await b.pilot.press(key)
            await b.settle()
            look(key)
            if key == "a":  # a model is chosen, and both are asked
                await b.type("some/other")
                await b.press("enter")
                look("two side by side")
            await back()
            app.screen.set_focus(None)
            await b.settle()
            look(f"{key} and back")
        for place, keys in OTHERS.items():
            await b.pilot.press(place)
            await b.until(lambda: WORD in b.text())
            for key in keys:
                await b.pilot.press(key)
                await b.pilot.pause(0.05)
                look(f"{place} {key}")
            await back()
        for screen in by_hand():
            app.push_screen(screen)
            await b.until(lambda: WORD in b.text())
            look(type(screen).__name__)
            app.pop_screen()
            await b.pilot.pause()
        app.notify(EVIL, title=EVIL, markup=False)
        await b.until(lambda: WORD in b.text())
        app.copy_to_clipboard(EVIL)
        await b.pilot.pause()
        look("a notification and the clipboard")
    missing = {cls.__name__ for cls in screens()} - {cls.__name__ for cls in seen}
    assert missing == set(), "screens that this test does not show"
