"""CSV, TSV and their kin, read by byte offset.

Guarantee: quoted delimiters and newlines are honoured; a row of a wrong number of fields, or
whose quote never closes, comes with its error, and the rows after it are still found. A quote that
can only be text (`"Is" it red?`, or `A 5" disc` and `"So` in a table of tabs) stays text.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

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
from workbench.errors import DataError, UsageError

MAX_FIELD = 1024 * 1024  # characters; a longer field is taken for a quote that never closes
MAX_LOST = 100  # so many such quotes, and the file is not what it was taken for


class DelimitedReader:
    """A text table with one record per line, or more where quotes enclose newlines.

    Args:
        file: The table.
        delimiter: One character; empty to find it in the first line.
        encoding: Any in which a newline is one byte: UTF-8, cp1252, Latin-1, Shift-JIS, ...
        header: Whether the first record names the columns; otherwise they are "0", "1", ...
        quotes: Whether `"` encloses fields; without, every line is a record.
    """

    def __init__(
        self,
        file: DataFile,
        *,
        delimiter: str = "",
        encoding: str = "utf-8",
        header: bool = True,
        quotes: bool = True,
    ) -> None:
        if len(delimiter) > 1:
            raise UsageError(f"the delimiter {delimiter!r} is not one character")
        csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD))
        self.label_words: Mapping[str, Mapping[str, str]] = {}
        self.name, self.encoding = file.name, check_encoding(encoding)
        self._quotes = quotes
        self._file: BinaryIO = file.open()
        self._start = skip_bom(self._file, self.name)
        named = self._named()
        self.delimiter = delimiter or named or self._sniff()
        self.columns: tuple[str, ...] = ()
        self._read_header(header)

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`; the whole row is filled, as it is parsed anyway."""
        offset, number, lost = self._start, 0, 0
        while True:
            self._file.seek(offset)
            lines = _Lines(self._file, self.encoding, self.name, number + 1)
            fields, problem = self._parse(lines)
            if not lines.lengths:
                return
            plain = self._plain(lines.texts, problem)
            if plain:
                fields, problem = plain, None
            # After a quote that never closes, go on with the line after the one that opened it.
            length = lines.lengths[0] if problem or plain else sum(lines.lengths)
            place, offset = (offset, length), offset + length
            if not fields and not problem:  # an empty line
                continue
            number += 1
            lost += problem is not None
            if lost > MAX_LOST:
                raise DataError(
                    f"{self.name} has more than {MAX_LOST} quotes that never close",
                    hint="pass --no-quotes if a quote has no meaning in it",
                )
            yield self._row(place, number, fields, problem, lines.first)

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`."""
        self._file.seek(place[0])
        raw = self._file.read(place[1])
        text = decode(raw, self.encoding, self.name, 0, place[0])
        taken = _Taken(iter([text]))
        fields, problem = self._parse(taken)
        plain = self._plain([line + "\n" for line in text.removesuffix("\n").split("\n")], problem)
        if plain:
            fields, problem = plain, None
        return self._row(place, 0, fields, problem, raw)

    def close(self) -> None:
        """See `RowReader.close`."""
        self._file.close()

    def _parse(self, lines: _Lines | _Taken) -> tuple[list[str], str | None]:
        """The fields of the next record, or what is wrong with it."""
        quoting = csv.QUOTE_MINIMAL if self._quotes else csv.QUOTE_NONE
        reader = csv.reader(lines, delimiter=self.delimiter, quoting=quoting)
        try:
            fields = next(reader, [])
        except csv.Error as error:
            if "field larger" in str(error):
                return [], _UNCLOSED
            if "new-line character" in str(error):
                return [], "it contains a bare carriage return (line ends of an old Mac?)"
            return [], str(error)
        # The reader asks for a line beyond the last only while a quote is open.
        return (fields, None) if not lines.exhausted or not fields else ([], _UNCLOSED)

    def _plain(self, lines: Sequence[str], problem: str | None) -> list[str]:
        """The fields of a record's first line if the quotes in it are text; else an empty list.

        They are text where the line has all of its fields without their help, and either text
        follows a closing quote, or tabs part the fields and the quote hides whole rows (or never
        closes): hardly a cell holds a tab, but cells of prose hold commas.

        Args:
            lines: Those that the record took, with their line ends.
            problem: What was wrong with it, quotes enclosing.
        """
        if not self._quotes or '"' not in lines[0]:
            return []
        plain = lines[0].rstrip("\r\n").split(self.delimiter)
        if len(plain) != len(self.columns):
            return []
        if problem is None and len(lines) == 1:
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            try:
                next(reader, [])
            except csv.Error:
                return plain
            return []
        if self.delimiter != "\t" or problem not in (None, _UNCLOSED):
            return []
        whole = all(line.count("\t") == len(plain) - 1 for line in lines)
        return plain if problem or whole else []

    def _row(
        self,
        place: tuple[int, int],
        number: int,
        fields: list[str],
        problem: str | None,
        raw: bytes,
    ) -> RawRow:
        if problem is None and len(fields) != len(self.columns):
            problem = f"it has {len(fields)} fields, the header has {len(self.columns)}"
        values = dict(zip(self.columns, fields, strict=False))
        return RawRow(place, number, values, problem, digest_of(raw) if problem else "")

    def _read_header(self, header: bool) -> None:
        """Find the columns, and where the first row begins."""
        lines = _Lines(self._file, self.encoding, self.name, 0)
        fields, problem = self._parse(lines)
        if problem:
            raise DataError(
                f"the header of {self.name} cannot be read: {problem}",
                hint="pass --delimiter, or --no-quotes if a quote has no meaning in it",
            )
        if not fields:
            raise no_rows(self.name, "begins with an empty line" if lines.lengths else "is empty")
        if len(fields) > max_columns():
            raise too_many_columns(self.name, len(fields), max_columns())
        if not header:
            self.columns = tuple(str(i) for i in range(len(fields)))
            return
        # pandas writes its index under an empty name.
        names = [name.strip() or f"column{i}" for i, name in enumerate(fields)]
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        if twice:
            raise DataError(
                f"{self.name} has the column {twice[0]!r} twice",
                hint=f"rename one of them; the columns are {', '.join(names)}",
            )
        self.columns = tuple(names)
        self._start += sum(lines.lengths)

    def _named(self) -> str:
        """Step over a first line `sep=;`, which Excel reads, and return its delimiter."""
        line = self._file.readline(_SEP_LINE)
        if len(line.rstrip(b"\r\n")) != 5 or not line.startswith(b"sep="):
            self._file.seek(self._start)
            return ""
        self._start += len(line)
        return line[4:5].decode("ascii", "replace")

    def _sniff(self) -> str:
        """The likeliest delimiter of the first line, by the file's name and by count."""
        line = decode(self._file.readline(MAX_RECORD), self.encoding, self.name, 0, self._start)
        self._file.seek(self._start)
        if self.name.lower().endswith((".tsv", ".tab")):
            return "\t"
        outside = "".join(line.split('"')[::2])
        return max(",\t;|", key=outside.count)


_SEP_LINE = 8  # bytes: `sep=;` and its line end
_UNCLOSED = "a quote opens in it and never closes"


class _Lines:
    """The lines of a file from where it stands, decoded, with their lengths in bytes."""

    def __init__(self, file: BinaryIO, encoding: str, name: str, number: int) -> None:
        self._file, self._encoding, self._name, self._number = file, encoding, name, number
        self._offset = file.tell()
        self.lengths: list[int] = []
        self.texts: list[str] = []
        self._total = 0
        self.first = b""
        self.exhausted = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = self._file.readline(MAX_RECORD + 1)
        # A quoted field may go on over lines without end, each of them short.
        self._total += len(raw)
        if self._total > MAX_RECORD:
            raise too_long(self._name, self._number)
        if not raw:
            self.exhausted = True
            raise StopIteration
        text = decode(raw, self._encoding, self._name, self._number, self._offset)
        self._offset += len(raw)
        self.lengths.append(len(raw))
        self.texts.append(text)
        self.first = self.first or raw
        return text


class _Taken:
    """Lines at hand; notes when more were asked for than there are."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.exhausted = False

    def __iter__(self) -> _Taken:
        return self

    def __next__(self) -> str:
        try:
            return next(self._lines)
        except StopIteration:
            self.exhausted = True
            raise
