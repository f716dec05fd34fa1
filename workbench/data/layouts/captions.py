"""Captions: COCO's JSON, Karpathy's, and plain `{image: [captions]}` with answers beside it.

One sample per image, all its captions as references. Karpathy's `restval` joins `train`. Flickr8k's
lists of images (`Flickr_8k.trainImages.txt`) cut its captions into splits; lemmas are none.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from workbench.data.layouts.base import ERROR, LayoutFiles, LayoutInput, Problems, nothing_found
from workbench.data.layouts.caption_rows import ENDINGS, form_of, gathered
from workbench.data.layouts.places import (
    broken,
    image_root,
    list_in,
    list_of,
    only_files,
    pairs_of,
    tables_in,
)
from workbench.data.tables.columns import texts_in
from workbench.data.tables.mapping import SplitFile
from workbench.errors import DataError
from workbench.images.decode import EXTENSIONS

VERSION = 1
Flavour = Literal["coco", "karpathy", "plain", "answers", "rows", "tokens", "single", ""]
_ROWS = ("rows", "tokens", "single")
_FOLDERS = ("images", "img", "train2014", "val2014", "test2014", "train2017", "val2017")
_FOLDERS += ("flickr30k_images", "flickr30k-images", "Images")
_FOLDERS += ("Flicker8k_Dataset", "Flickr8k_Dataset")
_LIST = re.compile(r"(?i)(?:.*[._-])?(train|dev|val|test)_?images\.txt")
_LEMMAS = re.compile(r"(?i)\blemma\b")
_OWN, _ANY = "images", "images of "  # the list of a split, and those of all


def find(given: LayoutInput) -> LayoutFiles:
    """Every caption file; a Karpathy file holds several splits."""
    only_files(given, "captions")
    named = {path: split for split, path in given.files}
    flavours = {path: flavour_of(path) for path in tables_in(given, (".json", *ENDINGS))}
    for path in [p for p in flavours if _LEMMAS.search(p.name) and not given.files]:
        del flavours[path]  # the same captions, as nobody wrote them
    answers = {p.stem: str(p) for p, flavour in flavours.items() if flavour == "answers"}
    said = [path for path, flavour in flavours.items() if flavour in ("coco", "karpathy", *_ROWS)]
    lists = _lists(given) if len(said) == 1 and flavours[said[0]] in _ROWS else {}
    parts = [_listed(said[0], split, lists) for split in lists]
    for path, flavour in flavours.items() if not lists else ():
        if flavour == "karpathy":
            parts += [SplitFile(split, str(path)) for split in _karpathy_splits(path)]
        elif flavour in ("coco", *_ROWS):
            parts.append(SplitFile(named.get(path) or _split_of(path), str(path)))
        elif flavour == "plain":
            split = named.get(path) or _split_of(path)
            parts.append(SplitFile(split, str(path), beside=answers))
    if not parts:
        raise nothing_found(
            given.folder, "captions", ["captions_val2014.json", "dataset_coco.json"]
        )
    return LayoutFiles([_with_images(part, given) for part in parts])


def rows(part: SplitFile, problems: Problems) -> Iterator[Mapping[str, Any]]:
    """A row per image: `id`, `image`, `caption` (the first), `captions`, and what is known."""
    path = Path(part.path)
    flavour = flavour_of(path)
    if flavour == "karpathy":
        yield from _karpathy(path, part.split)
    elif flavour == "plain":
        yield from _plain(path, part.beside, problems)
    elif flavour in _ROWS:
        yield from _of_list(gathered(path, flavour, problems), part.beside, problems)
    else:
        yield from _coco(path, problems)


def flavour_of(path: Path) -> Flavour:
    """Which form a JSON file has; empty where it holds no captions.

    Raises:
        DataError: It is called like one and cannot be read.
    """
    if path.suffix.lower() != ".json":
        form = form_of(path)
        return form if form in _ROWS else ""
    try:
        if list_in(path, "images") and "sentences" in _first(path, "images"):
            return "karpathy"
        if list_in(path, "annotations"):
            return "coco" if "caption" in _first(path, "annotations") else ""
        if list_in(path, "images"):
            return "coco" if "file_name" in _first(path, "images") else ""
        _, value = next(pairs_of(path), ("", None))
    except DataError:
        if re.search("caption|image_info", path.name, re.I):
            raise  # it should have been one
        return ""
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "plain"
    return "answers" if isinstance(value, str) else ""


def is_document(path: Path) -> bool:
    """Whether a JSON file is plainly of captions: COCO's, Karpathy's, or lists under image files.

    Raises:
        DataError: It is called like one and cannot be read.
    """
    flavour = flavour_of(path)
    if flavour != "plain":
        return flavour in ("coco", "karpathy")
    return all(name.lower().endswith(EXTENSIONS) for name, _ in pairs_of(path))


def _coco(path: Path, problems: Problems) -> Iterator[Mapping[str, Any]]:
    captions: dict[str, list[str]] = defaultdict(list)
    if list_in(path, "annotations"):
        for row in list_of(path, "annotations"):
            found = texts_in(row.values.get("caption"))
            if row.error or not found:
                problems.add("annotations without a caption", f"number {row.number}")
                continue
            captions[str(row.values.get("image_id"))].append(found[0].strip())
    for row in list_of(path, "images"):
        if row.error or row.values.get("id") is None:
            yield broken(path, row) if row.error else {**row.values, ERROR: "it has no id"}
            continue
        said = captions.pop(str(row.values["id"]), [])
        image = row.values.get("file_name")
        beside = {key: value for key, value in row.values.items() if key != "file_name"}
        yield beside | {"image": image, "caption": said[0] if said else None, "captions": said}
    for image in captions:
        problems.add("captions of images that are not listed", f"image_id {image}")


def _karpathy(path: Path, split: str) -> Iterator[Mapping[str, Any]]:
    for row in list_of(path, "images"):
        if row.error:
            if split == "train":  # where a row without a split goes: once, not into each
                yield broken(path, row)
            continue
        own = str(row.values.get("split"))
        if ("train" if own == "restval" else own) != split:
            continue
        name, folder = str(row.values.get("filename")), row.values.get("filepath")
        said = [text.strip() for s in _list(row.values.get("sentences")) for text in _raw(s)]
        number = row.values.get("cocoid")
        yield {
            "id": number if number is not None else name.rpartition(".")[0] or name,
            "image": f"{folder}/{name}" if folder else name,
            "caption": said[0] if said else None,
            "captions": said,
            "imgid": row.values.get("imgid"),
            "restval": own == "restval",
        }


def _raw(sentence: Any) -> list[str]:
    """The caption of one of Karpathy's sentences: as written, else its tokens."""
    if not isinstance(sentence, Mapping):
        return texts_in(sentence)
    return texts_in(sentence.get("raw")) or texts_in(
        " ".join(texts_in(_list(sentence.get("tokens"))))
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _plain(
    path: Path, beside: Mapping[str, str], problems: Problems
) -> Iterator[Mapping[str, Any]]:
    answers = {name: dict(pairs_of(Path(file))) for name, file in beside.items()}
    seen: set[str] = set()
    for name, value in pairs_of(path):
        seen.add(name)
        said = texts_in(value)
        known = name.lower().endswith(EXTENSIONS)
        yield {
            "id": name,
            "image": name if known else f"{name}.*",
            "caption": said[0] if said else None,
            "captions": said,
            "candidates": {n: found[name] for n, found in answers.items() if name in found},
        }
    for column, found in answers.items():
        for name in found.keys() - seen:
            problems.add(f"answers in {column} to images that are not listed", name)


def _lists(given: LayoutInput) -> dict[str, Path]:
    """Split -> the list of its images, as Flickr8k has them beside its captions."""
    if given.files:
        return {}
    named = ((_LIST.fullmatch(path.name), path) for path in tables_in(given, (".txt",)))
    found = {match[1].lower(): path for match, path in named if match}
    return {split: found[split] for split in ("train", "dev", "val", "test") if split in found}


def _listed(path: Path, split: str, lists: Mapping[str, Path]) -> SplitFile:
    """A split by its list; the first knows all of them, to tell what is in none."""
    beside = {_OWN: str(lists[split])}
    if split == next(iter(lists)):
        beside |= {f"{_ANY}{one}": str(path) for one, path in lists.items()}
    return SplitFile(split, str(path), beside=beside)


def _of_list(
    found: Iterator[Mapping[str, Any]], beside: Mapping[str, str], problems: Problems
) -> Iterator[Mapping[str, Any]]:
    """The rows whose image the split's list has; all of them without a list."""
    if _OWN not in beside:
        yield from found
        return
    wanted = _names(beside[_OWN])
    listed = {n for role, file in beside.items() if role != _OWN for n in _names(file)}
    for row in found:
        name = str(row["id"])
        if name in wanted:
            del wanted[name]
            yield row
        elif len(beside) > 1 and name not in listed:
            problems.add("captioned images that are in no split's list", name)
    for name in wanted:
        problems.add("images of the split's list without a caption", name)


def _names(path: str) -> dict[str, None]:
    """The lines of a list of images. Raises `DataError` where it is gone."""
    try:
        text = Path(path).read_text("utf-8", "replace")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}", hint="put it back") from error
    return dict.fromkeys(line.strip() for line in text.splitlines() if line.strip())


def _karpathy_splits(path: Path) -> list[str]:
    found = {str(row.values.get("split")) for row in list_of(path, "images") if not row.error}
    order = ("train", "val", "test")
    names = {"train" if name == "restval" else name for name in found}
    return sorted(names, key=lambda name: (order.index(name) if name in order else 9, name))


def _split_of(path: Path) -> str:
    """`captions_val2014.json` is of `val2014`; `refs.json` is of `refs`."""
    stem = re.sub(r"^(captions|image_info|dataset)[-_]", "", path.stem)
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-.") or "all"


def _with_images(part: SplitFile, given: LayoutInput) -> SplitFile:
    path = Path(part.path)
    if flavour_of(path) == "coco":  # the captions need not be read to know where the images lie
        found = (row.values.get("file_name") for row in list_of(path, "images"))
    else:
        found = (row.get("image") for row in rows(part, Problems()))
    names = (str(name) for name in found if name)
    root, _ = image_root(given, Path(part.path), names, (part.split, *_FOLDERS))
    return dataclasses.replace(part, image_root=str(root))


def _first(path: Path, key: str) -> Mapping[str, Any]:
    row = next(iter(list_of(path, key)), None)
    return row.values if row else {}
