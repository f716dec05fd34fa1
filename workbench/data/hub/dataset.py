"""Datasets of a Hugging Face hub, streamed or cached, under one identity.

Guarantee: a split's files, and with them its UIDs and their order, are those of one commit; the
index is made from the id column by the same code whether the files lie here or there, and its key
is their content. Reading falls back on nothing in silence: what cannot be had is the error of its
sample, and the others are read on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.uid import Uid
from workbench.data.files import LocalFile
from workbench.data.hub.environment import HubError
from workbench.data.hub.files import HubTable, by_number, count_rows
from workbench.data.hub.manifest import load_manifest
from workbench.data.hub.plan import FilePlan, make_plan
from workbench.data.hub.repository import parse_ref
from workbench.data.hub.state import folder_of, mode_of
from workbench.data.readers.opening import ReadOptions, open_reader
from workbench.data.tables.columns import columns_in
from workbench.data.tables.filters import parse_filter
from workbench.data.tables.guessing import guess_explanations
from workbench.data.tables.index import index_path
from workbench.data.tables.mapping import SplitFile, TableMapping, load_mapping, mapping_path
from workbench.data.tables.rows import columns_of
from workbench.data.tables.table import TableSource, info_of
from workbench.errors import DataError, UnknownName, UsageError

if TYPE_CHECKING:
    from workbench.data.base import DatasetInfo
    from workbench.data.files import DataFile
    from workbench.data.tables.index import Entry
    from workbench.data.tables.table_files import Readers
    from workbench.sample import Sample

KIND = "hub"


class HubSource(TableSource):
    """A split of a dataset of the hub. See `source.Source`.

    Attributes:
        mode: How it is read: `streamed`, `cached`, or `auto`.
        commit: The repository's commit that it is read from.
    """

    def __init__(self, mapping: TableMapping, split: str, plan: FilePlan) -> None:
        self._given, self._plan = mapping, plan
        self.mode, self.commit = plan.mode, plan.commit
        parts = [part for part in mapping.files if part.split == split]
        expanded = [
            SplitFile(split, f"hub:{remote.repo}/{remote.path}", part.where)
            for part, remotes in zip(parts, plan.files, strict=True)
            for remote in remotes
        ]
        super().__init__(dataclasses.replace(mapping, files=tuple(expanded)), split)
        self._explanations = open_explanations(mapping, parts[0])
        if self._explanations is not None:
            both = f"{self.revision} {self._explanations.revision}"
            self.revision = hashlib.sha256(both.encode()).hexdigest()[:16]
        if plan.limit is not None and self.length is not None:
            self.length = min(self.length, plan.limit)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what it is opened from; the commit stays the same."""
        return HubSource, (self._given, self.split, self._plan)

    def iter(self, start: int = 0) -> Iterator[Sample]:
        """See `Source.iter`."""
        length = self.length or 0
        return itertools.islice(super().iter(start), max(length - max(start, 0), 0))

    def _sample(self, entry: Entry, readers: Readers) -> Sample:
        """As the table's, with the explanations that are kept beside it."""
        sample = super()._sample(entry, readers)
        if self._explanations is None:
            return sample
        try:
            beside = self._explanations.get(str(Uid(self.dataset, self.split, entry.native)))
        except UnknownName:
            return sample
        error = "; ".join(filter(None, (sample.error, beside.error))) or None
        return dataclasses.replace(
            sample,
            explanations=beside.explanations,
            error=error,
            unreached=sample.unreached or beside.unreached,
        )

    def ranges_of(self, count: int) -> list[tuple[tuple[int, int], ...]]:
        """What each file must hold for the first `count` samples, and for the ids of all."""
        from workbench.data.hub.parts import join
        from workbench.data.hub.reader import HubReader

        places: dict[int, set[tuple[int, int]]] = {}
        for entry in self._index.entries(0, count):
            places.setdefault(entry.file, set()).add(entry.place)
        found = []
        for number, file in enumerate(self._files):
            assert isinstance(file, HubTable)
            reader = file.reader()
            try:
                mine = places.get(number, set())
                if isinstance(reader, HubReader):
                    found.append(join(reader.ranges_of({g for g, _ in mine}, self._id_columns())))
                else:
                    found.append(((0, file.remote.size),))  # lines of text: all of it
            finally:
                reader.close()
        return found

    def _id_columns(self) -> list[str]:
        """The columns that the index is made from."""
        mapping = self.mapping
        made = mapping.id in ("hash", "auto")
        columns = set(columns_of(mapping) if made else columns_in(mapping.id))
        for part in self._parts:
            columns |= set((parse_filter(mapping.where) & parse_filter(part.where)).columns)
        return sorted(column.partition(".")[0] for column in columns)

    def _known_mapping(self) -> TableMapping:
        return self._given

    def _open_files(self) -> list[DataFile]:
        mapping, plan, found = self.mapping, self._plan, []
        needed, rows = columns_of(mapping), 0
        for remote in itertools.chain.from_iterable(plan.files):
            file = HubTable(
                remote,
                plan.copies.get(remote.etag),
                dataset=mapping.name,
                local_only=plan.local_only,
                needed=needed,
                first_row=rows if by_number(mapping) else None,
                read=mapping.read,
            )
            if by_number(mapping):
                rows += count_rows(file)
            found.append(file)
        return found


