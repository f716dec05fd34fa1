"""The list of runs: what was evaluated or trained, how well, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from workbench.app.lists.draw import fit, interval_bar, number, plain, progress_bar
from workbench.app.lists.palette import PALETTE, Palette
from workbench.app.lists.row_list import Cell, Column, RowList
from workbench.app.runs.reading import RunSummary
from workbench.evaluation.telling_apart import told_apart
from workbench.times import ago

COLUMNS = (
    Column("", 2),
    Column("data", 0, share=3),
    Column("model", 0, share=4),
    Column("", 19),
    Column("unp", 4, "right", above=58),
    Column("fail", 4, "right", above=64),
    Column("age", 4, "right"),
)
DATA, MODEL, SCORE, UNPARSED, FAILED = 1, 2, 3, 4, 5  # places among the columns
FIGURE = 9  # cells of a figure without its bar, and of `100% done`
LEAST_BAR = 4  # a shorter bar says nothing
EMPTY = (
    "No runs yet",
    "",
    "e in Explore evaluates the split that is open,",
    "n in Jobs (3) starts one by its command:",
    "wb run-eval --dataset demo --split test --model demo",
    "I makes one of answers that were given elsewhere",
)


def state_sign(state: str, palette: Palette) -> Text:
    """One character for a state: shape and colour, so that neither is needed alone."""
    sign, style = {
        "done": ("●", palette.good),
        "running": ("◐", palette.accent),
        "pausing": ("◐", palette.warn),
        "paused": ("‖", palette.warn),
        "queued": ("○", palette.dim),
        "failed": ("✗", palette.bad),
        "cancelled": ("◌", palette.warn),
        "lost": ("?", palette.warn),
    }.get(state, ("·", palette.dim))
    return Text(sign, style=style)


class RunTable(RowList):
    """Runs by age, the newest first; `marked` holds the ids of those to be compared, in order."""

    HELP_TITLE = "The list of runs"
    HELP = (
        "One line for each evaluation and training, the newest first: how it ended, its data, "
        "its model, its main figure with the 95% interval as a bar, and how many answers were "
        "unparsed and samples failed. Space marks a run as A and another as B."
    )

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(COLUMNS, empty=EMPTY, widget_id=widget_id)
        self.runs: dict[str, RunSummary] = {}
        self.differs: dict[str, str] = {}
        self.marked: list[str] = []
        self._needs = (0, 0)  # cells of the longest data and of the longest model
        self._nothing: list[int] = []  # columns of counts in which nothing is counted

    @property
    def run(self) -> RunSummary | None:
        """The run under the cursor."""
        return self.runs.get(self.key or "")

    def show_runs(self, runs: Sequence[RunSummary], cursor: str | None = None) -> None:
        """Replace the runs; the cursor stays on its run."""
        if list(self.runs.values()) != list(runs):
            words = told_apart([(run.kind, run.config) for run in runs])
            self.differs = {run.id: said for run, said in zip(runs, words, strict=True)}
        self._needs = (
            max((plain(run.where).cell_len for run in runs), default=0),
            max((self._who(run, PALETTE).cell_len for run in runs), default=0),
        )
        counts = ((UNPARSED, [r.unparsed for r in runs]), (FAILED, [r.failed for r in runs]))
        self._nothing = [place for place, counted in counts if not any(counted)]
        self.runs = {run.id: run for run in runs}
        self.marked = [m for m in self.marked if m in self.runs]
        self.show(list(self.runs), lambda i: self._row(runs[i]), cursor=cursor)

    def layout_columns(self, width: int) -> list[int]:
        """Names have the room that they need; bars, and columns of no count, what they leave."""
        widths = super().layout_columns(width)
        data, model = self._needs
        if widths[DATA] >= data and widths[MODEL] >= model:
            return widths
        room = widths[DATA] + widths[MODEL] + widths[SCORE]
        for place in self._nothing:
            room += widths[place] + 1 if widths[place] else 0
            widths[place] = 0
        score = min(widths[SCORE], max(FIGURE, room - data - model))
        names = room - score
        widths[DATA] = max(1, min(data, max(names // 3, names - model)))
        widths[MODEL], widths[SCORE] = max(1, names - widths[DATA]), score
        return widths

    def toggle_mark(self) -> list[str]:
        """Mark or unmark the run under the cursor; a third mark takes the place of the second."""
        key = self.key
        if key in self.marked:
            self.marked.remove(key)
        elif key is not None:
            self.marked = [*self.marked[:1], key]
        self.refresh()
        return self.marked

    def _row(self, run: RunSummary) -> tuple[Cell, ...]:
        palette = PALETTE
        mark = Text(" ")
        if run.id in self.marked:
            first = self.marked.index(run.id) == 0
            style = (palette.accent if first else palette.second) + Style(bold=True)
            mark = Text("AB"[0 if first else 1], style=style)
        return (
            Text.assemble(mark, state_sign(run.word, palette)),
            plain(run.where),
            self._who(run, palette),
            lambda width: score(run, width, palette),
            count(run.unparsed, palette.warn, palette),
            count(run.failed, palette.bad, palette),
            Text(ago(run.created, time.time()), style=palette.dim),
        )

    def _who(self, run: RunSummary, palette: Palette) -> Text:
        """The model, and how this run differs from others of its data and model."""
        who = plain(run.who, palette.dim if run.kind == "train" else "")
        differs = self.differs.get(run.id)
        return who.append_text(plain(f"  {differs}", palette.dim)) if differs else who


def count(value: int, style: Style, palette: Palette) -> Text:
    """A count that is loud only where there is something to count."""
    return (
        Text(f"{value:,}" if value < 10000 else f"{value // 1000}k", style=style)
        if value
        else (Text("·", style=palette.dim))
    )


def score(run: RunSummary, width: int, palette: Palette) -> Text:
    """The metric with its interval; of an unfinished run how far it is."""
    if run.figure is not None:
        figure = run.figure
        out = fit(plain(number(figure.value), palette.strong), 6)
        if width - 6 < LEAST_BAR:
            return out
        return out.append_text(
            interval_bar(figure.value, figure.low, figure.high, width - 6, palette)
        )
    if run.problem:
        return plain(run.problem, palette.warn)
    if run.kind == "train" and run.state == "done":
        return plain("trained", palette.good)
    share = run.done / run.total if run.total else None
    style = palette.accent if run.word == "running" else palette.dim
    label = f"{share:.0%} done" if share is not None else f"{run.done:,}" if run.done else run.state
    out = fit(plain(label, palette.dim), max(6, min(width, len(label) + 1)))
    if width - out.cell_len < LEAST_BAR:
        return out
    return out.append_text(progress_bar(share, width - out.cell_len, palette, style))
