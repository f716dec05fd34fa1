"""Which datasets there are: the shipped ones, and those that the user added.

A dataset is a provider: `info()` says what there is to know of it without reading its data,
`open(split)` gives a `Source`. A new kind of dataset is one more entry in `providers()`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from workbench.data.base import DatasetInfo, DatasetProvider
from workbench.data.demo_source import demo_datasets
from workbench.data.user_datasets import TableDataset, has_table, table_datasets
from workbench.errors import UnknownName


def providers() -> dict[str, DatasetProvider]:
    """Every dataset by name; a shipped name cannot be taken by a user's own."""
    return {**table_datasets(), **demo_datasets()}


def list_datasets(sort: str = "") -> list[DatasetInfo]:
    """All of them, the shipped ones first, then by name.

    Args:
        sort: `name`, `task` or `samples` (the most first, and last those that nobody counted).
    """
    found = [provider.info() for provider in providers().values()]
    found.sort(key=lambda info: (not sort and info.kind != "demo", info.name))
    if sort == "task":
        found.sort(key=lambda info: (bool(info.error), info.task))
    if sort == "samples":
        found.sort(key=lambda info: -sum(length or 0 for length in info.splits.values()))
    return found


def unknown_datasets(names: Iterable[str]) -> list[str]:
    """Those names of which there is no dataset here, each once; opens none."""
    return [name for name in dict.fromkeys(names) if not _is_known(name)]


def _is_known(name: str) -> bool:
    return name in demo_datasets() or has_table(name)


def find_dataset(name: str) -> DatasetProvider:
    """The provider of that name. Raises `UnknownName`, with the nearest names."""
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
        hint=f"{meant}`wb data list` lists the datasets, `wb data add` adds your own",
    )


def dataset_info(name: str) -> DatasetInfo:
    """What is known of one dataset. Raises `UnknownName`."""
    return find_dataset(name).info()
