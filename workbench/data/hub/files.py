"""Files of a repository as tables: each with the reader of its format.

Guarantee: a look at the columns, or the count of a Parquet file's rows, reads its footer alone.
"""

from __future__ import annotations

import dataclasses

from workbench.data.hub.conversations import hub_reader
from workbench.data.hub.environment import HubError
from workbench.data.hub.file import HubFile
from workbench.data.hub.plan import first_parts
from workbench.data.hub.reader import HubReader
from workbench.data.readers.base import ROW, RowReader
from workbench.data.readers.opening import ReadOptions, find_format, open_reader
from workbench.data.tables.mapping import SplitFile, TableMapping
from workbench.data.tables.rows import columns_of


class HubTable(HubFile):
    """A file of a repository that is read by rows."""

    def reader(self) -> RowReader:
        """The reader of its rows."""
        try:
            if find_format(self) == "parquet":
                return hub_reader(self)
            return open_reader(_Plain(self), self.read or ReadOptions())
        except HubError as error:
            raise self.in_words(error) from error


class _Plain:
    """The same file without a reader of its own, for the formats that are no Parquet."""

    def __init__(self, file: HubFile) -> None:
        self.name, self.open = file.name, file.open
        self.stamp, self.digest = file.stamp, file.digest


def first_file(mapping: TableMapping, part: SplitFile) -> HubTable:
    """The first file of a part, for a look at its columns. Raises `HubError`."""
    plan = first_parts(dataclasses.replace(mapping, files=(part,)), part.split)
    return HubTable(
        plan.files[0][0],
        dataset=mapping.name,
        needed=columns_of(mapping),
        first_row=0 if by_number(mapping) else None,
        read=mapping.read,
    )


def count_rows(file: HubTable) -> int:
    """The rows of a Parquet file, from its footer alone."""
    reader = file.reader()
    try:
        if isinstance(reader, HubReader):
            return sum(reader.row_counts)
        return sum(1 for _ in reader.scan([]))
    finally:
        reader.close()


def by_number(mapping: TableMapping) -> bool:
    """Whether a row's number is, or is in, its id."""
    return ROW in mapping.id