def open_explanations(mapping: TableMapping, part: SplitFile) -> TableSource | None:
    """The table of explanations that is joined to a split by its ids, where there is one.

    Raises:
        DataError: It cannot be read, or lacks the columns.
    """
    path = part.beside.get("explanations")
    if path is None:
        return None
    reader = open_reader(LocalFile(Path(path)), ReadOptions())
    columns = reader.columns
    reader.close()
    found = guess_explanations(columns)
    if mapping.id not in columns or not found:
        raise DataError(
            f"{path} has no column {mapping.id!r}, or none of explanations",
            hint=f"its columns are {', '.join(columns)}",
            kind="missing_column",
        )
    # An index of its own beside that of the split.
    table = TableMapping(
        name=mapping.name,
        files=(SplitFile(part.split, path),),
        id=mapping.id,
        explanations=found,
        metadata=(),
    )
    return _Beside(table, part.split)


class _Beside(TableSource):
    """A table that is joined to another one, under the other's UIDs."""

    def _index_path(self) -> Path | None:
        return index_path(f"{self.dataset}.explanations", self.split)


def open_hub(mapping: TableMapping, split: str) -> HubSource:
    """A split, in the mode that holds for its dataset.

    Raises:
        DataError: It is not cached, where only what is cached may be read.
        HubError: The hub cannot be asked, or refuses.
    """
    try:
        return HubSource(mapping, split, make_plan(mapping, split, mode_of(mapping.name)))
    except HubError as error:
        raise _how_to_cache(error, mapping.name) from error


def _how_to_cache(error: HubError, name: str) -> HubError:
    if error.lasting:
        return error
    hint = error.hint or f"while the hub can be reached: wb data cache {name}"
    return HubError(error.message, hint=hint.replace("NAME", name))


def hub_info(mapping: TableMapping) -> DatasetInfo:
    """What `wb data list` says of a dataset of the hub; nothing is sent for it."""
    try:
        ref = parse_ref(mapping.files[0].path)
    except UsageError as error:  # the mapping was edited by hand
        return dataclasses.replace(info_of(mapping), error=error.message)
    manifest = load_manifest(folder_of(mapping.name))
    whole = manifest is not None and all(map(manifest.is_whole, mapping.splits))
    where = str(dataclasses.replace(ref, split=""))
    return dataclasses.replace(info_of(mapping), where=where, cached=whole)


def hub_details(name: str) -> dict[str, Any]:
    """What `wb data info` adds: the mode, and what is cached where."""
    mapping = load_mapping(mapping_path(name))
    folder = folder_of(mapping.name)
    manifest = load_manifest(folder)
    details: dict[str, dict[str, Any]] = {}
    for split, rows in mapping.splits.items():
        there = manifest.splits.get(split) if manifest is not None else None
        details[split] = {"length": rows, "cached": there.cached if there else 0}
    return {
        "mode": mode_of(mapping.name),
        "folder": str(folder) if manifest is not None else None,
        "commit": manifest.commit if manifest is not None else None,
        "split_details": details,
    }
