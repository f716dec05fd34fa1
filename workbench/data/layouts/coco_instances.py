"""Objects with boxes as COCO writes them, and referring expressions in the same documents.

- `instances_*.json` (`images`, `annotations` with `bbox` and `category_id`, `categories`): a sample
  for each category that an image has, whose phrase is the category's name and whose boxes are all
  of it in that image. A crowd (`iscrowd`) is no single object: it is left out and counted.
- Annotations with a phrase of their own (`caption`, `expression`, `phrase`, `sentences`, …): a
  sample for each phrase.
- Images with a phrase (`caption`, as MDETR writes RefCOCO): a sample for each, with all its boxes.

Boxes are left, top, width and height in pixels. What is empty, of no listed image or of no listed
category is left out, counted and told. Nothing is read of RefCOCO's pickles.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.data.layouts.base import ERROR, LayoutFiles, LayoutInput, Problems, nothing_found
from workbench.data.layouts.places import (
    broken,
    image_root,
    list_in,
    list_of,
    only_files,
    tables_in,
)
from workbench.data.tables.columns import texts_in
from workbench.data.tables.mapping import SplitFile
from workbench.errors import DataError

VERSION = 1
_PHRASES = ("expression", "caption", "phrase", "referring_expression", "sentence", "sentences")
_FOLDERS = ("images", "img", "train2014", "val2014", "train2017", "val2017", "train", "val")


def find(given: LayoutInput) -> LayoutFiles:
    """Every document of boxes."""
    only_files(given, "coco_instances")
    named = {path: split for split, path in given.files}
    parts = []
    for path in tables_in(given, (".json",)):
        if given.files or is_document(path):
            parts.append(SplitFile(named.get(path) or _split_of(path), str(path)))
    if not parts:
        raise nothing_found(given.folder, "coco_instances", ["instances_val2017.json"])
    return LayoutFiles([_with_images(part, given) for part in parts])


def is_document(path: Path) -> bool:
    """Whether a JSON file is a document of boxes; of one that cannot be read it is not."""
    try:
        if path.suffix.lower() != ".json" or not (
            list_in(path, "annotations") and list_in(path, "images")
        ):
            return False
        first = next(iter(list_of(path, "annotations")), None)
        return first is not None and "bbox" in first.values
    except DataError:
        return False


def rows(part: SplitFile, problems: Problems) -> Iterator[Mapping[str, Any]]:
    """A row per phrase: `id`, `image`, `expression`, `annotations`, and what its image has."""
    path = Path(part.path)
    names = _categories(path)
    by_image: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in list_of(path, "annotations"):
        if row.error or (one := _annotation(row.values, names, problems)) is None:
            if row.error:
                problems.add("annotations that cannot be read", f"number {row.number}")
            continue
        by_image[str(row.values.get("image_id"))].append(one)
    for row in list_of(path, "images"):
        image = row.values.get("id")
        if row.error or image is None:
            yield broken(path, row) if row.error else {**row.values, ERROR: "it has no id"}
            continue
        found = by_image.pop(str(image), [])
        if not found:
            problems.add("images without a box", str(row.values.get("file_name") or image))
        yield from _samples(row.values, found)
    for image, left in by_image.items():
        problems.add("images that are not listed and have boxes", f"{image} ({len(left)})")


def _samples(image: Mapping[str, Any], found: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
    beside = {k: v for k, v in image.items() if k not in ("id", "file_name", "caption")}
    beside |= {"image_id": image["id"], "image": image.get("file_name")}
    if own := texts_in(image.get("caption")) if found else ():
        yield _row(beside, str(image["id"]), own[0], found)
        return
    said = [one for one in found if one["phrases"]]
    for one in said:
        for number, phrase in enumerate(one["phrases"]):
            name = one["id"] + (f"-{number}" if len(one["phrases"]) > 1 else "")
            yield _row(beside, name, phrase, [one])
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in found if not said else ():
        by_name[one["category"]].append(one)
    for name in sorted(by_name):
        number = by_name[name][0]["number"]
        yield _row(beside, f"{image['id']}-{number}", name, by_name[name])


def _row(
    beside: Mapping[str, Any], name: str, phrase: str, found: list[dict[str, Any]]
) -> dict[str, Any]:
    boxes = [{"bbox": one["bbox"], "category": one["category"]} for one in found]
    return {"id": name, "expression": phrase.strip(), "annotations": boxes, **beside}


def _annotation(
    values: Mapping[str, Any], names: Mapping[str, str], problems: Problems
) -> dict[str, Any] | None:
    """One box with its name; `None` for what is none, which is told."""
    name, box = str(values.get("id")), values.get("bbox")
    if values.get("iscrowd"):
        problems.add("crowds, which are no single object", name)
        return None
    try:
        x, y, wide, high = (float(one) for one in box or ())
    except (TypeError, ValueError):
        problems.add("annotations without a box", name)
        return None
    if not (wide > 0 and high > 0):
        problems.add("boxes that hold nothing", f"{name} [{x:g}, {y:g}, {wide:g}, {high:g}]")
        return None
    phrases = [t for key in _PHRASES for t in _texts(values.get(key))]
    number = str(values.get("category_id"))
    category = names.get(number) or str(values.get("category_name") or "")
    if not category and not phrases and number != "None":
        problems.add("boxes of categories that are not listed", f"{name} ({number})")
        return None
    bare = [x, y, wide, high]
    return {"id": name, "bbox": bare, "category": category or "object", "number": number} | {
        "phrases": phrases
    }


def _texts(value: Any) -> list[str]:
    """The texts of a cell: RefCOCO's sentences are objects with `sent` or `raw`."""
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if isinstance(value, Mapping):
        return _texts(value.get("sent") or value.get("raw"))
    return [text for text in texts_in(value) if text.strip()]


def _categories(path: Path) -> dict[str, str]:
    if not list_in(path, "categories"):
        return {}
    found = (row.values for row in list_of(path, "categories") if not row.error)
    return {str(one.get("id")): str(one.get("name")) for one in found if one.get("name")}


def _split_of(path: Path) -> str:
    """`instances_val2017.json` is of `val2017`."""
    stem = re.sub(r"^(instances|person_keypoints|finetune|final)[-_]", "", path.stem)
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.") or "all"


def _with_images(part: SplitFile, given: LayoutInput) -> SplitFile:
    names = (row.values.get("file_name") for row in list_of(Path(part.path), "images"))
    known = (str(name) for name in names if name)
    root, _ = image_root(given, Path(part.path), known, (part.split, *_FOLDERS))
    return dataclasses.replace(part, image_root=str(root))
