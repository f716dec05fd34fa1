"""CIFAR-10: the Python batches or a folder of images, with captions of models beside them.

The captions stand in a CSV file `Dataset_Index,A1,A2,…`, one per split, named as
`SPLIT=captions.csv`. They are answers of models, so they are kept as candidates under the names
of their columns and never taken for references.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.data.layouts.base import LayoutFiles, LayoutInput, Problems, nothing_found
from workbench.data.layouts.pickled import PIXELS, SIDE, Blob, read_batch
from workbench.data.layouts.places import columns_of, rows_of
from workbench.data.tables.columns import as_text
from workbench.data.tables.folders import FolderFile, find_splits
from workbench.data.tables.mapping import SplitFile
from workbench.errors import DataError, UsageError

VERSION = 1
LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
INDEX = "Dataset_Index"
_BATCHES = {"train": [f"data_batch_{n}" for n in range(1, 6)], "test": ["test_batch"]}


def find(given: LayoutInput) -> LayoutFiles:
    """The batches of `cifar-10-batches-py`, or the splits of an image folder."""
    captions = {split: path for split, path in given.files if split}
    if len(captions) < len(given.files):
        name = given.files[0][1].name
        raise UsageError(f"{name} is of no split", hint=f"write SPLIT={name}, such as test={name}")
    folders = (given.folder, given.folder / "cifar-10-batches-py")
    batches = next(filter(None, map(_batches, folders)), None)
    parts = batches or _image_folders(given.folder, bool(captions))
    for split, path in captions.items():
        if split not in parts:
            raise UsageError(
                f"{path} is named for the split {split!r}, which {given.folder} has not",
                hint=f"write SPLIT={path.name}, SPLIT being one of {', '.join(parts)}",
            )
        beside = {**parts[split].beside, "captions": str(path)}
        parts[split] = dataclasses.replace(parts[split], beside=beside)
    return LayoutFiles(list(parts.values()))


def rows(part: SplitFile, problems: Problems) -> Iterator[Mapping[str, Any]]:
    """A row per picture; of the batches only where its pixels lie, which `finish` reads."""
    path = Path(part.path)
    pictures = list(_of_folder(path) if path.is_dir() else _of_batches(part))
    candidates = _candidates(part, pictures, problems)
    for picture in pictures:
        yield {**picture, "candidates": candidates.get(picture["index"], {})}


def finish(part: SplitFile, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the picture to a row of a batch, as PNG. Raises `DataError` where it cannot be read."""
    at, batch = values.get("at"), values.get("batch")
    if at is None or batch is None:
        return values
    path = Path(part.path).parent / str(batch)
    try:
        with path.open("rb") as file:
            file.seek(at)
            raw = file.read(PIXELS)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(raw) != PIXELS:
        raise DataError(f"{path} is cut off", hint="fetch it again")
    return {**{k: v for k, v in values.items() if k != "at"}, "image": _png(raw)}


def _png(raw: bytes) -> bytes:
    """3,072 bytes, all reds before all greens before all blues, as an encoded picture."""
    from PIL import Image

    size = (SIDE, SIDE)
    planes = [raw[start : start + SIDE * SIDE] for start in range(0, PIXELS, SIDE * SIDE)]
    picture = Image.merge("RGB", [Image.frombytes("L", size, plane) for plane in planes])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _batches(folder: Path) -> dict[str, SplitFile]:
    """The splits whose batches are there, each as its first file with the others beside it."""
    found = {}
    for split, names in _BATCHES.items():
        there = [folder / name for name in names if (folder / name).is_file()]
        if there and len(there) < len(names):
            missing = next(name for name in names if not (folder / name).is_file())
            raise DataError(f"{folder} has no {missing}", hint="unpack the batches again")
        if there:
            beside = {path.name: str(path) for path in there[1:]}
            found[split] = SplitFile(split, str(there[0]), beside=beside)
    return found


