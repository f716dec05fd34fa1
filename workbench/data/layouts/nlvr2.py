"""NLVR2: the authors' JSON lines, with a folder of images where there is one.

Images are found by the identifier (`dev-850-0-0` shows `dev-850-0-img0` and `-img1`), under any
ending and below `directory` or not. Without an image folder the pair is the two URLs.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.data.layouts.base import ERROR, LayoutFiles, LayoutInput, Problems, nothing_found
from workbench.data.layouts.places import (
    broken,
    by_split,
    image_root,
    only_files,
    rows_of,
    tables_in,
    unique,
)
from workbench.data.tables.mapping import SplitFile
from workbench.errors import DataError

VERSION = 1
_MAIN = r"(?:nlvr2[-_])?(?P<split>train|dev|test\d?)\.jsonl?"
_SUBSET = re.compile(r"(?P<kind>balanced|unbalanced)_(?P<split>dev|test\d?)\.jsonl?")
_ID = re.compile(r"(?P<split>[a-z]+\d?)-(?P<set>\d+)-(?P<pair>\d+)-(?P<sentence>\d+)")
_ENDINGS = (".json", ".jsonl")
_HEAD = 65_536  # bytes in which the first row of such a file is


def find(given: LayoutInput) -> LayoutFiles:
    """`train.json`, `dev.json`, `test1.json`, … and the lists of the balanced subsets."""
    only_files(given, "nlvr2")
    files = by_split(given, _MAIN, _ENDINGS)
    if not files:  # other names: the identifiers tell the split
        others = (p for p in tables_in(given, _ENDINGS) if not _SUBSET.fullmatch(p.name))
        files = unique((split, path) for path in others if (split := _split_of(path)))
    if not files:
        raise nothing_found(given.folder, "nlvr2", ["train.json", "dev.json", "test1.json"])
    tables = tables_in(LayoutInput(given.folder), _ENDINGS)  # the subsets are not named
    parts, images = [], 0
    for split, path in files.items():
        part = SplitFile(split, str(path), beside=_subsets(tables, split))
        names = (row["image0"] for row in rows(part, Problems()) if row.get("image0"))
        below = (f"images/{split}", split, "images", f"{split}_img", f"{split}/images", "img")
        root, hits = image_root(given, path, names, below)
        parts.append(dataclasses.replace(part, image_root=str(root)))
        images += hits
    if images or given.image_root:
        return LayoutFiles(parts)
    return LayoutFiles(parts, {"image": ["left_url", "right_url"]})


def rows(part: SplitFile, problems: Problems) -> Iterator[Mapping[str, Any]]:
    """The authors' rows, with the names of the images and the group of the consistency."""
    kinds = {
        str(row.values.get("identifier")): kind
        for kind, path in part.beside.items()
        for row in rows_of(Path(path))
    }
    path = Path(part.path)
    for row in rows_of(path):
        if row.error:
            yield broken(path, row)
            continue
        identifier = str(row.values.get("identifier") or "")
        found: dict[str, Any] = {
            "label": None,
            "image0": None,
            "image1": None,
            "consistency_group": None,
        }
        found |= {"left_url": None, "right_url": None} | dict(row.values)
        found["identifier"] = identifier
        found["kind"] = kinds.get(identifier)
        match = _ID.fullmatch(identifier)
        if match is None:
            found[ERROR] = f"{identifier!r} is not an identifier such as dev-850-0-0"
            yield found
            continue
        # All pairs that one sentence was written for: the identifier without its pair.
        found["consistency_group"] = f"{match['split']}-{match['set']}-{match['sentence']}"
        stem = f"{match['split']}-{match['set']}-{match['pair']}"
        folder = f"{found['directory']}/" if found.get("directory") is not None else ""
        found |= {"image0": f"{folder}{stem}-img0.*", "image1": f"{folder}{stem}-img1.*"}
        yield found


def _split_of(path: Path) -> str:
    """The split that the first row of a file belongs to; empty where it is no such file."""
    try:
        with path.open("rb") as file:  # a large document of another kind is not read whole
            if b'"identifier"' not in file.read(_HEAD):
                return ""
        first = next(iter(rows_of(path)), None)
    except (DataError, OSError):
        return ""
    match = _ID.fullmatch(str(first.values.get("identifier"))) if first else None
    return match["split"] if match else ""


def _subsets(tables: list[Path], split: str) -> dict[str, str]:
    """`balanced` and `unbalanced` -> the file that lists that part of a split."""
    matches = ((_SUBSET.fullmatch(path.name), path) for path in tables)
    return {m["kind"]: str(path) for m, path in matches if m and m["split"] == split}
