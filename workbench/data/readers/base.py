"""What every reader of rows gives: one scan in order, and any row again by its place.

Guarantee: `read(row.place)` gives the row that `scan` gave, without reading those before it; a
row that cannot be parsed comes with `.error` set and ends nothing. What spoils the table as a
whole (no rows, no such column, a wrong encoding) is a `DataError`.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from workbench.errors import DataError, UsageError

MAX_RECORD = 64 * 1024 * 1024
"""The longest row that is read, in bytes: a file without any line end is not read whole."""


ROW = "__row__"
"""The column of a row's number in its split, from 0: the id where the data have none."""


@dataclass(frozen=True)
class RawRow:
    """One row as it was written.

    Attributes:
        place: Byte offset and length, or row group and row: whatever the reader finds it by.
        number: Counted from 1 as a person counts; a header does not count.
        values: By column; rows of a JSON list are named by position: "0", "1", ...
        error: Why it could not be read whole.
        digest: Hex digest of its bytes, set where there is an error.
    """

    place: tuple[int, int]
    number: int
    values: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    digest: str = ""


class RowReader(Protocol):
    """A table, read where it lies. Not for use from two threads at once.

    Attributes:
        columns: Their names, in order (of JSON: those of the first rows).
        label_words: Words that the file itself gives to the values of a column.
    """

    columns: tuple[str, ...]
    label_words: Mapping[str, Mapping[str, str]]

    def scan(self, columns: Sequence[str] | None = None) -> Iterator[RawRow]:
        """All rows in order; only `columns` need be filled, where that saves reading."""
        ...

    def read(self, place: tuple[int, int]) -> RawRow:
        """One row again (its number is 0)."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...


def check_encoding(encoding: str) -> str:
    """The encoding's usual name. Raises `UsageError` for one that is unknown or not of bytes."""
    try:
        name = codecs.lookup(encoding).name
        if "a\n".encode(name) != b"a\n":
            raise UsageError(
                f"{encoding} is not read directly",
                hint="turn the file into UTF-8 first: iconv -f UTF-16 -t UTF-8 IN > OUT",
            )
    except LookupError:
        raise UsageError(
            f"{encoding!r} is not an encoding", hint="for example utf-8, cp1252 or latin-1"
        ) from None
    return name


def skip_bom(file: BinaryIO, name: str) -> int:
    """Step over a UTF-8 byte order mark and return the offset after it.

    Raises:
        DataError: The file is empty, or is UTF-16 or compressed.
    """
    head = file.read(4)
    if not head:
        raise DataError(f"{name} is empty (0 bytes)", hint="restore or write the file again")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(
            f"{name} is UTF-16 (its first bytes are {head[:2].hex(' ')})",
            hint="turn it into UTF-8 first: iconv -f UTF-16 -t UTF-8 IN > OUT",
        )
    if head.startswith((b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh")):
        hint = "unpack it first"
        if name.startswith("hub:"):
            repo = name.removeprefix("hub:").partition("@")[0]
            hint = f"hf:{repo} has the datasets library stream it, which unpacks it"
        raise DataError(f"{name} is compressed", hint=hint)
    offset = 3 if head.startswith(codecs.BOM_UTF8) else 0
    file.seek(offset)
    return offset


def decode(raw: bytes, encoding: str, name: str, number: int, offset: int) -> str:
    """Text of one row. Raises `DataError` that names row and byte, and what to pass."""
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        bad = raw[error.start]
        hint = "pass --encoding cp1252 (or latin-1) if the file comes from Windows or is old"
        if encoding not in ("utf-8", "ascii"):
            hint = "pass another --encoding; utf-8 is the usual one"
        raise DataError(
            f"{name} is not {encoding}: row {number} holds the byte 0x{bad:02x}"
            f" at byte {offset + error.start} of the file",
            hint=hint,
        ) from error


def digest_of(raw: bytes) -> str:
    """Identity of a row that cannot be parsed."""
    return hashlib.sha256(raw.strip()).hexdigest()[:16]


def too_long(name: str, number: int) -> DataError:
    """The error for a row that does not end."""
    return DataError(
        f"row {number} of {name} is longer than {MAX_RECORD:,} bytes",
        hint="is this a table with a row per line?",
    )


def no_rows(name: str, what: str = "holds no rows") -> DataError:
    """The error for a table without rows."""
    return DataError(f"{name} {what}", hint="restore or write the file again")
