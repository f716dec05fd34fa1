"""How the list reaches a source: pages of rows, a filtered search, single samples.

Guarantee: called from worker threads only; reads a page at a time and never a whole split; a
search reads on only as far as it is asked to, so that an endless split can be filtered. Rows that
were read are remembered (they are light), samples only the last few.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.app.explore.rows import SampleRow, row_of

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.sample import Sample

_KEEP_SAMPLES = 48


@dataclass(frozen=True)
class SearchStretch:
    """What one stretch of a search gave.

    Attributes:
        rows: Those that fit, in order.
        next: The ordinal to read on from.
        exhausted: There is nothing more to read.
    """

    rows: tuple[SampleRow, ...]
    next: int
    exhausted: bool


class Browser:
    """One source, as the list reads it.

    Attributes:
        order: The ordinals as the list shows them, `None` for the order of the data; `page` and
            `search` count places in it.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._samples: OrderedDict[str, Sample] = OrderedDict()
        self._rows: dict[int, SampleRow] = {}
        self.order: Sequence[int] | None = None
        self._lock = threading.Lock()

    @property
    def length(self) -> int | None:
        """Samples there are, `None` for an endless stream."""
        return self.source.length

    def page(self, start: int, count: int, cancelled: Callable[[], bool]) -> list[SampleRow]:
        """Rows `start` to `start + count`, fewer at the end or when cancelled."""
        rows: list[SampleRow] = []
        if self.order is not None:
            for _, row in itertools.islice(self._rows_from(start), count):
                if cancelled():
                    break
                rows.append(row)
            return rows
        at, end = start, start + count
        while at < end and at in self._rows:  # also what a request read that this one replaced
            rows.append(self._rows[at])
            at += 1
        if at == end:
            return rows
        with_end = itertools.islice(self.source.iter(at), end - at)
        for ordinal, sample in enumerate(with_end, at):
            if cancelled():
                break
            rows.append(self._remember(ordinal, sample))
        return rows

    def search(
        self,
        start: int,
        fits: Callable[[SampleRow], bool],
        *,
        want: int,
        budget: int,
        cancelled: Callable[[], bool],
    ) -> SearchStretch:
        """Read on from `start` until `want` rows fit, `budget` were read, or the end.

        Raises: what the source raises.
        """
        rows: list[SampleRow] = []
        at = start
        for ordinal, row in self._rows_from(start):
            if cancelled() or len(rows) >= want or at - start >= budget:
                return SearchStretch(tuple(rows), at, False)
            if fits(row):
                rows.append(row)
            at = ordinal + 1
        return SearchStretch(tuple(rows), at, True)

    def _rows_from(self, start: int):  # noqa: ANN202 - an iterator of (ordinal, row)
        """Remembered rows first: a second filter over the same samples reads nothing."""
        if self.order is not None:
            for place in range(start, len(self.order)):
                ordinal = self.order[place]
                row = self._rows.get(ordinal)
                yield place, row or self._remember(ordinal, self.source.at(ordinal))
            return
        yield from self._rows_of_data(start)

    def every(self, cancelled: Callable[[], bool]) -> Iterator[SampleRow]:
        """All rows in the order of the data, until cancelled."""
        for _, row in self._rows_of_data(0):
            if cancelled():
                return
            yield row

    def _rows_of_data(self, start: int):  # noqa: ANN202 - an iterator of (ordinal, row)
        at = start
        while at in self._rows:
            yield at, self._rows[at]
            at += 1
        if self.length is not None and at >= self.length:
            return
        for ordinal, sample in enumerate(self.source.iter(at), at):
            yield ordinal, self._remember(ordinal, sample)

    def at(self, ordinal: int) -> Sample:
        """The sample at an ordinal. Raises `UnknownName`."""
        row = self._rows.get(ordinal)
        if row is not None and row.uid in self._samples:
            return self._samples[row.uid]
        sample = self.source.at(ordinal)
        self._remember(ordinal, sample)
        return sample

    def row(self, ordinal: int) -> SampleRow | None:
        """The row, where it was read already."""
        return self._rows.get(ordinal)

    def _remember(self, ordinal: int, sample: Sample) -> SampleRow:
        row = row_of(ordinal, sample)
        with self._lock:
            self._rows[ordinal] = row
            self._samples[sample.uid] = sample
            self._samples.move_to_end(sample.uid)
            while len(self._samples) > _KEEP_SAMPLES:
                self._samples.popitem(last=False)
        return row
