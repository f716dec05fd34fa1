"""What a dataset and its splits look like to all above: `DatasetProvider`, `DatasetInfo`, `Source`.

Not for finding or opening one by its name: see `workbench.data.registry` and
`workbench.data.source`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from sessions.redact import redacted
from workbench.errors import UnknownName
from workbench.sample import Sample, Task


class Source(Protocol):
    """A split of a dataset (or a part of one), read where it lies, a few samples at a time.

    May be used from several threads. Holds no thread of its own, so that a half-read one can
    be dropped at any moment.

    Attributes:
        dataset: Its name, the first part of every UID.
        split: Its name, with the part that was asked for: `dev`, `dev[:800]`.
        task: What is asked of its samples.
        revision: Changes when the samples can have changed.
        labels: The closed set of label words where there is one, else empty.
        length: Samples there are; `None` for an endless stream.

    A source of which the revision alone says what every byte of its pictures is (generated ones,
    a commit of a hub) has `pinned = True` beside these; of another one pictures can change while
    its tables stay.
    """

    dataset: str
    split: str
    task: Task
    revision: str
    labels: tuple[str, ...]
    length: int | None

    def iter(self, start: int = 0) -> Iterator[Sample]:
        """Samples from ordinal `start` on; no more than a screenful is held at a time."""
        ...

    def get(self, uid: str) -> Sample:
        """The sample of a UID. Raises `UnknownName` where there is none."""
        ...

    def at(self, ordinal: int) -> Sample:
        """The sample at an ordinal, from 0. Raises `UnknownName` outside of the split."""
        ...

    def ordinal(self, uid: str) -> int:
        """Where a UID stands. Raises `UnknownName` where there is none."""
        ...

    def uid_at(self, ordinal: int) -> str:
        """The UID at an ordinal, without reading its sample. Raises `UnknownName`."""
        ...


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a dataset before its data are read.

    Attributes:
        splits: Samples per split; `None` where endless or not counted yet.
        where: The files, the repository, or how it is generated.
        schema: What each role is read from, in words.
        cached: All of it lies on this machine.
        kind: `demo`, `table`, `folder`, ...
        error: Why it cannot be opened, where that is known.
    """

    name: str
    task: Task = "other"
    splits: Mapping[str, int | None] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    where: str = ""
    schema: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    description: str = ""
    cached: bool = True
    kind: str = "table"
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form that `--json` prints, `name` first."""
        return redacted(asdict(self))


class DatasetProvider(Protocol):
    """A provider; see the module."""

    name: str

    def info(self) -> DatasetInfo:
        """What is known without reading the data; never raises."""
        ...

    def open(self, split: str) -> Source:
        """A split of it. Raises `UnknownName` or `DataError`."""
        ...


def check_ordinal(source: Source, ordinal: int) -> None:
    """Raise `UnknownName` for an ordinal that the source does not have."""
    if ordinal < 0 or (source.length is not None and ordinal >= source.length):
        raise UnknownName(
            f"{source.dataset}/{source.split} has no sample number {ordinal}",
            hint=f"they are numbered from 0 to {(source.length or 0) - 1}"
            if source.length
            else "they are numbered from 0",
        )
