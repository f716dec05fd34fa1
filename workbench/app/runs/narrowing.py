"""A run's samples in view, narrowed by words and sorted by a column.

Guarantee: the words are those of Explore's filter, the columns those of its order. Blocks: for
workers. An answer of which the list keeps the beginning alone is looked through whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.app.runs.reading import WORDS, PredictionFile, PredictionRow, Selection
from workbench.reports.sample_filter import SampleFacts, SampleFilter

if TYPE_CHECKING:
    from workbench.app.lists.sample_order import SampleOrder
    from workbench.reports.prediction_columns import Value

LABEL = "label"  # the gold label, which the list itself has


@dataclass(frozen=True)
class Narrowing:
    """What narrows a run's samples, and what they are sorted by.

    Attributes:
        order: `None` for the order of the view.
    """

    filter: SampleFilter = SampleFilter()
    order: SampleOrder | None = None

    @property
    def problem(self) -> str:
        """Why a word of the filter can fit nothing."""
        return self.filter.problem(run=True, readable=True)

    def words(self, shown: int, count: int) -> str:
        """`12 of 42 · latency_s ↓`; empty where nothing is narrowed or sorted."""
        parts = [f"{shown:,} of {count:,}"] if self.filter.words else []
        return " · ".join([*parts, *([self.order.words] if self.order else [])])


class Narrower:
    """Narrows and sorts what a view selects of one file."""

    def __init__(self, file: PredictionFile) -> None:
        self._file = file
        self._columns: tuple[int, Mapping[str, Mapping[str, Value]]] | None = None

    def columns(self) -> Mapping[str, Mapping[str, Value]]:
        """What the samples can be sorted by, of the lines that there are now."""
        from sessions.atomic import read_lines
        from workbench.reports.prediction_columns import columns_of

        size = self._file.path.stat().st_size if self._file.path.exists() else 0
        if self._columns is None or self._columns[0] != size:
            self._columns = size, columns_of(read_lines(self._file.path)[0] if size else ())
        return self._columns[1]

    def narrow(self, selection: Selection, wanted: Narrowing) -> Selection:
        """Those of a view that fit, in order; the view itself where nothing is asked."""
        if wanted.problem:
            return Selection()
        if wanted.filter.words:
            selection = self._fitting(selection, wanted.filter)
        return self._sorted(selection, wanted.order) if wanted.order else selection

    def _fitting(self, selection: Selection, wanted: SampleFilter) -> Selection:
        tags = _bookmarks() if wanted.of_bookmarks else {}
        found, rows = Selection(), self._file.rows
        for index, uid in zip(list(selection.indices), list(selection.uids), strict=False):
            row = rows[index]
            fits = wanted.fits(_facts(row, row.words, tags))
            if not fits and wanted.of_texts and len(row.words) >= WORDS:
                whole = self._file.whole(row)
                fits = whole is not None and wanted.fits(
                    _facts(row, " ".join(whole.text.split()), tags)
                )
            if fits:
                found.add(index, uid)
        return found

    def _sorted(self, selection: Selection, order: SampleOrder) -> Selection:
        from workbench.reports.prediction_columns import order_of

        indices, uids = list(selection.indices), list(selection.uids)
        values: list[Value]
        if order.of_run:
            column = self.columns().get(order.column, {})
            values = [column.get(uid) for uid in uids]
        else:
            values = [self._file.rows[index].target or None for index in indices]
        places = order_of(values, order.descending)
        return Selection([indices[at] for at in places], [uids[at] for at in places])


def _facts(row: PredictionRow, said: str, tags: Mapping[str, Sequence[str]]) -> SampleFacts:
    return SampleFacts(
        text=f"{row.uid} {said} {row.error} {row.target} {row.label or ''}",
        label=row.target,
        said=row.label,
        verdict=row.verdict,
        tags=tags.get(row.uid),
    )


def _bookmarks() -> dict[str, Sequence[str]]:
    from sessions.uid_cache import UidCache

    with UidCache.open() as cache:
        return {mark.uid: mark.tags for mark in cache.list()}
