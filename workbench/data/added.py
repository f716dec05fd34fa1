"""What adding a dataset gives, and the count of its samples, for every way of adding.

Guarantee: counting reads every split once from end to end, which proves it readable.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.data.base import DatasetInfo
from workbench.data.tables.mapping import SplitFile, TableMapping
from workbench.data.tables.table import TableSource


@dataclass(frozen=True)
class Added:
    """What `add` did.

    Attributes:
        bad: Rows that could not be parsed, over all splits.
        guessed: What was filled in, in words.
    """

    info: DatasetInfo
    mapping: TableMapping
    path: Path
    bad: int = 0
    guessed: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What was found wrong with each split, in words."""
        return [f"{part.split}: {note}" for part in self.mapping.files for note in part.notes]


def count_samples(mapping: TableMapping) -> tuple[TableMapping, int]:
    """Read every split once, which proves it readable, and note its rows."""
    files: dict[tuple[str, str, str], SplitFile] = {}
    bad = 0
    for split in mapping.splits:
        source = TableSource(mapping, split)
        parts = [part for part in mapping.files if part.split == split]
        for part, (rows, broken) in zip(parts, source.counts(), strict=True):
            key = (part.split, part.path, part.where)
            files[key] = dataclasses.replace(part, rows=rows, bad=broken)
        bad += source.bad
        source.close()
    return dataclasses.replace(mapping, files=_ordered(mapping.files, files)), bad


def _ordered(
    files: Iterable[SplitFile], counted: Mapping[tuple[str, str, str], SplitFile]
) -> tuple[SplitFile, ...]:
    return tuple(counted[part.split, part.path, part.where] for part in files)
