"""Parquet by row groups, with pyarrow alone.

Guarantee: no thread is started (a half-read reader can be dropped at any moment, and at exit)
and no more than one batch of rows is held, however large a row group is. Columns of bytes that
nobody asked for are not read.
"""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.bounds import max_columns, too_many_columns
from workbench.data.files import DataFile
from workbench.data.readers.base import RawRow, no_rows
from workbench.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SCAN_ROWS = 1024  # per batch while only ids are read
READ_ROWS = 32  # per batch while whole rows, with their images, are read
BUFFER = 1024 * 1024  # bytes per column that are read ahead
FOOTERS = 2 * 1024 * 1024  # bytes as they are written; parsed they take nine times that


class ParquetReader:
    """A Parquet file.

    Args:
        file: The table.
        needed: Columns that `read` fills whatever they hold; others only where they hold no
            bytes. `None` for all.
    """

    def __init__(self, file: DataFile, *, needed: Sequence[str] | None = None) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.name = file.name
        self._handle = file.open()
        try:
            stamp = file.stamp()
            self._table = pq.ParquetFile(
                self._handle,
                metadata=_footers.get(stamp),
                buffer_size=BUFFER,
                pre_buffer=False,
            )
            _footers.keep(stamp, self._table.metadata)
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{self.name} is not a Parquet file, or is cut off: {one_line(error)}",
                hint="fetch it again; `wb data add` takes the format from the file's ending",
            ) from error
        if not self._table.metadata.num_rows:
            raise no_rows(self.name)
        columns = len(self._table.schema)
        if columns > max_columns():
            raise too_many_columns(self.name, columns, max_columns())
        self.schema = schema = self._table.schema_arrow
        self.columns: tuple[str, ...] = tuple(schema.names)
        self.label_words: Mapping[str, Mapping[str, str]] = label_words(schema)
        self._wanted = None if needed is None else readable(schema, needed)
        self._group, self._next = -1, 0
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._batch: pa.RecordBatch | None = None
        self._batch_start = 0

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`; only `columns` are read."""
        wanted = None if columns is None else [c for c in self.columns if c in set(columns)]
        number = 0
        for group in range(self._table.num_row_groups):
            row = 0
            for batch in self._read_batches(group, wanted, SCAN_ROWS if wanted else READ_ROWS):
                for values in batch.to_pylist() if batch.num_columns else [{}] * batch.num_rows:
                    number += 1
                    yield RawRow((group, row), number, values)
                    row += 1

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`; the next row of the same group costs nothing more."""
        group, row = place
        try:
            batch, start = self._batch_with(group, row)
            return RawRow(place, 0, batch.slice(row - start, 1).to_pylist()[0])
        except DataError as error:
            return RawRow(place, 0, {}, error.message, "")

    def close(self) -> None:
        """See `RowReader.close`."""
        self._batches = iter(())
        self._batch = None
        self._table.close()
        self._handle.close()

    def _batch_with(self, group: int, row: int) -> tuple[pa.RecordBatch, int]:
        """The batch that holds a row, and its first row; reading goes on where it stood."""
        if group != self._group or row < self._batch_start:
            if not 0 <= group < self._table.num_row_groups:
                raise DataError("the file has changed since it was indexed")
            self._batches = self._read_batches(group, self._wanted, READ_ROWS)
            self._group, self._next, self._batch, self._batch_start = group, 0, None, 0
        while self._batch is None or row >= self._next:
            try:
                batch = next(self._batches)
            except StopIteration:
                self._group = -1
                raise DataError("the file has changed since it was indexed") from None
            except DataError:
                self._group = -1
                raise
            self._batch, self._batch_start = batch, self._next
            self._next += batch.num_rows
        return self._batch, self._batch_start

    def _read_batches(
        self, group: int, columns: list[str] | None, rows: int
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        try:
            yield from self._table.iter_batches(
                batch_size=rows, row_groups=[group], columns=columns, use_threads=False
            )
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(
                f"row group {group} of {self.name} is damaged: {one_line(error)}",
                hint="fetch the file again",
            ) from error


class _Footers:
    """The footers that were parsed last: a file of many row groups is opened again in no time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, pq.FileMetaData] = OrderedDict()
        self._bytes = 0

    def get(self, stamp: str) -> pq.FileMetaData | None:
        """The footer of a file in this version."""
        with self._lock:
            return self._kept.get(stamp)

    def keep(self, stamp: str, footer: pq.FileMetaData) -> None:
        """Keep one; those that were used longest ago go."""
        with self._lock:
            if stamp not in self._kept:
                self._bytes += footer.serialized_size
            self._kept[stamp] = footer
            self._kept.move_to_end(stamp)
            while self._bytes > FOOTERS and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].serialized_size

    def forget(self) -> None:
        """In a forked child: the lock may be held by a thread that is gone."""
        self.__init__()


_footers = _Footers()
os.register_at_fork(after_in_child=_footers.forget)


def readable(schema: pa.Schema, needed: Sequence[str]) -> list[str]:
    """The needed columns, and those that are cheap to have beside."""
    roots = {name.partition(".")[0] for name in needed} | set(needed)
    return [f.name for f in schema if f.name in roots or not has_binary(f.type)]


def has_binary(kind: pa.DataType) -> bool:
    """Whether a type holds encoded images or other bytes, at any depth."""
    import pyarrow as pa

    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    if pa.types.is_fixed_size_binary(kind):
        return True
    return any(has_binary(kind.field(i).type) for i in range(kind.num_fields))


def label_words(schema: pa.Schema) -> dict[str, dict[str, str]]:
    """The names that `datasets` keeps in the schema for integer labels: column -> value -> word."""
    raw = (schema.metadata or {}).get(b"huggingface")
    try:
        features: Any = json.loads(raw)["info"]["features"] if raw else {}
    except (ValueError, KeyError, TypeError):
        return {}
    words: dict[str, dict[str, str]] = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        names = feature.get("names") if isinstance(feature, Mapping) else None
        if isinstance(names, list) and feature.get("_type") == "ClassLabel":
            words[column] = {str(i): str(name) for i, name in enumerate(names)}
    return words


def one_line(error: Exception) -> str:
    """What an error of Arrow's says, in one line."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]
