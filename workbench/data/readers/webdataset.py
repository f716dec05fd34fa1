"""WebDataset: a tar whose files are rows by their names, read by byte offset.

Files that follow each other under one key are one row, each a column by its ending. As every
reader of the format does, a name is cut at the *first* dot of its last part: `a.b.jpg` is the
column `b.jpg` of the key `a`. Ids with dots are therefore written escaped (`a%2Eb.jpg`), and the
column `__key__` has them unescaped. Guarantee: a scan for ids reads headers alone; a row is read
by its place; a tar that is cut off gives the rows before the cut.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO
from urllib.parse import unquote

from sessions.json_line import load_json
from workbench.bounds import max_columns, too_many_columns
from workbench.data.files import DataFile
from workbench.data.readers.base import MAX_RECORD, RawRow, digest_of, no_rows, skip_bom
from workbench.errors import DataError

KEY = "__key__"
SEEN = 20  # so many first rows say which columns there are
_PICTURES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "ppm", "pgm", "avif")
_BINARY = (
    *_PICTURES,
    "npy",
    "npz",
    "pth",
    "pt",
    "pyd",
    "pickle",
    "pkl",
    "mp4",
    "mp3",
    "wav",
    "bin",
)
# What `tarfile` raises on a header that is none; long names that name each other nest.
_NO_TAR = (tarfile.TarError, RecursionError, OverflowError, ValueError, EOFError)
CUT = "the file is cut off there"


class WebDatasetReader:
    """An uncompressed tar.

    Args:
        file: The tar.
        needed: Columns whose bytes are wanted; others only where they are text. `None` for all.
    """

    def __init__(self, file: DataFile, *, needed: Sequence[str] | None = None) -> None:
        self.label_words: Mapping[str, Mapping[str, str]] = {}
        self.name = file.name
        self._needed = None if needed is None else _roots(needed)
        self._file: BinaryIO = file.open()
        skip_bom(self._file, self.name)
        self.columns = self._columns()

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`; of other columns than these no byte is read."""
        wanted = None if columns is None else _roots(columns)
        for number, (key, start, end, problem) in enumerate(self._keys(), start=1):
            if problem is not None:
                yield RawRow((start, end), number, {KEY: key}, problem, digest_of(key.encode()))
            elif wanted is not None and wanted <= {KEY}:
                yield RawRow((start, end), number, {KEY: key})
            else:
                row = self._row((start, end), wanted)
                yield RawRow(row.place, number, row.values, row.error, row.digest)

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`; the place is where the row's first header begins, and its end."""
        return self._row(place, self._needed)

    def close(self) -> None:
        """See `RowReader.close`."""
        self._file.close()

    def _columns(self) -> tuple[str, ...]:
        found: dict[str, None] = {KEY: None}
        rows = 0
        for row in self.scan():
            found.update(dict.fromkeys(row.values))
            rows += 1
            if rows == SEEN:
                break
        if not rows:
            raise no_rows(self.name)
        return tuple(found)

    def _keys(self) -> Iterator[tuple[str, int, int, str | None]]:
        """Each key with the stretch of its files, and what is wrong with it."""
        key, start, end = "", 0, 0
        try:
            for info in self._members(0):
                stem, _ = split_name(info.name)
                if not info.isfile() or not stem:
                    continue
                if stem != key:
                    if key:
                        yield unquote(key), start, end, None
                    key, start = stem, info.offset
                end = info.offset_data + _blocks(info.size)
        except _NO_TAR:
            # What follows the last header is not all there: neither is that row.
            yield unquote(key), start, end, CUT
            return
        if key:
            yield unquote(key), start, end, None

    def _members(self, offset: int) -> Iterator[tarfile.TarInfo]:
        """The headers from an offset on. Raises `DataError` for what is no tar."""
        self._file.seek(offset)
        try:
            tar = tarfile.TarFile(fileobj=self._file)
        except _NO_TAR as error:
            why = "its headers nest" if isinstance(error, RecursionError) else error
            raise DataError(
                f"{self.name} is not a tar: {why}", hint="fetch it again; a WebDataset is a .tar"
            ) from error
        # It goes by its own offset: somebody may read a row between two headers.
        at = -1
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore - else every header of the file is kept
            # A size below zero would lead back to a header that was read, for ever.
            if info.size < 0 or info.offset <= at:
                raise tarfile.ReadError("a header leads backwards")
            at = info.offset
            yield info

    def _row(self, place: tuple[int, int], wanted: set[str] | None) -> RawRow:
        start, end = place
        if end - start > MAX_RECORD:
            problem = f"its files have {end - start:,} bytes, more than {MAX_RECORD:,}"
            return RawRow(place, 0, {}, problem, digest_of(b"%d" % start))
        self._file.seek(start)
        raw = self._file.read(end - start)
        values: dict[str, Any] = {}
        problem = None
        try:
            with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as tar:
                while (info := tar.next()) is not None:
                    tar.members.clear()  # type: ignore
                    if info.size < 0:
                        raise tarfile.ReadError("a header leads backwards")
                    key, column = split_name(info.name)
                    if not info.isfile() or not key:
                        continue
                    if column in values:
                        problem = f"it has {column!r} twice"
                    values.setdefault(KEY, unquote(key))
                    if len(values) > max_columns():
                        raise too_many_columns("it", len(values), max_columns())
                    if _is_wanted(column, wanted):
                        values[column] = _value(column, tar.extractfile(info))
        except DataError as error:
            return RawRow(place, 0, {}, error.message, digest_of(raw))
        except (tarfile.TarError, EOFError, RecursionError):
            return RawRow(place, 0, {}, CUT, digest_of(raw))
        except ValueError as error:
            problem = f"its JSON cannot be read: {error}"
        return RawRow(place, 0, values, problem, digest_of(raw) if problem else "")


def split_name(name: str) -> tuple[str, str]:
    """`dir/a.b.jpg` -> (`dir/a`, `b.jpg`), both empty for what is no part of a row."""
    folder, slash, last = name.removeprefix("./").rpartition("/")
    stem, dot, ending = last.partition(".")
    if not stem or not dot or not ending or (stem.startswith("__") and stem.endswith("__")):
        return "", ""
    return folder + slash + stem, ending.lower()


def _roots(columns: Sequence[str]) -> set[str]:
    return {column.partition(".")[0] for column in columns} | set(columns)


def _is_wanted(column: str, wanted: set[str] | None) -> bool:
    if wanted is None or column in wanted or column.partition(".")[0] in wanted:
        return True
    return column.rpartition(".")[2] not in _BINARY


def _value(column: str, file: Any) -> Any:
    """What a file says: JSON parsed, text as text, pictures and all else as bytes."""
    raw: bytes = file.read()
    ending = column.rpartition(".")[2]
    if ending == "json":
        return load_json(raw.decode("utf-8"))
    if ending in _BINARY:
        return raw
    try:
        return raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return raw


def _blocks(size: int) -> int:
    """Bytes that a file takes in a tar, which counts in blocks."""
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
