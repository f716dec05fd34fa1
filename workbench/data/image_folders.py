"""The folder of a table's images, if no image is where its rows say: one near the file.

Guarantee: a folder is taken only if not one image of any file is where its row says, and only if it
is the one folder near that file with all images of the file. What was taken is told, with its
reason. Images are looked for as samples look for them (`RowImages`); none is decoded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from workbench.data.progress import counted
from workbench.data.readers.opening import open_reader
from workbench.data.tables.columns import columns_in
from workbench.data.tables.filters import parse_filter
from workbench.data.tables.image_paths import is_absolute, path_parts
from workbench.data.tables.mapping import SplitFile, TableMapping
from workbench.data.tables.row_images import RowImages
from workbench.data.tables.table_files import data_file
from workbench.sample import ImageRef

MAX_FOLDERS = 1000  # of one kind that are looked into; if there are more, none is taken
TABLES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
PROBED = 25  # images of a file by which folders without any are put aside


@dataclass(frozen=True)
class Folder:
    """How many of the images that rows name are there if a folder is their root."""

    root: Path
    found: int
    named: int

    @property
    def has_all(self) -> bool:
        """Whether it has them all, of at least one."""
        return 0 < self.named == self.found


def all_of(images: int) -> str:
    """`all 3 images`."""
    return f"all {images:,} images" if images != 1 else "the one image"


def image_state(ref: ImageRef) -> str:
    """`found`, `missing`, or `at_urls`, where nobody looks."""
    if ref.data or (ref.url or "").startswith("data:"):
        return "found"
    if ref.url is not None:
        return "at_urls"
    try:
        return "found" if ref.path is not None and ref.path.stat().st_size else "missing"
    except OSError:
        return "missing"


def is_plain(mapping: TableMapping) -> bool:
    """Whether its images are named in tables of one's own, not placed by a known layout."""
    return mapping.kind == "table" and bool(mapping.images) and not mapping.recipe


def take_folders(mapping: TableMapping, guesses: list[str]) -> TableMapping:
    """The mapping with the folders of its images, if no image is where its row says.

    It is as if they were named: the root of all files, or one of each file where they differ.

    Args:
        mapping: Of which nobody said where its images lie.
        guesses: Gets a line for what was taken.
    """
    if (
        not is_plain(mapping)
        or mapping.image_root
        or any(part.image_root for part in mapping.files)
    ):
        return mapping
    taken: list[tuple[SplitFile, Folder]] = []
    files: list[SplitFile] = []
    for part in mapping.files:
        having = with_all(mapping, part)
        if having is not None and len(having) != 1:
            return mapping
        taken += [(part, folder) for folder in having or ()]
        root = str(having[0].root) if having else ""
        files.append(replace(part, image_root=root))
    roots = list(dict.fromkeys(folder.root for _, folder in taken))
    if not roots:
        return mapping
    off = "none is where its row says; --image-root '' for the file's own folder"
    if len(roots) == 1:
        named = sum(folder.named for _, folder in taken)
        said = _short(roots[0], Path(mapping.files[0].path))
        guesses.append(f"image root: {said} (it has {all_of(named)}; {off})")
        return replace(mapping, image_root=str(roots[0]))
    said = {
        f"{_short(folder.root, Path(part.path))} for {Path(part.path).name}": None
        for part, folder in taken
    }
    guesses.append(f"image root: {', '.join(said)} (each has all images of its file; {off})")
    return replace(mapping, files=tuple(files))


def with_all(mapping: TableMapping, part: SplitFile) -> list[Folder] | None:
    """The nearest folders that have all images of a file; none if an image is where its row says.

    A folder beside the file's own that holds tables is another dataset's.

    Returns:
        `None` if the rows name no image.
    """
    home = Path(mapping.root_of(part)).resolve()
    for roots in (near(home), inside(home)):
        having = [Folder(root, 0, 0) for root in (home, *roots)]
        for limit in (1, PROBED, 0):
            found = count(mapping, [part], [folder.root for folder in having], limit)
            if not any(folder.named for folder in found):
                return None
            having = [folder for folder in found if folder.has_all]
            if not having:
                break
        having = [folder for folder in having if not _is_of_another(folder.root, home)]
        if having:
            proven = len(roots) <= MAX_FOLDERS and not _any_in_place(mapping, part)
            return having if proven else []
    return []


def _is_of_another(folder: Path, home: Path) -> bool:
    if folder.parent != home.parent:
        return False
    with os.scandir(folder) as entries:
        return any(entry.name.lower().endswith(TABLES) for entry in entries)


