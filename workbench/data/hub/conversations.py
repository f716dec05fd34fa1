"""Conversations in a hub's Parquet: their first question and reply, as local tables have them.

Guarantee: whether rows hold conversations is told by the schema, so that nothing is fetched for
it; of what is made from a conversation, the bytes of that column alone are fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.data.hub.file import HubFile
from workbench.data.hub.ranges import Range
from workbench.data.hub.reader import HubReader
from workbench.data.readers.base import RawRow
from workbench.data.readers.conversations import (
    CONVERSATIONS,
    IMAGE_COLUMNS,
    NOTE,
    with_exchange,
)
from workbench.data.readers.parquet import readable

if TYPE_CHECKING:
    import pyarrow as pa

_MADE = ("question", "answer", "exchanges")
_SPEAKERS = ({"from", "value"}, {"role", "content"}, {"user", "assistant"})


def hub_reader(file: HubFile) -> HubReader:
    """The reader of a file of Parquet; of conversations the one that knows them."""
    reader = HubReader(file)
    column = conversation_column(reader.schema)
    if not column:
        return reader
    reader.close()  # its footer is kept
    return HubConversations(file, column)


def conversation_column(schema: pa.Schema) -> str:
    """The column whose values are lists of turns, empty where there is none."""
    named = (name for name in CONVERSATIONS if name in schema.names)
    return next((name for name in named if _speaks(schema.field(name).type)), "")


def _speaks(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    turn = kind.value_type
    names = {turn.field(i).name for i in range(turn.num_fields)}
    return pa.types.is_struct(turn) and any(each <= names for each in _SPEAKERS)


class HubConversations(HubReader):
    """See the module.

    Attributes:
        note: What was understood, in words.
    """

    def __init__(self, file: HubFile, column: str) -> None:
        super().__init__(file)
        self._column, self._own = column, frozenset(self.columns)
        self.note = f"questions from {column}: {NOTE}"
        image = () if self._own & {*IMAGE_COLUMNS} else ("image",)
        self.columns = tuple(dict.fromkeys((*_MADE, *image, *self.columns)))
        if file.needed is not None:
            self._wanted = readable(self.schema, self._behind(file.needed))

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """See `RowReader.scan`."""
        for row in super().scan(None if columns is None else self._behind(columns)):
            yield with_exchange(row, self._column)

    def read(self, place: tuple[int, int]) -> RawRow:
        """See `RowReader.read`."""
        return with_exchange(super().read(place), self._column)

    def ranges_of(self, groups: set[int], columns: Sequence[str]) -> list[Range]:
        """See `HubReader.ranges_of`."""
        return super().ranges_of(groups, self._behind(columns))

    def _behind(self, columns: Sequence[str]) -> list[str]:
        """The columns of the file that hold what is asked for."""
        own = [name for name in columns if name.partition(".")[0] in self._own]
        made = {*columns} & {*self.columns} - self._own
        return [*own, self._column] if made and self._column not in own else own
