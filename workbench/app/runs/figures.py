"""A run's head and its metrics, drawn as text: values, intervals, and a line for each label."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.text import Text

from sessions.estimate import Estimate
from sessions.ids import short_id
from workbench.app.lists.draw import fit, interval_bar, number, plain, progress_bar, short_name
from workbench.app.lists.palette import PALETTE, Palette
from workbench.app.runs.reading import RunSummary
from workbench.app.runs.run_table import state_sign
from workbench.app.widgets.steady import SteadyText
from workbench.reports.tally import Tally
from workbench.times import ago

if TYPE_CHECKING:
    from workbench.evaluation.ledger import Ledger

FIGURE = 26  # cells of a figure with its interval, after its name
OF_LABEL = 31  # cells of a label's count and three figures, after its name


class Figures(SteadyText):
    """What is told of a run, drawn anew whenever there is another width for it."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._shown: tuple[RunSummary, Tally] | None = None
        self._width = 0

    def show(self, run: RunSummary, tally: Tally) -> None:
        """Tell this."""
        self._shown, self._width = (run, tally), self.size.width
        self.draw(run, tally)

    def draw(self, run: RunSummary, tally: Tally) -> None:
        """Draw it at the width there is."""
        raise NotImplementedError

    def on_resize(self) -> None:
        """The first width is known only after the first figures."""
        if self._shown is not None and self.size.width != self._width:
            self.show(*self._shown)


class RunHeader(Figures):
    """Two lines: which run this is, and the one figure that it is judged by."""

    def draw(self, run: RunSummary, tally: Tally) -> None:
        """Say which run and how well."""
        palette = PALETTE
        first = Text.assemble(state_sign(run.word, palette), f" {run.word}  ", no_wrap=True)
        first.append_text(plain(f"{run.where}  {run.who}", palette.strong))
        if run.total and run.state != "done":
            first.append(f"  {run.done:,} of {run.total:,} ")
            share = run.done / run.total
            first.append_text(progress_bar(share, 16, palette, palette.accent))
        age = ago(run.created, time.time())
        age = f"{age} ago" if age[-1:].isalpha() and age != "now" else age
        first.append(f"  {age}  {short_id(run.id)}", palette.dim)
        lines = Text("\n", no_wrap=True, overflow="ellipsis")
        self.update(lines.join([first, self._figure(run, tally, palette)]))

    def _figure(self, run: RunSummary, tally: Tally, palette: Palette) -> Text:
        if run.problem:
            return plain(run.problem, palette.warn)
        if run.kind == "train":
            return self._training(run, palette)
        if run.figure is not None:
            name, figure = run.metric, run.figure
        elif tally.judged:
            name, figure = "accuracy so far", tally.accuracy
        else:
            return plain("no predictions yet", palette.dim)
        out = plain(f"{name} ")
        out.append(number(figure.value), palette.strong)
        if figure.low is not None and figure.high is not None:
            out.append(f"  {number(figure.low)} – {number(figure.high)}  ", palette.dim)
            room = 20 if self.size.width >= 90 else 10
            out.append_text(interval_bar(figure.value, figure.low, figure.high, room, palette))
        if tally.n:  # what the figure is of: who has no label is not in it
            out.append(f"  n {figure.n or tally.n:,}", palette.dim)
        for count, word, style in (
            (tally.judged and tally.n - tally.judged, "unlabelled", palette.warn),
            (tally.unparsed, "unparsed", palette.warn),
            (tally.failed, "failed", palette.bad),
            (run.truncated, "truncated", palette.warn),
        ):
            out.append(f"  {count:,} {word}" if count else "", style)
        if figure.note:  # last: a narrow line is cut here
            out.append_text(plain(f"  {figure.note}", palette.dim))
        return out

    @staticmethod
    def _training(run: RunSummary, palette: Palette) -> Text:
        """A training is judged by the evaluation that it kept; answers of a run it has none."""
        if run.figure is None:
            return plain("a training: its evaluations are below", palette.dim)
        out = plain(f"a training · at its best step {run.metric} ", palette.dim)
        out.append(number(run.figure.value), palette.strong)
        return out.append(f"  n {run.figure.n:,}" if run.figure.n else "", palette.dim)