def _image_folders(folder: Path, captioned: bool) -> dict[str, SplitFile]:
    splits = find_splits(folder) or {"all": folder}
    classes = {p.name for root in splits.values() if root.is_dir() for p in root.iterdir()}
    if not captioned and not classes & set(LABELS):
        raise nothing_found(folder, "cifar10", ["data_batch_1", "test_batch", "test/cat/"])
    return {split: SplitFile(split, str(p), image_root=str(p)) for split, p in splits.items()}


def _of_batches(part: SplitFile) -> Iterator[dict[str, Any]]:
    index = 0
    files = [part.path, *(path for role, path in part.beside.items() if role != "captions")]
    for path in map(Path, files):
        batch = read_batch(path)
        labels, data = batch.get("labels"), batch.get("data")
        names = batch.get("filenames") or [None] * len(labels or ())
        if not isinstance(labels, list) or not isinstance(data, Blob):
            hint = "is it the version for Python? Or save it again with pickle's protocol 4"
            raise DataError(f"{path} has no labels and pixels of CIFAR-10", hint=hint)
        if data.length != len(labels) * PIXELS or len(names) != len(labels):
            raise DataError(
                f"{path} has {data.length:,} bytes of pixels, {len(labels):,} labels and "
                f"{len(names):,} names",
                hint="fetch it again",
            )
        for number, (label, name) in enumerate(zip(labels, names, strict=True)):
            known = isinstance(label, int) and 0 <= label < len(LABELS)
            yield {
                "id": index,
                "index": index,
                "label": LABELS[label] if known else str(label),
                "image": None,
                "filename": name,
                "batch": path.name,
                "at": data.start + number * PIXELS,
            }
            index += 1


def _of_folder(root: Path) -> Iterator[dict[str, Any]]:
    """The pictures of a folder; numbered by their names where these can be the index."""
    with FolderFile(root).open() as listing:
        found = [json.loads(line) for line in listing]
    stems = [Path(row["file"]).stem for row in found]
    numbers = [int(stem) if stem.isascii() and stem.isdigit() else -1 for stem in stems]
    # Kaggle's copy is numbered from 1 and in another order.
    whole = min(numbers) >= 0 and len(set(numbers)) == len(numbers)
    numbered = whole and (min(numbers), max(numbers)) != (1, len(numbers))
    for row, number in zip(found, numbers, strict=True):
        yield {
            "id": row["file"],
            "index": number if numbered else None,
            "label": row["label"],
            "image": row["file"],
        }


def _candidates(
    part: SplitFile, pictures: Sequence[Mapping[str, Any]], problems: Problems
) -> dict[int, dict[str, str]]:
    """Index -> column -> caption. What belongs to no picture is named by its row."""
    if "captions" not in part.beside:
        return {}
    path = Path(part.beside["captions"])
    known = {picture["index"] for picture in pictures}
    if None in known:
        raise DataError(
            f"{path.name} goes by {INDEX}, and the pictures in {part.path} have no such numbers",
            hint="add the Python batches, or pictures called by their index (0.png, 1.png, …)",
        )
    column = next((c for c in columns_of(path) if c.lower() == INDEX.lower()), None)
    if column is None:
        raise DataError(
            f"{path} has no column {INDEX!r}", hint=f"it has {', '.join(columns_of(path))}"
        )
    found: dict[int, dict[str, str]] = {}
    for row in rows_of(path):
        text = (as_text(row.values.get(column)) or "").strip().removesuffix(".0")
        number = int(text) if text.isascii() and text.removeprefix("-").isdigit() else None
        where = f"row {row.number}" + (f" ({text})" if text else "")
        if row.error or number is None:
            problems.add(f"rows of {path.name} without a {INDEX}", where)
        elif number not in known:
            problems.add(f"rows of {path.name} whose {INDEX} is no picture of {part.split}", where)
        elif number in found:
            problems.add(f"rows of {path.name} whose {INDEX} stands twice", where)
        else:
            said = {c: as_text(v) or "" for c, v in row.values.items() if _is_answer(c)}
            found[number] = {c: v for c, v in said.items() if v.strip()}
    return found


def _is_answer(column: str) -> bool:
    return re.fullmatch(r"A\d+", column) is not None
