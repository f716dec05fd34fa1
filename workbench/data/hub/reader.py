"""Parquet of a hub by row groups: one request for a jump, the next screenful read ahead.

Guarantee: as `ParquetReader`; besides, a scan of a few columns fetches their bytes alone, and a
row fetches what lies before it in its row group and no more than `WHOLE` bytes at once. What
cannot be fetched is an error of that row; the next one is tried again.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence

from workbench.data.hub.blocks import BLOCK, blocks
from workbench.data.hub.file import HubFile, HubHandle, Pins
from workbench.data.hub.ranges import Fetching, Range, merge
from workbench.data.readers.base import ROW, RawRow
from workbench.data.readers.parquet import READ_ROWS, ParquetReader
from workbench.errors import DataError

WHOLE = 8 * BLOCK  # row groups up to this size are fetched at once
GAP = 64 * 1024  # bytes that are rather fetched than asked around
SLACK = 128  # old writers count a dictionary's header short by up to 100 bytes


class HubReader(ParquetReader):
    """See the module. Not for use from two threads at once."""

    def __init__(self, file: HubFile) -> None:
        self._file = file
        super().__init__(file, needed=file.needed)
        meta = self._table.metadata
        self.row_counts = [meta.row_group(g).num_rows for g in range(meta.num_row_groups)]
        self._starts = [sum(self.row_counts[:g]) for g in range(len(self.row_counts))]
        if file.first_row is not None:
            self.columns = (*self.columns, ROW)
        self._before: tuple[int, int] | None = None
        self._asked: tuple[int, int] | None = None
        # Batches of Arrow's may hold the table in a cycle: a dropped reader shall free its file.
        weakref.finalize(self, self._handle.close)

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`; the bytes of `columns` alone are fetched."""
        wanted = None if columns is None else [c for c in columns if c != ROW]
        if columns is not None and not wanted:
            numbers = self._numbers()
        else:
            pins = None if self._file.local_only or wanted is None else self._pin(wanted)
            numbers = self._scan(wanted, pins)
        for row in numbers:
            yield self._numbered(row)

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`. Raises `DataError` where its bytes cannot be had."""
        group, row = place
        try:
            if not self._file.is_local:
                self._prepare(group, row)
            batch, start = self._batch_with(group, row)
            found = RawRow(place, 0, batch.slice(row - start, 1).to_pylist()[0])
        except DataError as error:
            self._group, self._before = -1, None
            raise self._file.in_words(error) from error
        self._before = place
        return self._numbered(found)

    def _numbered(self, row: RawRow) -> RawRow:
        if self._file.first_row is None:
            return row
        group, at = row.place
        number = self._file.first_row + self._starts[group] + at
        return RawRow(row.place, row.number, {**row.values, ROW: number}, row.error, row.digest)

    def _numbers(self) -> Iterator[RawRow]:
        """Rows that are known by their number alone: nothing is read."""
        number = 0
        for group, count in enumerate(self.row_counts):
            for row in range(count):
                number += 1
                yield RawRow((group, row), number, {})

    def _scan(self, wanted: list[str] | None, pins: Pins | None) -> Iterator[RawRow]:
        from workbench.data.readers.parquet import SCAN_ROWS

        columns = None if wanted is None else [c for c in self.columns if c in set(wanted)]
        number = 0
        try:
            for group in range(len(self.row_counts)):
                if pins is not None:
                    pins.until(*self._span(group, columns))
                row = 0
                rows = SCAN_ROWS if columns else READ_ROWS
                for batch in self._read_batches(group, columns, rows):
                    for values in batch.to_pylist():
                        number += 1
                        yield RawRow((group, row), number, values)
                        row += 1
        finally:
            if pins is not None:
                pins.close()

    def _pin(self, columns: Sequence[str]) -> Pins:
        """Fetch what a scan of some columns needs, in few requests and in order."""
        found = [r for g in range(len(self.row_counts)) for r in self._chunks(g, columns)]
        ranges = merge(self._uncached(found), GAP, BLOCK)
        handle = self._handle
        assert isinstance(handle, HubHandle)
        return Pins(handle, Fetching(self._file.remote, ranges), ranges)

    def _chunks(self, group: int, columns: Sequence[str] | None) -> list[Range]:
        """Where the columns of a row group lie: `(start, stop)` in bytes each."""
        meta = self._table.metadata.row_group(group)
        roots = None if columns is None else {c.partition(".")[0] for c in columns}
        found = []
        for number in range(meta.num_columns):
            chunk = meta.column(number)
            if roots is not None and chunk.path_in_schema.partition(".")[0] not in roots:
                continue
            start = chunk.data_page_offset
            if chunk.has_dictionary_page and chunk.dictionary_page_offset:
                start = min(start, chunk.dictionary_page_offset)
            stop = start + chunk.total_compressed_size + SLACK
            found.append((start, min(stop, self._file.remote.size)))
        return found

    def _span(self, group: int, columns: Sequence[str] | None) -> Range:
        chunks = self._chunks(group, columns)
        return min(start for start, _ in chunks), max(stop for _, stop in chunks)

    def ranges_of(self, groups: set[int], columns: Sequence[str]) -> list[Range]:
        """Where the footer, some columns of all rows, and all columns of some groups lie."""
        size, handle = self._file.remote.size, self._handle
        handle.seek(size - 8)
        footer = int.from_bytes(handle.read(4), "little")
        # What Parquet reads of a file's end at once; the first bytes say that it is Parquet.
        found = [(0, 4), (max(0, size - max(footer + 8, 64 * 1024)), size)]
        for group in range(len(self.row_counts)):
            found += self._chunks(group, columns) if columns else []
            found += [self._span(group, None)] if group in groups else []
        return found

    def needed_ranges(self, group: int, row: int) -> list[Range]:
        """What of the file must be read to have the rows of a group up to `row`, and a few more."""
        chunks = self._chunks(group, self._wanted)
        low, high = self._span(group, self._wanted)
        if high - low <= WHOLE:
            return [(low, high)]
        share = min((row + READ_ROWS) / max(self.row_counts[group], 1), 1.0)
        # A column's pages are read from its first on: where a row lies in it can only be guessed.
        guessed = [
            (start, min(stop, start + int((stop - start) * share) + BLOCK // 2))
            for start, stop in chunks
        ]
        return merge(guessed, BLOCK, WHOLE * 2)

    def _prepare(self, group: int, row: int) -> None:
        """Fetch what a row needs, unless it is in the batch at hand; then the next screenful."""
        if not 0 <= group < len(self.row_counts):
            return
        held = group == self._group and self._batch_start <= row < self._next
        remote, store = self._file.remote, blocks()
        if not held and not self._file.local_only:
            for start, stop in self._uncached(self.needed_ranges(group, row)):
                store.ensure(remote, start, stop)
        walking = self._before in ((group, row - 1), (group - 1, self.row_counts[group - 1] - 1))
        if walking and not self._file.local_only:
            self._read_ahead(group, row)

    def _read_ahead(self, group: int, row: int) -> None:
        """Have the screenful after a row fetched in the background, once."""
        after = row - row % READ_ROWS + READ_ROWS
        if after >= self.row_counts[group]:
            group, after = group + 1, 0
        if group < len(self.row_counts) and self._asked != (group, after):
            self._asked = (group, after)
            for start, stop in self._uncached(self.needed_ranges(group, after)):
                blocks().ahead(self._file.remote, start, stop)

    def _uncached(self, ranges: list[Range]) -> list[Range]:
        """Those of the ranges that a cached copy does not hold whole."""
        copy = self._file.copy
        if copy is None:
            return ranges
        return [r for r in ranges if copy.covered(r[0]) < (True, r[1])]
