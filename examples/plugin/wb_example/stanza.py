"""A reader of stanzas: `key: value` lines, an empty line between two rows.

    id: 1
    question: What colour is the square?
    answer: red

Rows are found by the place of their bytes, so that any is read again without those before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from workbench.data.files import DataFile
from workbench.data.readers.base import RawRow, decode, digest_of, no_rows
from workbench.data.readers.opening import ReadOptions


class StanzaReader:
    """One file of stanzas; see `workbench.data.readers.base.RowReader`.

    Args:
        file: The table.
        encoding: Of its text.
    """

    def __init__(self, file: DataFile, encoding: str) -> None:
        self.label_words: Mapping[str, Mapping[str, str]] = {}
        self._name, self._encoding, self._file = file.name, encoding, file.open()
        columns: dict[str, None] = {}
        for row in self.scan():
            columns.update(dict.fromkeys(row.values))
        if not columns:
            raise no_rows(self._name)
        self.columns = tuple(columns)

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """All rows in order."""
        start, size, number, offset = 0, 0, 0, 0
        while True:
            self._file.seek(offset)
            line = self._file.readline()
            offset += len(line)
            if line.strip():
                size += len(line)
                continue
            if size:
                number += 1
                yield self._row((start, size), number)
            if not line:
                return
            start, size = offset, 0

    def read(self, place: tuple[int, int]) -> RawRow:
        """One row again, by the place that `scan` gave it."""
        return self._row(place, 0)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def _row(self, place: tuple[int, int], number: int) -> RawRow:
        self._file.seek(place[0])
        raw = self._file.read(place[1])
        values: dict[str, str] = {}
        for line in decode(raw, self._encoding, self._name, number, place[0]).splitlines():
            key, colon, value = line.partition(":")
            if not colon:
                problem = f"the line {line!r} has no colon"
                return RawRow(place, number, {}, problem, digest_of(raw))
            values[key.strip()] = value.strip()
        return RawRow(place, number, values)


def open_stanzas(
    file: DataFile, options: ReadOptions, needed: Sequence[str] | None
) -> StanzaReader:
    """What the entry point names. Whole rows are read, whatever is `needed`."""
    return StanzaReader(file, options.encoding)
