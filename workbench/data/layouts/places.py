"""Looking for the files of a known layout, and reading them row by row.

Guarantee: a folder is searched two levels deep, in sorted order; a link is followed only as a
file. Nothing is guessed about an image but the folder that it lies in.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench.data.files import LocalFile
from workbench.data.layouts.base import DIGEST, ERROR, LayoutInput
from workbench.data.readers.base import RawRow
from workbench.data.readers.jsonarray import CUT, first_list, items_of
from workbench.data.readers.opening import ReadOptions, open_reader
from workbench.errors import DataError, UsageError
from workbench.images.decode import EXTENSIONS

DEEP = 2  # folders below the one that was named
PROBED = 200  # so many image names decide where the images lie


def tables_in(
    given: LayoutInput, endings: Sequence[str] = (".json", ".jsonl", ".csv")
) -> list[Path]:
    """The files with these endings: those that were named, else all in the folder."""
    if given.files:
        return [path for _, path in given.files]
    found: list[Path] = []
    for folder, below, names in os.walk(given.folder):
        here = Path(folder)
        level = len(here.relative_to(given.folder).parts)
        below[:] = sorted(n for n in below if not n.startswith(".")) if level < DEEP else []
        found += [here / n for n in sorted(names) if n.lower().endswith(tuple(endings))]
    return found


def by_split(
    given: LayoutInput, pattern: str, endings: Sequence[str] = (".json",)
) -> dict[str, Path]:
    """Split -> file, for files whose names match; a split that was named goes before.

    Args:
        given: Where to look.
        pattern: Of the whole file name; its group `split` is the split.
        endings: Of the files that are looked at.

    Raises:
        DataError: Two files are of one split.
    """
    if given.files and any(split for split, _ in given.files):
        return unique((split or path.stem, path) for split, path in given.files)
    matches = ((re.fullmatch(pattern, path.name), path) for path in tables_in(given, endings))
    return unique((match["split"], path) for match, path in matches if match)


def unique(pairs: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """A dictionary of them. Raises `DataError` where a split has two files."""
    found: dict[str, Path] = {}
    for split, path in pairs:
        if split in found:
            raise DataError(
                f"{found[split]} and {path} are both of the split {split}",
                hint="name the files: wb data add NAME SPLIT=FILE … --like LAYOUT",
            )
        found[split] = path
    return found


def only_files(given: LayoutInput, name: str) -> None:
    """Refuse a folder under the name of a split: a layout takes its folder, or its files."""
    folder = next((path for _, path in given.files if path.is_dir()), None)
    if folder is not None:
        raise UsageError(
            f"{name} takes its folder alone, or its files: {folder} is named as a split",
            hint="--image-root names the folder of the images",
            about="FILES",
        )


def image_root(
    given: LayoutInput, table: Path, names: Iterable[Any], folders: Sequence[str]
) -> tuple[Path, int]:
    """The folder that holds the images, and how many of the first names are there (`found`, too).

    Args:
        given: Its image root goes before all; else its folder, the table's, the one above.
        table: The file that names the images.
        names: As rows have them: `val2014/x.jpg`, `x.jpg`, `x.*`.
        folders: Where they may lie below: `images`, `img`, ...
    """
    probe = [name for name in itertools.islice(names, PROBED) if isinstance(name, str)]
    near = (given.folder, table.parent, given.folder.parent)
    bases = [given.image_root] if given.image_root else list(dict.fromkeys(near))
    best, most = bases[0], 0
    for base in bases:
        for folder in (base / below for below in ("", *folders)):
            if not folder.is_dir():
                continue
            hits = sum(find_image(str(folder), name) is not None for name in probe)
            if hits > most:
                best, most = folder, hits
            if probe and hits == len(probe):
                break
        if probe and most == len(probe):
            break
    given.found[str(table)] = max(most, given.found.get(str(table), 0))  # splits share a table
    return best, most


def find_image(root: str, name: str, is_file: Callable[[str], bool] = os.path.isfile) -> str | None:
    """A path under the root: as named, without its folders, or under another ending for `.*`."""
    for text in dict.fromkeys((name, name.rpartition("/")[2])):
        for candidate in _endings(text):
            path = os.path.join(root, candidate)  # noqa: PTH118 - once per image
            if is_file(path):
                return candidate
    return None


class Listed:
    """Whether files are there, by listing each folder once: for asking about very many."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}
        self._found: dict[str, set[str]] = {}

    def __call__(self, path: str) -> bool:
        """Whether the path was there when its folder was first asked about."""
        folder, name = os.path.split(path)
        if folder not in self._names:
            try:
                self._names[folder] = set(os.listdir(folder))  # noqa: PTH208 - names alone
            except (OSError, ValueError):
                self._names[folder] = set()
        found = name in self._names[folder]
        if found:
            self._found.setdefault(folder, set()).add(name)
        return found

    def left(self) -> Iterator[tuple[str, list[str]]]:
        """Each folder in which something was found, with the images in it that were not."""
        for folder, found in self._found.items():
            left = sorted(self._names[folder] - found)
            yield folder, [name for name in left if name.lower().endswith(EXTENSIONS)]


def _endings(text: str) -> list[str]:
    if not text.endswith(".*"):
        return [text]
    return [text[:-2] + ending for ending in EXTENSIONS]


def rows_of(path: Path, **options: Any) -> Iterator[RawRow]:
    """The rows of a table, whatever its format. Raises `DataError`."""
    reader = open_reader(LocalFile(path), ReadOptions(**options))
    try:
        yield from reader.scan()
    finally:
        reader.close()


def columns_of(path: Path, **options: Any) -> tuple[str, ...]:
    """The columns of a table. Raises `DataError`."""
    reader = open_reader(LocalFile(path), ReadOptions(**options))
    try:
        return reader.columns
    finally:
        reader.close()


def broken(path: Path, row: RawRow) -> dict[str, Any]:
    """What stands in the place of a row that cannot be parsed."""
    return {ERROR: f"{path.name}, row {row.number}: {row.error}", DIGEST: row.digest}


def pairs_of(path: Path) -> Iterator[tuple[str, Any]]:
    """Key and value of a large JSON object, one at a time. Raises `DataError`."""
    return items_of(LocalFile(path))


def list_in(path: Path, *keys: str) -> str:
    """The first of these keys that holds a list in a JSON document; empty where none does."""
    return first_list(LocalFile(path), keys)


def list_of(path: Path, key: str) -> Iterator[RawRow]:
    """The rows of the list under a key of a JSON document.

    Raises:
        DataError: The document is damaged or cut off: what is joined to it would be halved.
    """
    for row in rows_of(path, format="jsonarray", records=key):
        if row.error == CUT:
            raise DataError(f"{path}, row {row.number} of {key}: {CUT}", hint="fetch it again")
        yield row
