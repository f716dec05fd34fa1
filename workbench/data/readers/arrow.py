"""Arrow files (`.arrow`): what `datasets` keeps in its cache and `save_to_disk` writes.

Guarantee: any row by its record batch and its place in that, with pyarrow alone. A file is mapped
into memory, so that a row costs the pages that it lies on, however large its batch is; a file that
is not mapped is read a batch at a time. Not for files whose columns are dictionary-encoded in a
stream: where a word stands for a number can change from batch to batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.bounds import max_columns, too_many_columns
from workbench.data.files import DataFile
from workbench.data.readers.base import RawRow, no_rows
from workbench.data.readers.parquet import label_words, one_line, readable
from workbench.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

SCAN_ROWS = 1024  # turned into Python at once while only ids are read
READ_ROWS = 32  # the same while whole rows, with their images, are read
_FILE = b"ARROW1"  # how the form with a footer begins; `datasets` writes the one without
_ENDS = (b"\xff\xff\xff\xff\x00\x00\x00\x00", b"\x00\x00\x00\x00")  # of a stream


class ArrowReader:
    """An Arrow file, in either form. See `RowReader`.

    Args:
        file: The table.
        needed: Columns that `read` fills whatever they hold; others only where they hold no
            bytes. `None` for all.
    """

    def __init__(self, file: DataFile, *, needed: Sequence[str] | None = None) -> None:
        import pyarrow as pa

        self.name, self._file, self._stamp = file.name, file, file.stamp()
        self._handle = file.open()
        try:
            path = getattr(file, "path", None)
            source = pa.PythonFile(self._handle) if path is None else pa.memory_map(str(path))
            batches = _FileBatches if source.read(len(_FILE)) == _FILE else _StreamBatches
            source.seek(0)
            self._batches: _FileBatches | _StreamBatches = batches(source)
        except (pa.ArrowException, OSError, ValueError, EOFError) as error:
            self._handle.close()
            raise DataError(
                f"{self.name} is not an Arrow file, or is cut off: {one_line(error)}",
                hint="write it again; `wb data add` takes the format from the file's ending",
            ) from error
        schema = self._batches.schema
        if len(schema) > max_columns():
            raise too_many_columns(self.name, len(schema), max_columns())
        if not self._batches.count:
            raise no_rows(self.name)
        self.columns: tuple[str, ...] = tuple(schema.names)
        self.label_words: Mapping[str, Mapping[str, str]] = label_words(schema)
        self._wanted = list(self.columns) if needed is None else readable(schema, needed)
        self._at, self._batch = -1, None

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`; only `columns` are filled."""
        wanted = None if columns is None else [c for c in self.columns if c in set(columns)]
        step, number = SCAN_ROWS if wanted is not None else READ_ROWS, 0
        for at in range(self._batches.count):
            batch = self._load(at)
            for start in range(0, batch.num_rows, step):
                few = batch.slice(start, step)
                few = few if wanted is None else few.select(wanted)
                rows: list[dict[str, Any]] = few.to_pylist() if wanted != [] else []
                for row, values in enumerate(rows or [{}] * few.num_rows, start=start):
                    number += 1
                    yield RawRow((at, row), number, values)

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`."""
        at, row = place
        try:
            # What is mapped must not be touched behind the end of a file that was cut.
            if self._file.stamp() != self._stamp or not 0 <= at < self._batches.count:
                raise DataError("the file has changed since it was indexed")
            if self._batch is None or self._at != at:
                self._at, self._batch = at, self._load(at).select(self._wanted)
            if not 0 <= row < self._batch.num_rows:
                raise DataError("the file has changed since it was indexed")
            return RawRow(place, 0, self._batch.slice(row, 1).to_pylist()[0])
        except DataError as error:
            return RawRow(place, 0, {}, error.message, "")

    def close(self) -> None:
        """See `RowReader.close`."""
        self._batch = None
        self._batches.close()
        self._handle.close()

    def _load(self, at: int) -> pa.RecordBatch:
        import pyarrow as pa

        try:
            return self._batches.load(at)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(
                f"record batch {at} of {self.name} is damaged: {one_line(error)}",
                hint="write the file again",
            ) from error


class _FileBatches:
    """The batches of a file with a footer, which says where each lies."""

    def __init__(self, source: pa.NativeFile) -> None:
        import pyarrow as pa

        self._source, self._file = source, pa.ipc.open_file(source)
        self.schema: pa.Schema = self._file.schema
        self.count: int = self._file.num_record_batches

    def load(self, at: int) -> pa.RecordBatch:
        """One batch."""
        return self._file.get_batch(at)

    def close(self) -> None:
        """Let the file go."""
        self._source.close()


class _StreamBatches:
    """The batches of a stream: where each lies is found by one look at their heads."""

    def __init__(self, source: pa.NativeFile) -> None:
        import pyarrow as pa

        self._source = source
        self.schema: pa.Schema = pa.ipc.read_schema(pa.ipc.read_message(source))
        self._places: list[int] = []
        while True:
            place = source.tell()
            try:
                message = pa.ipc.read_message(source)
            except EOFError:
                break
            if message.type == "dictionary":
                raise ValueError("it has dictionary-encoded columns; write it as Parquet")
            self._places.append(place)
        source.seek(place)
        if source.read(8) not in _ENDS:
            raise ValueError("the mark at its end is missing")
        self.count = len(self._places)

    def load(self, at: int) -> pa.RecordBatch:
        """One batch."""
        import pyarrow as pa

        self._source.seek(self._places[at])
        return pa.ipc.read_record_batch(pa.ipc.read_message(self._source), self.schema)

    def close(self) -> None:
        """Let the file go."""
        self._source.close()
