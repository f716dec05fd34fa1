"""A JSON document that is one dictionary: a record under each key, or a list under each column.

Guarantee: records (`{"12": {…}, …}`) are read one at a time by their place, with the key in the
column `__key__`. Columns (`{"id": […], "text": […]}`, pandas' `{"id": {"0": …}}` and its
`{"columns": …, "data": …}`) make rows only together, and so do words under names of images
(`{"1.png": "cat"}`): such a document is held whole; one above `MAX_RECORD` bytes is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Literal

from sessions.json_line import load_json
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
from workbench.data.readers.jsonarray import keyed_items
from workbench.data.readers.jsonlines import columns_of, row_of
from workbench.errors import DataError
from workbench.images.decode import EXTENSIONS

KEY = "__key__"
Shape = Literal["records", "columns", "split", "words", ""]


def shape_of(file: DataFile) -> Shape:
    """What kind of dictionary a document is; empty for another one, or no dictionary.

    Raises:
        DataError: Its columns are of different lengths (in a `.json`; a line may be such a row).
    """
    lengths: dict[str, int] = {}
    kinds: set[type] = set()
    indexes = flat = True
    try:
        with file.open() as handle:
            start = skip_bom(handle, file.name)
            items = keyed_items(handle, start, "utf-8", file.name, lists_of_rows=False)
            for _, key, value in items:
                of_image = key.lower().endswith(EXTENSIONS)  # and no column
                if key == "data" and value is None and "columns" in lengths:
                    return "split"
                kinds.add(str if of_image and isinstance(value, (str, int)) else type(value))
                if len(kinds) > 1 or (isinstance(value, list) and of_image):
                    return ""
                if kinds != {str} and (not isinstance(value, (dict, list)) or not value):
                    return ""
                if kinds == {str} and not of_image:
                    return ""
                lengths[key] = len(value) if isinstance(value, (dict, list)) else 1
                indexes = indexes and isinstance(value, dict) and next(iter(value)) == "0"
                flat = flat and isinstance(value, list) and not isinstance(value[0], (dict, list))
    except DataError:
        return ""
    if kinds == {dict} and not indexes:
        return "records"
    if kinds == {str}:
        return "words"
    if len(lengths) > 1 and len({*lengths.values()}) > 1 and flat and file.name.endswith(".json"):
        counts = ", ".join(f"{key} {count}" for key, count in list(lengths.items())[:5])
        raise DataError(
            f"{file.name} is a dictionary of columns of different lengths ({counts})",
            hint="mend it; pass --format jsonlines if it is one row",
        )
    return "columns" if kinds and len({*lengths.values()}) == 1 else ""


class JsonRecordsReader:
    """A record under each key. See `RowReader`."""

    def __init__(self, file: DataFile, *, encoding: str = "utf-8") -> None:
        self.label_words: Mapping[str, Mapping[str, str]] = {}
        self.name, self.encoding = file.name, check_encoding(encoding)
        self._file: BinaryIO = file.open()
        self._start = skip_bom(self._file, self.name)
        self.columns = columns_of(self.scan(), self.name)

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`; a place is that of the key with its value."""
        items = keyed_items(self._file, self._start, self.encoding, self.name)
        for number, (place, key, value) in enumerate(items, start=1):
            yield _record(place, number, key, value, key.encode())

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`."""
        self._file.seek(place[0])
        raw = self._file.read(place[1])
        try:
            text = decode(raw, self.encoding, self.name, 0, place[0])
            key, value = next(iter(load_json(f"{{{text}}}").items()))
        except (ValueError, StopIteration) as error:
            return RawRow(place, 0, {}, str(error), digest_of(raw))
        return _record(place, 0, key, value, raw)

    def close(self) -> None:
        """See `RowReader.close`."""
        self._file.close()


def _record(place: tuple[int, int], number: int, key: str, value: Any, raw: bytes) -> RawRow:
    return row_of(place, number, {KEY: key, **value} if isinstance(value, dict) else value, raw)


LEAST_WORDS = 3  # a word under a picture is a label, a sentence its caption


def _rows_of(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of a dictionary that makes them only together. Raises `DataError`."""
    try:
        if "columns" in body and "data" in body:
            return [dict(zip(body["columns"], row, strict=True)) for row in body["data"]]
        if not any(isinstance(value, (dict, list)) for value in body.values()):
            words = [len(str(value).split()) for value in body.values()]
            role = "caption" if sum(words) >= LEAST_WORDS * len(words) else "label"
            return [{KEY: key, role: value} for key, value in body.items()]
        lists = {k: list(v.values()) if isinstance(v, dict) else v for k, v in body.items()}
        return [
            dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)
        ]
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} is not a table of columns: {error}") from error


class JsonColumnsReader:
    """A list under each column, or words under names of images. See `RowReader`.

    A place is the row's number from 0.
    """

    def __init__(self, file: DataFile, *, encoding: str = "utf-8") -> None:
        self.label_words: Mapping[str, Mapping[str, str]] = {}
        self.name = file.name
        with file.open() as handle:
            start = skip_bom(handle, self.name)
            handle.seek(start)
            raw = handle.read(MAX_RECORD + 1)
        if len(raw) > MAX_RECORD:
            raise too_long(self.name, 1)
        body = load_json(decode(raw, check_encoding(encoding), self.name, 1, start))
        self._rows = _rows_of(body, self.name)
        self.columns = columns_of(self.scan(), self.name)

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`."""
        for number, values in enumerate(self._rows):
            yield row_of((number, 0), number + 1, values, b"")

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`."""
        if place[0] >= len(self._rows):
            return RawRow(place, 0, {}, "it is not there any more", digest_of(b""))
        return row_of(place, 0, self._rows[place[0]], b"")

    def close(self) -> None:
        """See `RowReader.close`."""
