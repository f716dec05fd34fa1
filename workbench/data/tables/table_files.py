"""The files behind a split of a table, and the readers that are open on them.

Guarantee: at most `OPEN_READERS` files are open at a time; after a fork each process has its own.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from workbench.data.files import DataFile, LocalFile
from workbench.data.layouts.joined import JoinedFile
from workbench.data.readers.base import ROW, RowReader
from workbench.data.readers.opening import open_reader
from workbench.data.tables.columns import column_of, columns_hint
from workbench.data.tables.filters import Filter
from workbench.data.tables.folders import FolderFile
from workbench.data.tables.mapping import SplitFile, TableMapping
from workbench.data.tables.rows import columns_of, flag_of
from workbench.errors import DataError

OPEN_READERS = 4  # files of a sharded split that are kept open for lookups


class Readers:
    """Readers of a split's files, opened when needed, the last few kept open.

    Args:
        files: In order.
        mapping: How they are read, and which columns are needed.
    """

    def __init__(self, files: Sequence[DataFile], mapping: TableMapping) -> None:
        self._files, self._mapping = files, mapping
        self._open: OrderedDict[int, RowReader] = OrderedDict()
        self._process = os.getpid()

    def reader(self, number: int) -> RowReader:
        """The reader of one file. Raises `DataError` where it cannot be opened any more."""
        if self._process != os.getpid():
            self._open, self._process = OrderedDict(), os.getpid()
        reader = self._open.get(number)
        if reader is None:
            mapping = self._mapping
            reader = open_reader(self._files[number], mapping.read, columns_of(mapping))
            self._open[number] = reader
            while len(self._open) > OPEN_READERS:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(number)
        return reader

    def close(self) -> None:
        """Close them all."""
        while self._open:
            self._open.popitem()[1].close()


def data_file(mapping: TableMapping, part: SplitFile) -> DataFile:
    """The file, or the folder, behind one part of a split."""
    path = Path(part.path)
    if mapping.kind == "hub":
        from workbench.data.hub.files import first_file

        return first_file(mapping, part)
    if mapping.kind == "stream":
        from workbench.data.streamed.file import StreamedFile

        return StreamedFile(part.path, columns_of(mapping), numbered=ROW in mapping.id)
    if mapping.recipe:
        return JoinedFile(mapping.recipe, part)
    if mapping.kind == "folder":
        return FolderFile(path)
    return LocalFile(path, whole=path.suffix.lower() not in (".parquet", ".pq"))


def check_columns(
    mapping: TableMapping,
    keep: Filter,
    reader: RowReader,
    name: str,
    elsewhere: Callable[[], Collection[str]] = tuple,
) -> None:
    """Raise `DataError` for a column that the mapping or a filter names and the table lacks.

    Labels, references and explanations may be lacking where `elsewhere`, the columns of the
    dataset's other files, has them: a test split is often not labelled.
    """
    label = column_of(mapping.label)
    targets = {label, *mapping.references, *mapping.explanations} - {*keep.columns}
    known = (
        {*reader.columns, "split"} if "{split}" in "".join(mapping.images) else {*reader.columns}
    )
    for column in dict.fromkeys((*columns_of(mapping), *keep.columns)):
        root = column.partition(".")[0]
        if column in known or root in known:
            continue
        if column not in targets or not {column, root} & {*elsewhere()}:
            raise DataError(
                f"{name} has no column {column!r}",
                hint=columns_hint(column, reader.columns),
                kind="missing_column",
                about=flag_of(mapping, column),
            )