def count(
    mapping: TableMapping,
    parts: Sequence[SplitFile],
    roots: Sequence[Path],
    limit: int = 0,
    *,
    any_case: bool = True,
) -> list[Folder]:
    """How many of the images of some files each folder has.

    Args:
        mapping: What is what.
        parts: Of its files.
        roots: The folders.
        limit: So many images of each file are looked for; 0 for all.
        any_case: See `RowImages`; each folder is listed for it.
    """
    named, found = dict.fromkeys(roots, 0), dict.fromkeys(roots, 0)
    for part in parts:
        mappers = [
            (root, RowImages(mapping, replace(part, image_root=str(root)), any_case=any_case))
            for root in roots
        ]
        seen = 0
        for row in counted(_rows(mapping, part), f"looking for images of {mapping.name}"):
            before = seen
            for root, mapper in mappers:
                refs = _named(mapper, row)
                named[root] += len(refs)
                found[root] += sum(image_state(ref) == "found" for ref in refs)
                seen = max(seen, before + len(refs))
            if limit and seen >= limit:
                break
    return [Folder(root, found[root], named[root]) for root in roots]


def first_missing(mapping: TableMapping) -> str:
    """The first image that the rows name; empty if it is there, or if they name none."""
    for part in mapping.files:
        images = RowImages(mapping, part)
        for ref in (ref for row in _rows(mapping, part) for ref in _named(images, row)):
            return ref.name if image_state(ref) == "missing" else ""
    return ""


def missing_names(mapping: TableMapping, limit: int | None = None) -> list[str] | None:
    """The first name of an image of each folder; `None` if any is there, or elsewhere by its path.

    Paths that lead out of the root are not followed by a guess.

    Args:
        mapping: What is what.
        limit: So many rows of each file are read; `None` for all.
    """
    found: dict[str, str] = {}
    for part in mapping.files:
        images = RowImages(mapping, part)
        rows = islice(_rows(mapping, part), limit)
        for row in counted(rows, f"looking for images of {mapping.name}"):
            for ref in _named(images, row):
                folder = "/".join(path_parts(ref.name)[:-1])
                if image_state(ref) != "missing" or (folder not in found and is_file(ref.name)):
                    return None
                found.setdefault(folder, ref.name)
    return list(found.values())


def is_file(name: str) -> bool:
    """Whether an absolute path is that of a file on this machine."""
    try:
        return is_absolute(name) and Path(name).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _any_in_place(mapping: TableMapping, part: SplitFile) -> bool:
    """Whether any image is where its row says, or is refused there: its path leads elsewhere."""
    images = RowImages(mapping, part)
    refs = (ref for row in _rows(mapping, part) for ref in _named(images, row))
    return any(image_state(ref) != "missing" or ref.path is None for ref in refs)


def near(home: Path) -> list[Path]:
    """The folders in a folder, the one above, and those beside it."""
    above = home.parent
    return _others(home, [*below(home), *([] if _is_top(above) else [above]), *below(above)])


def inside(home: Path) -> list[Path]:
    """The folders two levels below a folder."""
    return _others(home, [deep for inner in below(home)[:MAX_FOLDERS] for deep in below(inner)])


def _others(home: Path, folders: Sequence[Path]) -> list[Path]:
    """Each once, links resolved, without the folder itself."""
    found = dict.fromkeys(folder.resolve() for folder in folders)
    return [folder for folder in found if folder != home]


def below(folder: Path) -> list[Path]:
    """Folders in a folder, by name, hidden ones left out; none where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path)
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir()
            )
    except OSError:
        return []


def _is_top(folder: Path) -> bool:
    return folder == folder.parent


def _named(images: RowImages, row: Mapping[str, Any]) -> list[ImageRef]:
    """The images of a row without blank cells, which name none."""
    return [
        ref
        for ref in images.of(row, [])
        if ref.data is not None or ref.path is not None or ref.url is not None or ref.name
    ]


def _rows(mapping: TableMapping, part: SplitFile) -> Iterator[Mapping[str, Any]]:
    """The rows of a split's file that can be read, with the columns that name images."""
    keep = parse_filter(mapping.where) & parse_filter(part.where)
    columns = [column for spec in mapping.images for column in columns_in(spec)]
    roots = {column.partition(".")[0] for column in (*columns, *keep.columns)}
    reader = open_reader(data_file(mapping, part), mapping.read)
    try:
        for row in reader.scan(sorted(roots & {*reader.columns}) or None):
            if row.error is None and keep(row.values):
                yield row.values
    finally:
        reader.close()


def _short(root: Path, file: Path) -> str:
    """A folder as it would be typed behind `--image-root`."""
    home = file.parent.resolve()
    return str(root.relative_to(home)) if root.is_relative_to(home) else str(root)
