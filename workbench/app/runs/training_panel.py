"""A training in the place of a run's figures: its curves, its best step, its settings, what next.

Guarantee: what an evaluation has (counts of right answers, a confusion matrix) is not shown of a
training, which has none. What it came to is read by `workbench.reports.training` alone.
"""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll

from sessions.errors import WbError
from workbench.app.jobs.curves import Curves
from workbench.app.lists.draw import number, plain
from workbench.app.lists.palette import PALETTE
from workbench.app.runs.reading import RunSummary
from workbench.app.widgets.steady import SteadyText
from workbench.reports.training import TrainingReport, training_report
from workbench.text import clean

NAME_CELLS = 21


class TrainingSummary(VerticalScroll, can_focus=True):
    """What a training came to, in lines."""

    HELP_TITLE = "The training"
    HELP = (
        "What the training came to: its best evaluation, the folder of what it trained, what to "
        "type next, and its settings. The arrows scroll; y copies the command that shows it."
    )

    def compose(self) -> ComposeResult:
        """One text."""
        yield SteadyText(id="training-text", markup=False)


class TrainingPanel(Horizontal):
    """Facts beside curves."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.report: TrainingReport | None = None

    def compose(self) -> ComposeResult:
        """Facts, then curves."""
        facts = TrainingSummary(id="training-summary")
        facts.border_title = "Training"
        yield facts
        with Horizontal(id="training-curves-box") as box:
            box.border_title = "Curves"
            yield Curves(widget_id="training-curves")

    @property
    def facts(self) -> TrainingSummary:
        """What takes the focus."""
        return self.query_one(TrainingSummary)

    def begin(self) -> None:
        """Another training is being read."""
        self.report = None
        self.query_one("#training-text", SteadyText).update(plain("reading…", PALETTE.dim))
        self.query_one(Curves).show({})
        self.facts.scroll_home(animate=False)

    def show(self, run: RunSummary, report: TrainingReport | None) -> None:
        """Tell what was read; `None` where it cannot be."""
        self.report = report
        told = Text("it cannot be read") if report is None else facts_table(run, report)
        self.query_one("#training-text", SteadyText).update(told)
        self.query_one(Curves).show({} if report is None else report.curves)


def read_training(run: RunSummary) -> TrainingReport | None:
    """What a training came to, `None` of another run. Blocks: for workers."""
    from sessions.runs import Run

    if run.kind != "train":
        return None
    try:
        return training_report(Run(run.path))
    except (WbError, OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # a record that is damaged says so elsewhere


def facts_table(run: RunSummary, report: TrainingReport) -> Table:
    """Steps and best step, what was saved, what to type next, the settings."""
    palette, table = PALETTE, Table.grid(padding=(0, 1))
    table.add_column(max_width=NAME_CELLS)
    table.add_column(overflow="fold")

    def line(name: str, value: object, style: Any = "") -> None:
        table.add_row(plain(name, palette.dim), Text(clean(value, newlines=False), style=style))

    line("steps", report.progress())
    if report.best is None:
        line("best", "not evaluated yet" if run.state == "running" else "it was not evaluated")
    else:
        line("best", report.best.words(), palette.strong)
        if report.best.loss is not None and report.best.name != "loss":
            line("its loss", number(report.best.loss))
    line("saved", report.saved or "nothing yet", palette.strong if report.saved else palette.dim)
    for command in report.next:
        line("next", command, palette.accent)
    for note in run.notes:
        line("note", note, palette.warn)
    line("", "")
    for name, value in report.settings:
        line(name, value)
    others = [item for item in run.metrics.items() if report.best and item[0] != report.best.name]
    if others:
        line("", "")
        for name, figure in others:
            line(name, f"{number(figure.value)} {figure.interval()} {figure.note}".strip())
    return table
