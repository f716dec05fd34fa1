"""One's own tables and image folders as sources, by their mapping.

Guarantee: rows are read where they lie, one at a time; the index tells where. A row that has
changed since it was indexed comes with an error, never under another row's UID.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from sessions.uid import Uid
from workbench.data.base import DatasetInfo, check_ordinal
from workbench.data.files import DataFile
from workbench.data.hub.environment import HubError
from workbench.data.progress import counted
from workbench.data.readers.base import RowReader
from workbench.data.readers.opening import open_reader
from workbench.data.tables.columns import columns_in
from workbench.data.tables.filters import Filter, parse_filter
from workbench.data.tables.index import Entry, Index, build_index, index_path, open_index
from workbench.data.tables.mapping import TableMapping
from workbench.data.tables.rows import RowMapper, columns_of
from workbench.data.tables.table_files import Readers, check_columns, data_file
from workbench.errors import DataError, UnknownName
from workbench.sample import Sample, Task

PAGE = 64  # places looked up at a time while iterating
READING = 2  # how rows are found in a file: an index of another number is made anew


class TableSource:
    """A split of a table or of an image folder. See `source.Source`.

    Attributes:
        bad: Rows that could not be parsed; further errors show when a sample is made.
        notes: What was found wrong when the dataset was added.
    """

    def __init__(self, mapping: TableMapping, split: str) -> None:
        self.mapping, self.dataset, self.split = mapping, mapping.name, split
        self.task: Task = mapping.task
        self.labels = mapping.labels
        self._parts = [part for part in mapping.files if part.split == split]
        if not self._parts:
            raise UnknownName(
                f"{mapping.name} has no split {split!r}", hint=f"it has {', '.join(mapping.splits)}"
            )
        self._files = self._open_files()
        self.pinned = all(getattr(file, "pinned", False) for file in self._files)
        self._mappers = [RowMapper(mapping, part) for part in self._parts]
        self._index, self.revision = self._open_index()
        self.length: int | None = self._index.length
        self.notes = [note for part in self._parts for note in part.notes]
        self.bad = self._index.bad
        self._readers = self._new_readers()
        self._has_own_ids = mapping.id not in ("hash", "auto") and not mapping.recipe
        self._lock = threading.Lock()
        self._process = os.getpid()

    def __reduce__(self) -> tuple[type[TableSource], tuple[TableMapping, str]]:
        """Pickled as what it is opened from: workers of a data loader open it anew."""
        return TableSource, (self.mapping, self.split)

    def iter(self, start: int = 0) -> Iterator[Sample]:
        """See `Source.iter`."""
        self._settle()
        readers = self._new_readers()  # of its own: a jump elsewhere does not disturb its place
        try:
            at = max(start, 0)
            while entries := self._index.entries(at, PAGE):
                for entry in entries:
                    yield self._sample(entry, readers)
                at += len(entries)
        finally:
            readers.close()

    def get(self, uid: str) -> Sample:
        """See `Source.get`."""
        return self._read(self._find(uid)[1])

    def at(self, ordinal: int) -> Sample:
        """See `Source.at`."""
        return self._read(self._entry(ordinal))

    def ordinal(self, uid: str) -> int:
        """See `Source.ordinal`."""
        return self._find(uid)[0]

    def uid_at(self, ordinal: int) -> str:
        """See `Source.uid_at`."""
        return self._uid(self._entry(ordinal))

    def row_of(self, uid: str) -> tuple[str, int]:
        """The file and the number of the row (from 1) behind a UID. Raises `UnknownName`."""
        entry = self._find(uid)[1]
        return self._parts[entry.file].path, entry.number

    def counts(self) -> list[tuple[int, int]]:
        """Rows, and rows that could not be parsed, per file of the split."""
        found = self._index.per_file()
        return [found.get(number, (0, 0)) for number in range(len(self._parts))]

    @property
    def image_roots(self) -> tuple[str, ...]:
        """The folders that relative image paths start from, each once; none without images."""
        roots = (self.mapping.root_of(part) for part in self._parts if self.mapping.images)
        return tuple(dict.fromkeys(filter(None, roots)))

    @property
    def image_prefix(self) -> str:
        """What is taken off the beginning of image paths."""
        return self.mapping.image_prefix

    def close(self) -> None:
        """Let files and index go; dropping the source does the same."""
        with self._lock:
            self._readers.close()
        self._index.close()

    def _open_files(self) -> list[DataFile]:
        """The files of the split, in order."""
        return [data_file(self.mapping, part) for part in self._parts]

    def _new_readers(self) -> Readers:
        return Readers(self._files, self.mapping)

    def _settle(self) -> None:
        """After a fork: a handle shared with the parent would move under its feet."""
        if self._process != os.getpid():
            self._process, self._lock = os.getpid(), threading.Lock()
            self._readers, self._index = self._new_readers(), self._index.after_fork()

    def _uid(self, entry: Entry) -> str:
        return str(Uid(self.dataset, self.split, entry.native))

    def _find(self, uid: str) -> tuple[int, Entry]:
        parsed = Uid.parse(uid)
        self._settle()
        if (parsed.dataset, parsed.split) == (self.dataset, self.split):
            found = self._index.find(parsed.native)
            if found is not None:
                return found
        raise UnknownName(
            f"{uid} is not in {self.dataset}/{self.split}",
            hint=f"its UIDs look like {self.uid_at(0)}" if self.length else "",
        )

    def _entry(self, ordinal: int) -> Entry:
        check_ordinal(self, ordinal)
        self._settle()
        return self._index.entries(ordinal, 1)[0]

    def _read(self, entry: Entry) -> Sample:
        with self._lock:
            return self._sample(entry, self._readers)

    def _sample(self, entry: Entry, readers: Readers) -> Sample:
        """Read one row and make its sample; whatever is wrong with it is in `.error`."""
        uid, error, at = self._uid(entry), entry.error, f"row {entry.number}: "
        mapper = self._mappers[entry.file]
        try:
            row = readers.reader(entry.file).read(entry.place)
        except DataError as failed:
            sample = mapper.sample(uid, {}, at + failed.message)
            return dataclasses.replace(sample, unreached=isinstance(failed, HubError))
        if error is None and row.error is not None:  # it was whole when it was indexed
            return mapper.sample(uid, {}, f"{at}{row.error}; the file may have changed")
        if error is None and not self._same(entry, row.values):
            error = "the file has changed since it was indexed; open the dataset again"
            return mapper.sample(uid, {}, at + error)
        others = partial(self._values_of, readers) if self._has_own_ids else None
        return mapper.sample(uid, row.values, error and at + error, others)

    def _values_of(self, readers: Readers, native: str) -> Mapping[str, object] | None:
        """Another row of the split by its id; `None` where there is none."""
        found = self._index.find(native)
        if found is None:
            return None
        return readers.reader(found[1].file).read(found[1].place).values

    def _same(self, entry: Entry, values: object) -> bool:
        native = entry.native
        found = self._mappers[entry.file].native(values)  # type: ignore[arg-type]
        return native == found or (self.mapping.id == "auto" and native.startswith(f"{found}-"))

    def _open_index(self) -> tuple[Index, str]:
        """The kept index where files and mapping are as they were, else a new one."""
        mapping = self.mapping
        stamps = [
            (part.path, part.where, file.stamp())
            for part, file in zip(self._parts, self._files, strict=True)
        ]
        read_as = (READING, mapping.meaning(), self.split, stamps)
        key = hashlib.sha256(repr(read_as).encode()).hexdigest()
        path = self._index_path()
        index = open_index(path, key)
        if index is None:
            digests = [file.digest() for file in self._files]
            wheres = [part.where for part in self._parts]
            content = hashlib.sha256(repr((mapping.meaning(), wheres, digests)).encode())
            index = build_index(
                path,
                key,
                self._counted_scan,
                count_twins=mapping.id == "auto",
                names=[file.name for file in self._files],
                revision=content.hexdigest()[:16],
            )
        if not index.length:
            index.close()
            wheres = " and ".join(p.where for p in self._parts if p.where) or mapping.where
            raise DataError(
                f"{self.dataset}/{self.split} has no rows",
                hint=f"no row passes {wheres!r}" if wheres else "its file holds none",
            )
        return index, index.meta["revision"]

    def _index_path(self) -> Path | None:
        """Where the index is kept."""
        return index_path(self.dataset, self.split)

    def _counted_scan(self) -> Iterator[Entry]:
        """The scan, of which whoever opens the source is told."""
        total = self._known_mapping().splits.get(self.split)
        return counted(self._scan(), f"indexing {self.dataset}/{self.split}", total)

    def _known_mapping(self) -> TableMapping:
        """The mapping as it was saved, with the rows that were counted."""
        return self.mapping

    def _scan(self) -> Iterator[Entry]:
        """The place of every row of the split, in order."""
        for number, (part, file) in enumerate(zip(self._parts, self._files, strict=True)):
            keep = parse_filter(self.mapping.where) & parse_filter(part.where)
            reader = open_reader(file, self.mapping.read)
            try:
                check_columns(self.mapping, keep, reader, file.name, self._all_columns)
                yield from self._scan_file(number, reader, keep)
            finally:
                reader.close()

    def _all_columns(self) -> set[str]:
        """The columns of all files of the dataset, each opened for its head."""
        found: set[str] = set()
        for part in {part.path: part for part in self.mapping.files}.values():
            reader = open_reader(data_file(self.mapping, part), self.mapping.read)
            found.update(reader.columns)
            reader.close()
        return found

    def _scan_file(self, number: int, reader: RowReader, keep: Filter) -> Iterator[Entry]:
        """Only what the id and the filters need is read, where the format allows it."""
        made, mapper = self.mapping.id in ("hash", "auto"), self._mappers[number]
        columns = columns_of(self.mapping) if made else columns_in(self.mapping.id)
        wanted = {column.partition(".")[0] for column in (*columns, *keep.columns)}
        for row in reader.scan(sorted(wanted) if columns else None):
            error = row.error
            if error is None and not keep(row.values):
                continue
            native = mapper.native(row.values) if row.values and not (made and error) else ""
            if not native:
                error = error or f"it has no id in {self.mapping.id!r}"
                native = f"bad-{row.digest}" if row.digest else mapper.fallback_id(row.values)
            yield Entry(native, number, row.place, row.number, error)


def info_of(mapping: TableMapping) -> DatasetInfo:
    """What a mapping says of its dataset."""
    schema = {role: column for role, column in mapping.texts.items()}
    schema |= {"id": mapping.id}
    for role, columns in (
        ("label", (mapping.label,)),
        ("references", mapping.references),
        ("explanations", mapping.explanations),
        ("options", mapping.options),
        ("images", mapping.images),
        ("objects", (mapping.objects,)),
    ):
        if any(columns):
            schema[role] = ", ".join(columns)
    paths = list(dict.fromkeys(part.path for part in mapping.files))
    return DatasetInfo(
        name=mapping.name,
        task=mapping.task,
        splits=mapping.splits,
        labels=mapping.labels,
        where=paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more files",
        schema=schema,
        licence=mapping.licence,
        description=mapping.description,
        cached=not mapping.is_remote,
        kind=mapping.kind,
    )
