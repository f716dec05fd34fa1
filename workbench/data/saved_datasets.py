"""Folders that the `datasets` library wrote: by `save_to_disk`, or as its cache.

Guarantee: the library itself is not needed; what its small JSON files say of splits and shards is
checked, and leads to no file outside of the folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sessions.json_line import load_json
from sessions.plain_files import read_text
from workbench.data.naming import split_of
from workbench.errors import DataError

_MANY, _ONE, _INFO = "dataset_dict.json", "state.json", "dataset_info.json"
BOOKKEEPING = (_MANY, _ONE, _INFO)


def saved_files(folder: Path) -> list[tuple[str, Path]]:
    """The Arrow files of a folder that `datasets` wrote, each with its split, in order.

    Args:
        folder: Of a `DatasetDict` or a `Dataset` that was saved, or with `.arrow` files of a
            cache. Files called `cache-…`, which hold what `map` and `filter` made, are left out.

    Returns:
        An empty list where the folder is none of these.

    Raises:
        DataError: A file that it names is missing, or its rows are picked by a file of indices.
    """
    if (folder / _MANY).is_file():
        names = _read(folder / _MANY).get("splits")
        splits = [str(name) for name in names] if isinstance(names, list) else []
        return [found for name in splits for found in _shards(_inside(folder, name), name)]
    if (folder / _ONE).is_file():
        return _shards(folder, "")
    prefix = ""
    if (folder / _INFO).is_file():
        prefix = str(_read(folder / _INFO).get("dataset_name") or "")
    return [
        (_without(prefix, split_of(path)), path)
        for path in sorted(folder.glob("*.arrow"))
        if not path.name.startswith("cache-")
    ]


def _shards(folder: Path, split: str) -> list[tuple[str, Path]]:
    """The files of one saved split."""
    state = _read(folder / _ONE)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise DataError(
            f"the rows of {folder} are picked by a file of indices",
            hint="load it with datasets.load_from_disk and save it again",
        )
    files = state.get("_data_files")
    names = [f.get("filename") for f in files if isinstance(f, dict)] if files else []
    if not names:
        raise DataError(f"{folder / _ONE} names no files", hint="save the dataset again")
    paths = [_inside(folder, str(name)) for name in names]
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path} is missing", hint=f"{folder / _ONE} names it")
    return [(split or str(state.get("_split") or "all"), path) for path in paths]


def _inside(folder: Path, name: str) -> Path:
    if not name or Path(name).name != name:
        raise DataError(f"{folder} names {name!r}, which is no name of a file in it")
    return folder / name


def _without(prefix: str, split: str) -> str:
    """`beans-train` is `train` in the cache of the dataset `beans`."""
    return split.removeprefix(f"{prefix}-") or split


def _read(path: Path) -> dict[str, Any]:
    try:
        body = load_json(read_text(path))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", hint="save the dataset again") from error
    return body if isinstance(body, dict) else {}
