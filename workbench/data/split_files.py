"""Which files make which split of a dataset that is added, and where their images lie.

Guarantee: only names are looked at, the few small files by which `datasets` and image folders say
what they hold, and the first row of the one table in a folder. Not for what the columns mean: see
`workbench.data.tables.mapping_options`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from workbench.data.files import LocalFile
from workbench.data.image_folders import below
from workbench.data.naming import named_file, split_of
from workbench.data.readers.opening import ReadOptions, open_reader
from workbench.data.saved_datasets import saved_files
from workbench.data.tables.filters import parse_filter
from workbench.data.tables.folders import SPLIT_NAMES, find_splits
from workbench.data.tables.guessing import guess_images
from workbench.data.tables.image_paths import find_inside, from_base64
from workbench.data.tables.mapping import SplitFile, check_name
from workbench.data.tables.mapping_options import MappingOptions
from workbench.errors import DataError, UsageError
from workbench.images.decode import EXTENSIONS


def split_files(
    files: Sequence[str | Path], wish: MappingOptions
) -> tuple[tuple[SplitFile, ...], str]:
    """The files with their splits, and whether they are tables (`table`) or images (`folder`).

    Raises:
        UsageError: A folder and files beside it, or splits that cannot be meant.
        DataError: A file is not there, or a folder of `datasets` is not whole.
    """
    named = [named_file(file) for file in files]
    folders = [path for _, path in named if path.is_dir()]
    if folders and len(named) > 1:
        if all(split and path in folders for split, path in named):  # a folder of images each
            parts = [SplitFile(of, str(path), image_root=str(path)) for of, path in named]
            return with_filters(parts, wish), "folder"
        raise UsageError(
            f"{folders[0]} is a folder: add it alone", hint="or as SPLIT=FOLDER for each split"
        )
    if not folders:
        parts = [SplitFile(split or split_of(path), str(path)) for split, path in named]
        return with_filters(parts, wish), "table"
    split, root = named[0]
    tables = _tables_in(root, split, wish)
    if tables:
        return with_filters([SplitFile(of, str(path)) for of, path in tables], wish), "table"
    inside = {} if split else find_splits(root)
    parts = [SplitFile(of, str(path)) for of, path in inside.items()]
    return with_filters(parts or [SplitFile(split or "all", str(root))], wish), "folder"


def _tables_in(root: Path, split: str, wish: MappingOptions) -> list[tuple[str, Path]]:
    """The tables of a folder with their splits; none where its images are the samples."""
    if saved := saved_files(root):
        return [(split or of, path) for of, path in saved]
    if inner := sorted(root.glob("*.parquet")) or sorted(root.glob("*.tar")):
        return [(split or split_of(path), path) for path in inner]
    if table := _metadata_of(root):
        return [(split or "all", table)]
    inside = {} if split else find_splits(root)
    data = root / "data"  # as repositories of the hub have it
    inside = inside or (find_splits(data) if not split and data.is_dir() else {})
    tables = {of: table for of, path in inside.items() if (table := _metadata_of(path))}
    if tables and (left := [of for of in inside if of not in tables]):
        wish.guesses.append(f"splits: {', '.join(tables)} ({', '.join(left)}: no metadata file)")
    if tables or split or not wish.tables:
        return list(tables.items())
    named = {split_of(path): path for path in sorted(root.iterdir()) if path.suffix in _ENDINGS}
    if found := [(of, path) for of, path in named.items() if of.lower() in SPLIT_NAMES]:
        names = ", ".join(path.name for _, path in found)
        why = "tables that are called like splits; --like '' for the images alone"
        wish.guesses.append(f"splits: {names} ({why})")
    elif len(named) == 1 and _names_images(next(iter(named.values()))):
        found = list(named.items())
        why = "the one table, whose rows name images; --like '' for the images alone"
        wish.guesses.append(f"splits: {found[0][1].name} ({why})")
    return found


def _names_images(table: Path) -> bool:
    """Whether the first row of a table holds an image, or names one near it."""
    try:
        reader = open_reader(LocalFile(table), ReadOptions())
    except DataError:
        return False
    try:
        row = next(iter(reader.scan()), None)
        columns = guess_images(reader.columns)[:1] or reader.columns
        cells = [row.values.get(column) for column in columns] if row is not None else []
        return any(_is_image_near(table, cell) for cell in cells)
    except (DataError, OSError):
        return False
    finally:
        reader.close()


def _is_image_near(table: Path, cell: object) -> bool:
    if not isinstance(cell, str):
        return False
    if not cell.lower().endswith(EXTENSIONS):
        return from_base64(cell) is not None
    if find_inside(table.parent, cell).is_file():
        return True
    return sum(find_inside(at, cell).is_file() for at in below(table.parent)) == 1


def _metadata_of(folder: Path) -> Path | None:
    """The table of an image folder, as `datasets` has it."""
    return next((p for p in (folder / f"metadata.{e}" for e in _TABLES) if p.is_file()), None)


_TABLES = ("csv", "jsonl", "parquet")
_ENDINGS = (".csv", ".tsv", ".json", ".jsonl")


def with_filters(parts: list[SplitFile], wish: MappingOptions) -> tuple[SplitFile, ...]:
    """Apply `--split NAME` and `--split NAME=FILTER`: each filter makes a split of all files."""
    if not wish.splits:
        return tuple(parts)
    found: list[SplitFile] = []
    for text in wish.splits:
        split, _, where = text.partition("=")
        check_name(split, "split")
        parse_filter(where)
        found += [dataclasses.replace(part, split=split, where=where) for part in parts]
    plain = [text for text in wish.splits if "=" not in text]
    if len(plain) > 1 or (plain and len(wish.splits) > 1):
        raise UsageError(
            f"several splits, and {plain[0]!r} has no filter",
            hint="write --split NAME=FILTER, such as --split train='2<800'",
        )
    return tuple(found)


def image_root(wish: MappingOptions, parts: Sequence[SplitFile], kind: str) -> str:
    """The root of all files where one was named, or is common to them; else empty."""
    if wish.image_root:
        return str(root_of(wish.image_root, Path(parts[0].path)))
    if kind == "table":
        return ""  # each file's own folder
    first = Path(parts[0].path)
    if parts[0].image_root:
        return ""  # each folder is its own
    return str(first if len({part.path for part in parts}) == 1 else first.parent)


def root_of(said: str | Path, file: Path) -> Path:
    """The folder of the images that was named: beside the file, else from the working folder.

    Raises:
        UsageError: It is in neither.
    """
    named = Path(os.path.expanduser(said))  # noqa: PTH111 - raises nothing for ~nobody
    beside = file if file.is_dir() else file.parent
    places = [beside / named, Path.cwd() / named]  # the path alone where it is absolute
    for place in places:
        if place.is_dir():
            return place.resolve()
    where = "" if named.is_absolute() else f": neither {places[0]} nor {places[1]}"
    raise UsageError(
        f"the image root {named} is not a folder{where}",
        hint="name the folder that the images lie in by --image-root",
        about="--image-root",
    )