class MetricsPanel(Figures):
    """Every metric with its interval, what the score is made of, then each label's figures."""

    ledger: Ledger | None = None

    def draw(self, run: RunSummary, tally: Tally) -> None:
        """Draw them at the width there is."""
        palette = PALETTE
        figures = run.metrics
        if not figures and tally.judged:
            figures = {"accuracy so far": tally.accuracy}
        lines = metric_lines(figures, self._room, palette)
        lines += [plain(f"note: {note}", palette.warn) for note in run.notes]
        if self.ledger is not None:
            lines += ledger_lines(self.ledger, self._room, palette)
        lines += label_lines(tally, palette, self._room)
        text = Text("\n", no_wrap=True).join(lines)
        self.update(text if lines else plain("no metrics yet", palette.dim))

    @property
    def _room(self) -> int:
        return max(30, self.size.width - 2)  # a scroll bar may come once the lines are drawn


def name_cells(names: Iterable[str], room: int) -> int:
    """Cells for a column of names: as the longest, but no more than fit."""
    return max(6, min(max((plain(name).cell_len for name in names), default=0), room))


def metric_lines(figures: Mapping[str, Estimate], width: int, palette: Palette) -> list[Text]:
    """A line for each: names have what room they need, bars what they leave."""
    cells = name_cells(figures, width - FIGURE)
    return [metric_line(name, figures[name], width, palette, cells) for name in figures]


def metric_line(name: str, figure: Estimate, width: int, palette: Palette, cells: int) -> Text:
    """`accuracy   0.912  0.884 – 0.934  ──━━●━──`; the bar only for what lies in 0..1."""
    low, high = figure.low, figure.high
    out = fit(plain(short_name(name, cells)), cells)  # figures of one kind differ at their end
    out.append(f" {number(figure.value):>8} ", palette.strong)
    if low is not None and high is not None:
        out.append(f" {number(low)} – {number(high)}  ", palette.dim)
    note = f" {figure.note}" if figure.note else ""
    if out.cell_len + len(note) > width:
        note = f"\n {note}"  # in a line of its own, not broken between two
    room = min(24, width - out.cell_len - (len(note) if note[:1] == " " else 0))
    if low is not None and high is not None and 0 <= low <= high <= 1 and room >= 8:
        out.append_text(interval_bar(figure.value, low, high, room, palette))
    return out.append_text(plain(note, palette.dim))


def label_lines(tally: Tally, palette: Palette, width: int) -> list[Text]:
    """A table of precision, recall and F1, a line of `width` cells at most for each label."""
    labels = tally.labels()
    if not labels:
        return []
    cells = name_cells(["label", *labels], width - OF_LABEL)
    head = fit(Text("label"), cells).append(f" {'n':>6} {'prec':>7} {'recall':>7} {'F1':>7}")
    head.stylize(palette.dim)
    lines = [Text(), head]
    for label, n, precision, recall, f1 in tally.per_label(labels):
        line = fit(plain(label), cells)
        line.append(f" {n:>6,}", palette.dim)
        for value in (precision, recall, f1):
            style = palette.bad if n and value is not None and value < 0.5 else Style()
            line.append(f" {number(value):>7}", style)
        lines.append(line)
    return lines


def ledger_lines(ledger: Ledger | None, width: int, palette: Palette) -> list[Text]:
    """What right answers need, then each control's accuracy; none without a ledger."""
    if ledger is None:
        return []
    lines: list[Text] = [Text()]
    if ledger.parts:
        lines.append(plain("right answers need", palette.dim))
    controls = {f"accuracy {control.name}": control.accuracy for control in ledger.controls}
    cells = name_cells([*(part.name for part in ledger.parts), *controls], width - FIGURE)
    for part in ledger.parts:
        luck = "" if part.luck is None else f"  by luck {part.luck:.3f}"
        line = metric_line(part.name, part.share, width - len(luck), palette, cells)
        line.append(luck, palette.dim)
        lines.append(line)
    lines += [metric_line(n, figure, width, palette, cells) for n, figure in controls.items()]
    return lines
