"""JSON lines, read by byte offset, whatever the file is called.

Guarantee: a line that is no JSON, or that a killed writer left torn, comes with its error, and
the lines after it are still read. Rows that are lists have the columns "0", "1", ...
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from sessions.json_line import load_json
from workbench.bounds import max_columns, too_many_columns
from workbench.data.files import DataFile
from workbench.data.readers.base import (
    MAX_RECORD,
    RawRow,
    check_encoding,
    decode,
    digest_of,
    no_rows,
    skip_bom,
    too_long,
)

SEEN = 50  # so many first rows say which columns there are


class JsonLinesReader:
    """A file with one JSON object (or list) per line.

    Args:
        file: The table.
        encoding: UTF-8 by the standard; others are met.
    """

    def __init__(self, file: DataFile, *, encoding: str = "utf-8") -> None:
        self.label_words: Mapping[str, Mapping[str, str]] = {}
        self.name, self.encoding = file.name, check_encoding(encoding)
        self._file: BinaryIO = file.open()
        self._start = skip_bom(self._file, self.name)
        self.columns = columns_of(self.scan(), self.name)

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`; the whole row is filled, as it is parsed anyway."""
        offset, number = self._start, 0
        while True:
            self._file.seek(offset)
            raw = self._file.readline(MAX_RECORD + 1)
            if not raw:
                return
            if len(raw) > MAX_RECORD:
                raise too_long(self.name, number + 1)
            place, offset = (offset, len(raw)), offset + len(raw)
            if raw.isspace():
                continue
            number += 1
            yield self._row(place, number, raw)

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`."""
        self._file.seek(place[0])
        return self._row(place, 0, self._file.read(place[1]))

    def close(self) -> None:
        """See `RowReader.close`."""
        self._file.close()

    def _row(self, place: tuple[int, int], number: int, raw: bytes) -> RawRow:
        text = decode(raw, self.encoding, self.name, number, place[0])
        try:
            value = load_json(text)
        except ValueError as error:
            torn = not raw.endswith(b"\n") and isinstance(error, json.JSONDecodeError)
            problem = "the line is cut off" if torn else f"the line is not JSON: {error}"
            return RawRow(place, number, {}, problem, digest_of(raw))
        return row_of(place, number, value, raw)


def row_of(place: tuple[int, int], number: int, value: Any, raw: bytes) -> RawRow:
    """A parsed JSON value as a row."""
    if isinstance(value, (dict, list)) and len(value) > max_columns():
        problem = too_many_columns("it", len(value), max_columns()).message
        return RawRow(place, number, {}, problem, digest_of(raw))
    if isinstance(value, list):
        return RawRow(place, number, {str(i): item for i, item in enumerate(value)})
    if isinstance(value, dict):
        return RawRow(place, number, value)
    problem = f"it is {type(value).__name__} and not an object or a list"
    return RawRow(place, number, {}, problem, digest_of(raw))


def columns_of(rows: Iterator[RawRow], name: str) -> tuple[str, ...]:
    """The columns that the first rows have, in order. Raises `DataError` where there is none."""
    columns: dict[str, None] = {}
    seen = 0
    for row in rows:
        columns.update(dict.fromkeys(row.values))
        if len(columns) > max_columns():
            raise too_many_columns(name, len(columns), max_columns())
        seen += 1
        if seen == SEEN:
            break
    if not seen:
        raise no_rows(name)
    return tuple(columns)
