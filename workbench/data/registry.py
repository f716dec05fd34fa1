"""Which datasets there are: the shipped ones, and those that the user added.

A dataset is a provider: `info()` says what there is to know of it without reading its data,
`open(split)` gives a `Source`. A new kind of dataset is one more entry in `providers()`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sessions.redact import redacted
from workbench.errors import UnknownName
from workbench.sample import Task

if TYPE_CHECKING:
    from workbench.data.source import Source


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


def providers() -> dict[str, DatasetProvider]:
    """Every dataset by name; a shipped name cannot be taken by a user's own."""
    from workbench.data.demo_source import demo_datasets
    from workbench.data.tables.table import table_datasets

    return {**table_datasets(), **demo_datasets()}


def list_datasets() -> list[DatasetInfo]:
    """All of them, the shipped ones first, then by name."""
    found = [provider.info() for provider in providers().values()]
    return sorted(found, key=lambda info: (info.kind != "demo", info.name))


def find_dataset(name: str) -> DatasetProvider:
    """The provider of that name. Raises `UnknownName`, with the nearest names."""
    from workbench.data.demo_source import demo_datasets
    from workbench.data.tables.table import TableDataset, has_table

    shipped = demo_datasets()
    if name in shipped:
        return shipped[name]
    if has_table(name):
        return TableDataset(name)
    known = providers()
    near = difflib.get_close_matches(name, known, n=3)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    raise UnknownName(
        f"there is no dataset {name!r}",
        hint=f"{meant}`wb data list` shows what there is, `wb data add` adds one's own",
    )


def dataset_info(name: str) -> DatasetInfo:
    """What is known of one dataset. Raises `UnknownName`."""
    return find_dataset(name).info()
