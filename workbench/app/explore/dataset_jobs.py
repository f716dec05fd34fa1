"""What the picker of datasets does with one of them: its mode, caching and adding it.

Guarantee: what takes long runs as a job, by a `wb data …` line that the user has seen.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.app.widgets.picker import LineForm
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.data.readiness import Readiness


def next_mode(bench: WbApp, name: str, take: Callable[[list[Readiness]], object]) -> None:
    """The next way to read a dataset; kept as `wb data mode` does.

    Args:
        bench: The app.
        name: Of the dataset.
        take: Is given how the dataset is then, on the event loop.
    """

    def work() -> None:
        from workbench.data.hub.state import MODES, mode_of, remember
        from workbench.data.readiness import readiness

        now = mode_of(name)
        remember(name, mode=MODES[(MODES.index(now) + 1) % len(MODES)])
        bench.call_soon(take, [readiness(name)])

    bench.tasks.change("dataset mode", work)


def cache(bench: WbApp, name: str, split: str) -> None:
    """A form with the `wb data cache` line; an empty split means all."""
    argv = ["wb", "data", "cache", name, *(["--split", split] if split else [])]
    _form(bench, "Cache", shlex.join(argv), f"cache {name}", "data cache")


def add(bench: WbApp, fact: Readiness) -> None:
    """A form with the line that adds a known dataset."""
    _form(bench, "Add a dataset", fact.add, f"add {fact.name}", "data add", about=fact.needs)


def _form(bench: WbApp, title: str, line: str, job: str, begins: str, about: str = "") -> None:
    def take(values: list[str] | None) -> None:
        if values:
            bench.start_job(shlex.split(values[0])[1:], job)

    words = "It runs as a job and outlives the bench; 3 follows its progress."
    about = f"{clean(about)}\n{words}" if about else words
    bench.push_screen(DataForm(title, line, begins, about), take)


class DataForm(LineForm):
    """A `wb data …` line to edit; returns it."""

    def __init__(self, title: str, line: str, begins: str, about: str) -> None:
        super().__init__(title, [("", line)], about=about, does="start the job")
        self.begins = begins

    def check(self, values: list[str]) -> str:
        """It must be a line that can be started."""
        try:
            argv = shlex.split(values[0])
        except ValueError as error:
            return f"the line cannot be read: {error}"
        if argv[:3] != ["wb", *self.begins.split()]:
            return f"the line begins with `wb {self.begins}`"
        if "FOLDER" in argv:
            return "say which folder holds its files, in the place of FOLDER"
        return "" if len(argv) > 3 else "name the dataset"


def where_of(fact: Readiness) -> str:
    """Why it is neither cached nor has a mode: where it lies, or what comes first."""
    where = {"generated": "it is generated here", "not added": "add it first: Enter"}
    return where.get(fact.state, "it is on this machine")
