"""Which UIDs name nothing here: a slip, or samples of another machine.

Guarantee: asks no network. A dataset of a hub is known by its name alone, and a dataset that cannot
be read says so where it is opened.
"""

from __future__ import annotations

from collections.abc import Iterable

from sessions.uid import Uid
from workbench.data.registry import find_dataset, unknown_datasets
from workbench.data.source import open_source
from workbench.data.user_datasets import TableDataset
from workbench.errors import DataError, UnknownName
from workbench.text import counted

_ON_DISK = ("table", "folder")


def absent(uids: Iterable[str]) -> list[str]:
    """One sentence for each dataset or split that holds none of its UIDs here, or not all of them.

    Args:
        uids: Whole UIDs.

    Returns:
        Sentences without a full stop; empty if each UID may name a sample.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for uid in map(Uid.parse, uids):
        groups.setdefault((uid.dataset, uid.split), []).append(str(uid))
    unknown = unknown_datasets(name for name, _ in groups)
    told = [
        f"{counted(sum(len(g) for (name, _), g in groups.items() if name == one), 'UID')} "
        f"of a dataset {one!r} that is not here"
        for one in unknown
    ]
    for (name, split), group in groups.items():
        if name not in unknown and _is_on_disk(name):
            told += _of_split(name, split, group)
    return told


def _of_split(name: str, split: str, uids: list[str]) -> list[str]:
    try:
        source = open_source(name, split)
    except UnknownName as error:
        return [f"{counted(len(uids), 'UID')} of no split: {error.message}"]
    except DataError:
        return []
    missing = []
    for uid in uids:
        try:
            source.ordinal(uid)
        except UnknownName:
            missing.append(uid)
    if not missing:
        return []
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    verb = "is" if len(missing) == 1 else "are"
    return [f"{', '.join(missing[:3])}{more} {verb} not in {name}/{split}"]


def _is_on_disk(name: str) -> bool:
    dataset = find_dataset(name)
    try:
        return not isinstance(dataset, TableDataset) or dataset.mapping().kind in _ON_DISK
    except DataError:
        return False
