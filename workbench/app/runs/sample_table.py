"""The predictions of one run in the chosen view: errors, unparsed, failed, slowest, all, a cell."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from workbench.app.lists.draw import ROOMY, plain, short_name
from workbench.app.lists.palette import PALETTE, Palette
from workbench.app.lists.row_list import Cell, Column, RowList
from workbench.app.runs.narrowing import Narrowing
from workbench.app.runs.reading import PredictionRow, Selection, View
from workbench.reports.tally import Tally
from workbench.times import duration

COLUMNS = (
    Column("", 1),
    Column("sample", 0, share=3),
    Column("target", 13, above=46),
    Column("predicted", 13),
    Column("took", 6, "right", above=90),
    Column("answer", 0, share=5, above=60),
)

SAMPLE, TARGET, SAID, ANSWER = 1, 2, 3, 5  # places among the columns
LEAST = {SAMPLE: 6, TARGET: 6, SAID: 9}  # cells of their titles, and of `unparsed`
TIMED = tuple(replace(c, above=0) if c.title == "took" else c for c in COLUMNS)  # always with times

EMPTY: dict[View, tuple[str, ...]] = {
    "errors": ("No errors", "", "no sample so far is wrong, unparsed or failed; a lists all"),
    "unparsed": ("Nothing unparsed", "", "a label was read from every answer; a lists them all"),
    "failed": ("Nothing failed", "", "every sample could be read and asked; a lists them all"),
    "slowest": ("No times", "", "this run's lines do not say how long they took"),
    "all": (
        "No predictions yet",
        "",
        "they come batch by batch; r resumes a run that stopped",
    ),
    "cell": ("No samples in this cell", "", "Esc goes back to the errors"),
}


def sign(row: PredictionRow, palette: Palette) -> Text:
    """Right, wrong, unparsed or failed: shape and colour."""
    shape, style = {
        "failed": ("!", palette.bad + Style(bold=True)),
        "none": ("·", palette.dim),
        "right": ("✓", palette.good),
        "unparsed": ("?", palette.warn),
        "wrong": ("✗", palette.bad),
    }[row.verdict]
    return Text(shape, style=style)


class SampleTable(RowList):
    """Samples with what was wanted and what was said; Enter leads to Explore."""

    HELP_TITLE = "The run's samples"
    HELP = (
        "The samples of the chosen view: what was wanted, what was read from the answer, and "
        "the answer. / narrows them by words, such as is:wrong or said:X, O sorts them. Enter "
        "shows the sample in Explore, with the answer of this run."
    )

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(COLUMNS, empty=("Choose a run",), widget_id=widget_id)
        self._rows: Sequence[PredictionRow] = ()
        self._indices: Sequence[int] = ()
        self._prefix = ""
        self._awaits = self._opens = False
        self._measured: tuple[Sequence[str], int] = ((), 0)  # ids, and how many were looked at
        self._needs = dict(LEAST)

    @property
    def row(self) -> PredictionRow | None:
        """The prediction under the cursor."""
        if 0 <= self.cursor < len(self._indices):
            return self._rows[self._indices[self.cursor]]
        return None

    @property
    def uids(self) -> list[str]:
        """The UIDs of the view, in its order."""
        return list(self.keys)

    def await_view(self) -> None:
        """Another view is being read: keys are of it, and its first row gets the cursor."""
        self._awaits, self._opens = True, False

    def action_move(self, step: int) -> None:
        """Move by rows, of the view that comes if it does."""
        if self._awaits:
            self._ahead = max(0, self._ahead + step)
        else:
            super().action_move(step)

    def action_open(self) -> None:
        """Open the row under the cursor, of the view that comes if it does."""
        if self._awaits:
            self._opens = True
        else:
            super().action_open()

    def show_view(
        self,
        rows: Sequence[PredictionRow],
        selection: Selection,
        view: View,
        where: str,
        narrowing: Narrowing,
    ) -> None:
        """Show a selection of `rows`.

        Args:
            rows: All predictions; may grow behind the list's back.
            selection: Those in the view, in order; may grow too.
            view: Which, for what an empty list says.
            where: `dataset/split`, left out of the UIDs of this list.
            narrowing: What left these over, and put them in order.
        """
        self._rows, self._indices = rows, selection.indices
        self._prefix = f"{where.partition('[')[0]}/"
        self.empty = EMPTY[view if rows else "all"]
        if rows and narrowing.filter.words:
            problem = narrowing.problem or "Nothing fits the filter"
            self.empty = (*textwrap.wrap(problem, 56), "", "Esc takes the filter off")
        timed = view == "slowest" or (narrowing.order and narrowing.order.column == "latency_s")
        self.columns = TIMED if timed else COLUMNS
        self._measure(selection)
        first = selection.uids[0] if self._awaits and selection.uids else None
        self.show(selection.uids, self._cells_of, cursor=first)
        opens, self._awaits, self._opens = self._opens, False, False
        if opens:
            self.action_open()

    def _measure(self, selection: Selection) -> None:
        """Look how long ids and labels are; of a list that only grew at what is new."""
        known, count = self._measured
        if known is not selection.uids:
            self._needs, count = dict(LEAST), 0
        self._measured = selection.uids, len(selection.uids)
        for uid, index in islice(zip(selection.uids, selection.indices, strict=False), count, None):
            row, own = self._rows[index], uid.removeprefix(self._prefix)
            for place, text in ((SAMPLE, own), (TARGET, row.target), (SAID, row.label or "")):
                if len(text) > self._needs[place]:  # most are as long as one before
                    self._needs[place] = max(
                        self._needs[place], cell_len(short_name(text, ROOMY - 1))
                    )

    def layout_columns(self, width: int) -> list[int]:
        """Ids and labels have the room that they need, answers what they leave."""
        widths = super().layout_columns(width)
        if widths[ANSWER]:
            for place, need in self._needs.items():
                spare = max(0, widths[place] - need)
                widths[place] -= spare
                widths[ANSWER] += spare
        return widths

    def clear(self, words: str, *, waits: bool = False) -> None:
        """No samples, and why; `waits` as of `show`."""
        self._rows, self._indices, self.empty = (), (), (words,)
        self.show((), lambda _: (), waits=waits)

    def _cells_of(self, index: int) -> tuple[Cell, ...]:
        palette = PALETTE
        row = self._rows[self._indices[index]]
        said = plain(row.label or "")
        if row.verdict == "unparsed":
            said = plain("unparsed", palette.warn)
        if row.error:
            said = plain("failed", palette.bad)
        return (
            sign(row, palette),
            lambda width: plain(short_name(row.uid.removeprefix(self._prefix), width)),
            plain(row.target),
            said,
            Text(duration(row.seconds) if row.seconds > 0 else "", style=palette.dim),
            plain(row.error, palette.bad) if row.error else plain(row.words, palette.dim),
        )


class ViewBar(Widget):
    """The views with their counts and keys, the chosen one underlined; a click chooses."""

    DEFAULT_CSS = "ViewBar { height: 1; padding: 0 1; }"
    VIEWS = (
        ("e", "errors"),
        ("u", "unparsed"),
        ("f", "failed"),
        ("s", "slowest"),
        ("a", "all"),
    )

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._tally = Tally()
        self._view: View = "errors"
        self._cell: tuple[str, str | None] | None = None
        self._reading = False

    def show(
        self, tally: Tally, view: View, cell: tuple[str, str | None] | None, reading: bool
    ) -> None:
        """Say what there is and which view is chosen."""
        self._tally, self._view, self._cell, self._reading = tally, view, cell, reading
        self.refresh()

    def render(self) -> Text:
        """One line."""
        palette, tally = PALETTE, self._tally
        counts = {
            "errors": tally.errors,
            "unparsed": tally.unparsed,
            "failed": tally.failed,
            "all": tally.n,
        }
        out = Text(no_wrap=True, overflow="ellipsis")
        for key, view in self.VIEWS:
            here = view == self._view
            click = Style(meta={"@click": f"screen.view('{view}')"})
            out.append(f"{key} ", palette.dim + click)
            out.append(view, Style(bold=here, underline=here, dim=not here) + click)
            if view in counts:
                out.append(f" {counts[view]:,}", palette.dim if not here else "")
            out.append("   ")
        if self._view == "cell" and self._cell is not None:
            target, label = self._cell
            out.append_text(
                plain(
                    f"{target} → {'unparsed' if label is None else label}",
                    palette.accent + Style(bold=True, underline=True),
                )
            )
        if self._reading:
            out.append("reading…", palette.dim)
        return out
