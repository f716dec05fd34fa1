"""Where one stands in the samples: under the list, and in the header where that is folded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.app.explore.controller import Controller
from workbench.app.explore.side import SidePanel
from workbench.app.widgets.header import BenchHeader
from workbench.app.widgets.steady import SteadyText
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.explore.browser import Browser

_FILTER_CELLS = 20  # of a long filter, its beginning is enough to know it by


@dataclass(frozen=True)
class Place:
    """The sample in view, and what of the split the filter leaves.

    Attributes:
        uid: Empty before the sample is read.
        ordinal: From 0; `None` where no sample is in view.
        length: Samples of the split, `None` where it has no end.
        filter: What was typed, empty where nothing is filtered.
        match: The place among the matches, from 0; `None` where it is none of them.
        matches: How many were found.
        more: The search did not come to the end of the split.
        problem: Why the filter can fit nothing.
        order: What the list is sorted by, empty for the order of the data.
    """

    uid: str = ""
    ordinal: int | None = None
    length: int | None = 0
    filter: str = ""
    match: int | None = None
    matches: int = 0
    more: bool = False
    problem: str = ""
    order: str = ""

    @property
    def position(self) -> str:
        """`3/1,000`."""
        at = "–" if self.ordinal is None else f"{self.ordinal + 1:,}"
        return f"{at}/{'∞' if self.length is None else f'{self.length:,}'}"

    @property
    def found(self) -> str:
        """`12 match`, with a plus where there may be more."""
        return f"{self.matches:,}{'+' if self.more else ''} match"

    def foot(self) -> str:
        """`3/1,000`, or `3 of 12 match` while a filter is on."""
        if self.problem:
            return self.problem
        if not self.filter:
            return self.position
        return self.found if self.match is None else f"{self.match + 1:,} of {self.found}"

    def header(self) -> tuple[str, ...]:
        """What says it without the list, fullest first; the last bears being cut at its end."""
        uid = clean(self.uid, newlines=False)
        native = uid.split("/", 2)[-1]
        typed = clean(self.filter, newlines=False)
        if len(typed) > _FILTER_CELLS:
            typed = typed[: _FILTER_CELLS - 1] + "…"
        found = [f"/{typed} {self.found}"] if typed else []
        found += [clean(self.order, newlines=False)] if self.order else []
        wordings = ([uid, self.position, *found], [native, self.position, *found])
        brief = [self.position, *found, native]
        return tuple(" · ".join(filter(None, words)) for words in (*wordings, brief))


class PlaceLine(Controller):
    """Says where one stands."""

    def show(self) -> None:
        """Say it anew."""
        view, screen = self.view, self.widgets.screen
        if view.browser is None:
            return
        place, source = self._place(view.browser), view.browser.source
        length = "endless" if source.length is None else f"{source.length:,}"
        whole = f"{source.dataset}/{source.split} · {length}"
        folded = self.widgets.list_is_folded and view.ordinal is not None
        screen.query_one(BenchHeader).subject = place.header() if folded else whole
        line = place.problem or f"{len(view.bookmarks)} ★ · {place.foot()}"
        if view.run.run_id and not place.problem:
            line += f" · {view.run.title}"
        samples = self.widgets.samples
        beside = bool(view.run.run_id)
        screen.query_one(SidePanel).show_order(place.order)
        screen.query_one(SidePanel).show_legend(samples.letters, beside_a_run=beside)
        counts = screen.query_one("#counts", SteadyText)
        counts.set_class(bool(place.problem), "-problem")
        counts.update(clean(line, newlines=False))

    def _place(self, browser: Browser) -> Place:
        view, samples = self.view, self.widgets.samples
        row = samples.rows.get(view.ordinal) if view.ordinal is not None else None
        uid = row.uid if row else ""
        order = view.order.words if view.order else ""
        if samples.matches is None:
            return Place(uid, view.ordinal, browser.length, order=order)
        at = samples.cursor if samples.ordinal == view.ordinal is not None else None
        count, more = len(samples.matches), not samples.exhausted
        problem = view.filter.problem(run=bool(view.run.run_id))
        return Place(
            *(uid, view.ordinal, browser.length, view.filter.text, at, count, more, problem),
            order=order,
        )
