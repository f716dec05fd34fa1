"""What the finder (Ctrl+P) knows besides actions: samples, datasets, runs, sessions and more.

Guarantee: `things` blocks and is for a worker; it reads names and small records, no data and no
model, and what cannot be read is left out, since the places say so themselves. Going to a thing
happens on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp

NEWEST = 500  # runs and sessions that are offered


@dataclass(frozen=True)
class Findable:
    """Something one can go to.

    Attributes:
        kind: `run`, `dataset`, ...: a word that finds all of them.
        title: Its name.
        about: A sentence: what it is and what choosing it does.
        go: Goes there.
    """

    kind: str
    title: str
    about: str
    go: Callable[[], Any]

    @property
    def name(self) -> str:
        """By which it is found: its kind finds all of them."""
        return f"{self.kind} {self.title}"


def things(bench: WbApp) -> list[Findable]:
    """All that can be named without reading data. Blocks."""
    found: list[Findable] = []
    for part in (_datasets, _runs, _sessions, _templates, _settings):
        with suppress(WbError, OSError, ValueError):
            found += part(bench)
    return found


def sample_named(bench: WbApp, typed: str) -> Iterator[Findable]:
    """The sample that was typed: a UID, a row of the open split, or the end of a UID in sight."""
    words = typed.strip()
    if words.count("/") >= 2:
        about = "Open the sample of this UID in Explore"
        yield Findable("sample", words, about, lambda: bench.open_uid(words))
        return
    view = getattr(bench.screen_stack[0], "view", None)
    source = getattr(view, "source", None)
    if source is None:
        return
    here = f"{source.dataset}/{source.split}"
    if words.lstrip("#").isdigit():
        row = words.lstrip("#")
        about = f"Go to this row of {here}, or say how many there are"
        yield Findable("sample", f"row {row}", about, lambda: _arrive(bench, "go_to", row))
        uid = f"{here}/{words}"
        if not words.startswith("#"):
            about = "Open the sample of this UID in Explore"
            yield Findable("sample", uid, about, lambda: bench.open_uid(uid))


def _arrive(bench: WbApp, method: str, *args: Any, place: str = "explore") -> None:
    """Go to a place and call a method of its screen, once it is there."""
    bench.go(place)

    def arrived() -> None:
        if not bench.screen_stack[0].query("BenchFooter"):
            bench.call_after_refresh(arrived)  # a place that is seen for the first time
            return
        do = getattr(bench.screen_stack[0], method, None)
        if do is not None:
            do(*args)

    bench.call_after_refresh(arrived)


def _datasets(bench: WbApp) -> Iterator[Findable]:
    from workbench.data.readiness import dataset_names

    for name in dataset_names():
        about = "Open this split in Explore"
        yield Findable("dataset", name, about, lambda name=name: _arrive(bench, "open_split", name))


def _runs(bench: WbApp) -> Iterator[Findable]:
    from sessions.runs import list_runs
    from workbench.reports.run import run_name

    for run in list_runs()[:NEWEST]:
        kind = "training" if run.kind == "train" else "evaluation"
        title = run_name(run.config, run.id)
        about = f"Show this {kind} in Runs; it is {run.state}"
        go = lambda ident=run.id: _arrive(bench, "show_run", ident, place="runs")  # noqa: E731
        yield Findable("run", title, about, go)


def _sessions(bench: WbApp) -> Iterator[Findable]:
    from sessions.session_log import session_ids

    for name in sorted(session_ids(), reverse=True)[:NEWEST]:
        go = lambda name=name: _arrive(bench, "show_session", name, place="sessions")  # noqa: E731
        yield Findable("session", name, "Show what was asked in this session", go)


def _templates(bench: WbApp) -> Iterator[Findable]:
    from workbench.prompts.pool import list_templates

    for template in list_templates():
        about = "Ask by this template: " + " ".join(clean(template.text).split())[:60]
        go = lambda template=template: _arrive(bench, "ask_by", template)  # noqa: E731
        yield Findable("template", template.name, about, go)


def _settings(bench: WbApp) -> Iterator[Findable]:
    from workbench.config import KNOBS

    for name, knob in KNOBS.items():
        now = getattr(bench.settings, name, None)
        value = "none" if now in (None, "") else now
        about = f"Now {value}. {knob.help}"
        yield Findable("setting", name, about, lambda name=name: _change(bench, name))


def _change(bench: WbApp, name: str) -> None:
    """Ask for a setting's value and write it; a theme is chosen as by its key."""
    if name == "theme":
        bench.action_change_theme()
        return
    from workbench.app.lists.dialogs import LineDialog
    from workbench.config import KNOBS

    knob, now = KNOBS[name], getattr(bench.settings, name, None)
    body = f"{knob.help}\nIt wants {knob.wants}. Empty takes it out of the file; the bench reads "
    body += "it when it opens the next time."

    def problem(typed: str) -> str | None:
        if not typed:
            return None
        try:
            knob.read(typed)
        except ValueError as error:
            return f"{name} {error}"
        return None

    def done(typed: str | None) -> None:
        if typed is not None:
            bench.tasks.change(f"setting {name}", lambda: _write(bench, name, typed))

    value = "" if now is None else str(now)
    bench.push_screen(LineDialog(f"Setting {name}", body, value=value, check=problem), done)


def _write(bench: WbApp, name: str, typed: str) -> None:
    from workbench.config import set_setting, unset_setting

    try:
        if typed:
            set_setting(name, typed)
        else:
            unset_setting(name)
    except (WbError, OSError) as error:
        bench.fail(error, "the setting is as it was")
        return
    said = clean(f"{name} = {typed}" if typed else f"{name} is as it comes")
    bench.call_soon(bench.notify, said, title="from the next start on", markup=False)
