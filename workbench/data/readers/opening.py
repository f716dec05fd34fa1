"""Which reader a file needs: by its ending, and for `.json` by what it holds.

JSON lines are often called `.json`; only their first line tells them from one document. A format of
another package is a plug-in of the kind `reader` (`workbench.data.readers.plugged`): files that
end in its name are read by it, and others with `--format`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from workbench.data.files import DataFile, LocalFile
from workbench.data.readers.base import RowReader, skip_bom
from workbench.data.readers.conversations import CONVERSATIONS, with_conversations
from workbench.errors import DataError
from workbench.plugins import plugin_names

Format = Literal["delimited", "jsonlines", "jsonarray", "parquet", "arrow", "webdataset"]
FORMATS: tuple[Format, ...] = get_args(Format)
ENDINGS: dict[str, Format] = {
    **dict.fromkeys((".csv", ".tsv", ".tab"), "delimited"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonlines"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    ".arrow": "arrow",
    ".tar": "webdataset",
}
UNTELLING = (".json", ".txt")
FIRST_LINE = 1024 * 1024


@dataclass(frozen=True)
class ReadOptions:
    """How a table is read; see the readers for what each means."""

    format: str = ""
    delimiter: str = ""
    encoding: str = "utf-8"
    header: bool = True
    quotes: bool = True
    records: str = ""


def format_of_ending(name: str) -> str:
    """The format that a file's ending names, a plug-in's too; empty where it names none."""
    ending = Path(name).suffix.lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    if ending in ("", *UNTELLING):
        return ""
    return ending[1:] if ending[1:] in plugin_names("reader") else ""


def formats() -> list[str]:
    """What `--format` takes: our formats, and those of plug-ins."""
    return [*FORMATS, *(name for name in plugin_names("reader") if name not in FORMATS)]


def find_format(file: DataFile) -> str:
    """The format of a file. Raises `DataError` where it cannot be told."""
    ending = Path(file.name).suffix.lower()
    if named := format_of_ending(file.name):
        return named
    with file.open() as handle:
        head = handle.read(4)
        if head == b"PAR1":
            return "parquet"
        handle.seek(0)
        skip_bom(handle, file.name)
        line = handle.readline(FIRST_LINE)
        while line.isspace():
            line = handle.readline(FIRST_LINE)
        first = line.lstrip()[:1]
        if first in (b"{", b"["):
            kind = _lines_or_document(line, bool(handle.read(1)))
            return "jsonarray" if kind == "jsonlines" and _one_dict(line, file) else kind
    if ending == ".txt":
        return "delimited"
    raise DataError(
        f"the format of {file.name} is unknown",
        hint=f"it ends in none of {', '.join(ENDINGS)}, .json; pass --format {'|'.join(formats())}",
    )


def _lines_or_document(line: bytes, more: bool) -> Format:
    """JSON lines, where the first line is whole in itself and is not the only list."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return "jsonarray"
    if more:
        return "jsonlines"
    holds_rows = (
        any(isinstance(item, (dict, list)) for item in value)
        if isinstance(value, list)
        else any(
            isinstance(v, list) and v and isinstance(v[0], dict)
            for key, v in value.items()
            if key not in CONVERSATIONS  # a row that is one conversation
        )
    )
    return "jsonarray" if holds_rows else "jsonlines"


def _one_dict(line: bytes, file: DataFile) -> bool:
    """Whether a file of one line is a dictionary of records or columns, and no row."""
    from workbench.data.readers.jsondict import shape_of

    with file.open() as handle:
        one = len(handle.read(len(line) + 1).strip()) <= len(line.strip()) and not handle.read(1)
    return one and shape_of(file) != ""


def open_reader(
    file: DataFile, options: ReadOptions, needed: Sequence[str] | None = None
) -> RowReader:
    """A reader over a file.

    Args:
        file: The table.
        options: Its format where the ending misleads, and the options of that format.
        needed: Columns whose bytes are wanted (Parquet, Arrow, WebDataset); `None` for all.

    Raises:
        DataError: The table cannot be read at all.
        UsageError: An option has no meaning.
        PluginError: A plug-in reads that format, and cannot be used.
    """
    own = getattr(file, "reader", None)
    if own is not None:  # rows that are made from several files have a reader of their own
        return own()
    kind = options.format or find_format(file)
    if kind == "parquet":
        from workbench.data.readers.parquet import ParquetReader

        return _flattened(file, lambda columns: ParquetReader(file, needed=columns), needed)
    if kind == "arrow":
        from workbench.data.readers.arrow import ArrowReader

        return _flattened(file, lambda columns: ArrowReader(file, needed=columns), needed)
    if kind == "webdataset":
        from workbench.data.readers.webdataset import WebDatasetReader

        return WebDatasetReader(file, needed=needed)
    if kind in ("jsonlines", "jsonarray"):
        return with_conversations(_json_reader(kind, file, options))
    if kind not in FORMATS:
        from workbench.data.readers.plugged import open_plugged

        return open_plugged(kind, file, options, needed, formats())
    from workbench.data.readers.delimited import DelimitedReader

    return DelimitedReader(
        file,
        delimiter=options.delimiter,
        encoding=options.encoding,
        header=options.header,
        quotes=options.quotes,
    )


def _flattened(
    file: DataFile,
    opened: Callable[[Sequence[str] | None], RowReader],
    needed: Sequence[str] | None,
) -> RowReader:
    """A reader of columns, with the conversations in its rows; a hub's has a reader of its own."""
    reader = opened(needed)
    if not isinstance(file, LocalFile) or not {*CONVERSATIONS} & {*reader.columns}:
        return reader
    reader.close()
    return with_conversations(opened(None))


def _json_reader(kind: str, file: DataFile, options: ReadOptions) -> RowReader:
    if kind == "jsonlines":
        from workbench.data.readers.jsonlines import JsonLinesReader

        return JsonLinesReader(file, encoding=options.encoding)
    from workbench.data.readers.jsonarray import JsonArrayReader
    from workbench.data.readers.jsondict import JsonColumnsReader, JsonRecordsReader, shape_of

    shape = "" if options.records else shape_of(file)
    if shape == "records":
        return JsonRecordsReader(file, encoding=options.encoding)
    if shape:
        return JsonColumnsReader(file, encoding=options.encoding)
    return JsonArrayReader(file, encoding=options.encoding, records=options.records)
