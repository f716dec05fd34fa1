"""One JSON document that holds a list of rows, read item by item and by byte offset.

Guarantee: no more than one row (and a buffer) is in memory, however long the list. The list is
the document itself (`[[…], …]`, `[{…}, …]`) or stands under a key (`{"annotations": […]}`).
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from sessions.json_line import MAX_DEPTH, is_deep, load_json, whole_number
from workbench.data.files import DataFile
from workbench.data.readers.base import (
    MAX_RECORD,
    RawRow,
    check_encoding,
    decode,
    digest_of,
    skip_bom,
    too_long,
)
from workbench.data.readers.jsonlines import columns_of, row_of
from workbench.errors import DataError

CHUNK = 64 * 1024


class JsonArrayReader:
    """A list inside of a JSON document.

    Args:
        file: The document.
        encoding: UTF-8 by the standard; others are met.
        records: The key under which the list stands; empty where the document is the list, or
            has one list only.
    """

    def __init__(self, file: DataFile, *, encoding: str = "utf-8", records: str = "") -> None:
        self.label_words: Mapping[str, Mapping[str, str]] = {}
        self.name, self.encoding = file.name, check_encoding(encoding)
        self._file: BinaryIO = file.open()
        start = skip_bom(self._file, self.name)
        self._start = self._find_list(start, records)
        self.columns = columns_of(self.scan(), self.name)

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`; the whole row is filled, as it is parsed anyway."""
        stream = _Stream(self._file, self._start, self.encoding, self.name)
        stream.expect("[")
        number = 0
        while stream.more("]", first=number == 0):
            number += 1
            begin, text, value = stream.item(number)
            place = (begin, len(text.encode(self.encoding)))
            if value is _TORN:
                yield RawRow(place, number, {}, CUT, digest_of(text.encode()))
                return
            if isinstance(value, (dict, list)) and is_deep(value):
                problem = f"it nests deeper than {MAX_DEPTH}"
                yield RawRow(place, number, {}, problem, digest_of(text.encode()))
                continue
            yield row_of(place, number, value, text.encode())
        if not stream.closed:
            yield RawRow((stream.offset, 0), number + 1, {}, CUT, digest_of(b"["))

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`."""
        self._file.seek(place[0])
        raw = self._file.read(place[1])
        text = decode(raw, self.encoding, self.name, 0, place[0])
        try:
            return row_of(place, 0, load_json(text), raw)
        except json.JSONDecodeError:
            return RawRow(place, 0, {}, CUT, digest_of(raw))
        except ValueError as error:
            return RawRow(place, 0, {}, str(error), digest_of(raw))

    def close(self) -> None:
        """See `RowReader.close`."""
        self._file.close()

    def _find_list(self, start: int, records: str) -> int:
        """The offset of the list's opening bracket."""
        stream = _Stream(self._file, start, self.encoding, self.name)
        opening = stream.peek()
        if opening == "[" and not records:
            return stream.offset
        if opening != "{":
            raise DataError(
                f"{self.name} is not a JSON list of rows (it begins with {opening!r})",
                hint='it should be [ … ], or { "KEY": [ … ] } with --records KEY',
            )
        lists = dict(_lists(stream, only=(records,) if records else ()))
        if records in lists:
            return lists[records]
        if not records and len(lists) == 1:
            return next(iter(lists.values()))
        found = f"its lists are {', '.join(lists)}" if lists else "it holds no list"
        what = f"has no list {records!r}" if records else "holds more than one list or none"
        raise DataError(f"{self.name} {what}", hint=f"{found}; name one with --records KEY")


def first_list(file: DataFile, keys: Collection[str]) -> str:
    """The first of these keys that holds a list in a JSON document; empty where none does."""
    with file.open() as handle:
        stream = _Stream(handle, skip_bom(handle, file.name), "utf-8", file.name)
        if stream.peek() != "{":
            return ""
        found = (key for key, _ in _lists(stream, only=keys) if key in keys)
        return next(found, "")


def items_of(file: DataFile) -> Iterator[tuple[str, Any]]:
    """Key and value of a JSON object with many keys, one in memory at a time.

    Raises:
        DataError: The document is not an object, is damaged or is cut off.
    """
    with file.open() as handle:
        start = skip_bom(handle, file.name)
        for _, key, value in keyed_items(handle, start, "utf-8", file.name):
            yield key, value


def keyed_items(
    file: BinaryIO, start: int, encoding: str, name: str, *, lists_of_rows: bool = True
) -> Iterator[tuple[tuple[int, int], str, Any]]:
    """As `items_of`, from an open file, each with the place (in bytes) of its key with its value.

    Args:
        file: The document.
        start: Where its brace opens.
        encoding: Of the text.
        name: For messages.
        lists_of_rows: Read them, however long; else the items end with one, as `None`.
    """
    stream = _Stream(file, start, encoding, name)
    stream.expect("{")
    number = 0
    while stream.more("}", first=number == 0):
        number += 1
        begin, _, key = stream.item(number)
        stream.expect(":")
        if not lists_of_rows and stream.peek() == "[":
            inside = _Stream(file, stream.offset, encoding, name)
            inside.expect("[")
            if inside.peek() in ("{", "["):
                yield (begin, 0), str(key), None
                return
        _, _, value = stream.item(number)
        if value is _TORN:
            raise DataError(f"{name} {CUT} ({key!r})", hint="fetch the file again")
        yield (begin, stream.offset - begin), str(key), value
    if not stream.closed:
        raise DataError(f"{name}: {CUT}", hint="fetch the file again")


def _lists(stream: _Stream, only: Collection[str]) -> Iterator[tuple[str, int]]:
    """The keys of a document whose values are lists of rows, with the offsets of those lists.

    Stops at the first key of `only`.
    """
    stream.expect("{")
    first = True
    while stream.more("}", first=first):
        first = False
        _, _, key = stream.item(0)
        stream.expect(":")
        if stream.peek() != "[":
            stream.item(0)
            continue
        begin, rows = stream.offset, 0
        if key in only:
            yield str(key), begin
            return
        stream.expect("[")
        holds_rows = stream.peek() in "{["
        while stream.more("]", first=rows == 0):
            rows += 1
            if stream.item(rows)[2] is _TORN:
                break
        if holds_rows:
            yield str(key), begin


_TORN = object()
_AFTER = tuple(",]}: \t\r\n")
CUT = "the file is cut off there"


class _Stream:
    """JSON values one after the other, with the byte offset of each.

    It seeks before each read: between two, somebody may have read a row by its place.
    """

    def __init__(self, file: BinaryIO, offset: int, encoding: str, name: str) -> None:
        self._file, self.offset, self._encoding, self._name = file, offset, encoding, name
        self._read_at = offset
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._json = json.JSONDecoder(parse_int=whole_number)
        self._buffer, self._at, self._ended = "", 0, False
        self.closed = False

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self._at < len(self._buffer):
                character = self._buffer[self._at]
                if character not in " \t\r\n":
                    return character
                self._at, self.offset = self._at + 1, self.offset + 1
            if not self._fill():
                return ""

    def expect(self, character: str) -> None:
        """Step over one character, which must be there."""
        found = self.peek()
        if found != character:
            raise self._broken(f"{character!r} expected, {found or 'the end'!r} found")
        self._at, self.offset = self._at + 1, self.offset + 1

    def more(self, closing: str, *, first: bool) -> bool:
        """Step over the comma before another value; false at the closing bracket or the end."""
        found = self.peek()
        if found in (closing, ""):
            self.closed = found == closing
            if self.closed:
                self.expect(closing)
            return False
        if not first:
            self.expect(",")
        return self.peek() != ""

    def item(self, number: int) -> tuple[int, str, Any]:
        """The next value: its byte offset, its text, and itself (`_TORN` where it is cut off)."""
        self.peek()
        self._buffer, self._at = self._buffer[self._at :], 0
        while True:
            try:
                value, end = self._json.raw_decode(self._buffer)
                # A number may go on beyond the buffer: `1`, or `1.` whose digits are to come.
                if self._buffer[end : end + 1] in _AFTER or not self._fill():
                    break
            except RecursionError:
                raise self._broken(f"a value nests deeper than {MAX_DEPTH}") from None
            except ValueError as error:
                if not isinstance(error, json.JSONDecodeError):
                    raise self._broken(str(error)) from error
                if len(self._buffer) > MAX_RECORD:
                    raise too_long(self._name, number) from error
                if not self._fill():
                    return self._torn(error)
        begin, text = self.offset, self._buffer[:end]
        self._at = end
        self.offset += len(text) if text.isascii() else len(text.encode(self._encoding))
        return begin, text, value

    def _torn(self, error: Exception) -> tuple[int, str, Any]:
        """The rest of a file that was cut off; raise where it is damaged in the midst instead."""
        text = self._buffer
        position = getattr(error, "pos", 0)
        if "Unterminated" not in str(error) and position < len(text.rstrip()) - 1:
            raise self._broken(str(error))
        begin, self._at = self.offset, len(text)
        return begin, text, _TORN

    def _fill(self) -> bool:
        """Read on, doubling what is read so that a long value is not parsed over and over."""
        if self._ended:
            return False
        self._file.seek(self._read_at)
        raw = self._file.read(max(CHUNK, len(self._buffer) - self._at))
        self._ended = not raw
        try:
            self._buffer = self._buffer[self._at :] + self._decoder.decode(raw, final=not raw)
        except UnicodeDecodeError:
            decode(raw, self._encoding, self._name, 0, self._read_at)
            raise self._broken("a character is cut off") from None
        self._at = 0
        self._read_at += len(raw)
        return True

    def _broken(self, what: str) -> DataError:
        return DataError(
            f"{self._name} is not valid JSON at byte {self.offset}: {what}",
            hint="mend or fetch the file again",
        )
