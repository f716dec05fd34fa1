"""Images that are asked about and not judged: a folder of them, or a dataset's without its labels.

Guarantee: a folder needs not be added; it is listed sorted, with what lies in folders below, as an
added one is. Not for evaluation: there is nothing to compare an answer with.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from workbench.data.base import Source
from workbench.data.tables.mapping import SplitFile, TableMapping
from workbench.data.tables.table import TableSource
from workbench.errors import DataError
from workbench.sample import Sample, Task

SPLIT = "all"


def open_folder(folder: str | Path) -> TableSource:
    """The images of a folder and of those below as samples without labels, by their paths.

    Its dataset is named for the folder, with the start of a hash of its path: two folders of one
    name are two datasets, and neither is one that was added.

    Raises:
        DataError: It is no folder, cannot be read, or holds no image.
    """
    root = Path(folder).expanduser().resolve()
    if not root.is_dir():
        raise DataError(f"{folder} is not a folder", hint="give a folder of images")
    mark = hashlib.sha256(os.fsencode(root)).hexdigest()[:6]
    word = re.sub(r"[^A-Za-z0-9_.-]+", "-", root.name).strip("-_.") or "images"
    mapping = TableMapping(
        name=f"{word}-{mark}",
        files=(SplitFile(SPLIT, str(root)),),
        kind="folder",
        task="caption",
        id="file",
        images=("file",),
        image_root=str(root),
        metadata=("bytes",),
    )
    return TableSource(mapping, SPLIT)


class Unjudged:
    """Another source's samples without labels and references, to be captioned. See `Source`."""

    def __init__(self, base: Source) -> None:
        self.base = base
        self.task: Task = "caption"
        self.labels: tuple[str, ...] = ()
        self.dataset, self.split, self.revision = base.dataset, base.split, base.revision
        self.pinned = getattr(base, "pinned", False)
        self.length = base.length

    def iter(self, start: int = 0) -> Iterator[Sample]:
        """See `Source.iter`."""
        return (_unjudged(sample) for sample in self.base.iter(start))

    def get(self, uid: str) -> Sample:
        """See `Source.get`."""
        return _unjudged(self.base.get(uid))

    def at(self, ordinal: int) -> Sample:
        """See `Source.at`."""
        return _unjudged(self.base.at(ordinal))

    def ordinal(self, uid: str) -> int:
        """See `Source.ordinal`."""
        return self.base.ordinal(uid)

    def uid_at(self, ordinal: int) -> str:
        """See `Source.uid_at`."""
        return self.base.uid_at(ordinal)


def _unjudged(sample: Sample) -> Sample:
    return dataclasses.replace(
        sample, task="caption", label=None, labels=(), references=(), explanations=()
    )
