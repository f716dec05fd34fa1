"""Visual questions: VQA v2 and VizWiz (questions and annotations), VizWiz's own list, GQA.

All answers of people are kept, in their order, empty ones too: the official accuracy leaves one
person out at a time. Plain tables with `question` and `answer` are ordinary tables.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from sys import intern
from typing import Any, Literal

from workbench.data.layouts.base import ERROR, LayoutFiles, LayoutInput, Problems, nothing_found
from workbench.data.layouts.places import (
    broken,
    image_root,
    list_in,
    list_of,
    only_files,
    pairs_of,
    rows_of,
    tables_in,
)
from workbench.data.tables.columns import most_frequent
from workbench.data.tables.mapping import SplitFile
from workbench.errors import DataError

VERSION = 2
Flavour = Literal["questions", "annotations", "vizwiz", "gqa", "table", ""]
_TABLES = (".csv", ".tsv", ".parquet", ".jsonl")
_FOLDERS = ("images", "img", "train2014", "val2014", "test2015", "train", "val", "test")
_SUBSET = re.compile(r"(train|val|test)(?:-dev)?(2014|2015|2017)")
_SPLIT = re.compile(r"(train|val|valid|test|testdev|dev|challenge)(-dev)?\d*")


def find(given: LayoutInput) -> LayoutFiles:
    """The question files, each with the annotations that belong to it."""
    only_files(given, "vqa")
    named = {path: split for split, path in given.files}
    flavours = {path: flavour_of(path) for path in tables_in(given, (".json", *_TABLES))}
    flavours = {p: f for p, f in flavours.items() if f and not p.name.startswith("MultipleChoice")}
    if flavours and set(flavours.values()) == {"table"}:
        files = [f"{named[p]}={p}" if named.get(p) else str(p) for p in flavours]
        return LayoutFiles([], {"task": "question"}, plain=files)
    answers = {
        named.get(path) or _split_of(path): str(path)
        for path, flavour in flavours.items()
        if flavour == "annotations"
    }
    parts: dict[str, SplitFile] = {}
    for path, flavour in flavours.items():
        split = named.get(path) or _split_of(path)
        if flavour not in ("questions", "vizwiz", "gqa"):
            continue
        if split in parts:
            raise DataError(
                f"{parts[split].path} and {path} are both of the split {split}",
                hint="name the files: wb data add NAME SPLIT=QUESTIONS SPLIT=ANNOTATIONS",
            )
        beside = {"annotations": answers[split]} if split in answers else {}
        parts[split] = SplitFile(split, str(path), beside=beside)
    if not parts:
        expected = ["v2_OpenEnded_mscoco_val2014_questions.json", "val.json (VizWiz)"]
        raise nothing_found(given.folder, "vqa", [*expected, "val_balanced_questions.json (GQA)"])
    return LayoutFiles([_with_images(part, given) for part in parts.values()])


def rows(part: SplitFile, problems: Problems) -> Iterator[Mapping[str, Any]]:
    """A row per question: `question_id`, `question`, `image`, `label`, `answers`, …."""
    path = Path(part.path)
    flavour = flavour_of(path)
    if flavour == "gqa":
        yield from _gqa(path)
    elif flavour == "vizwiz":
        yield from _vizwiz(path)
    else:
        yield from _questions(path, part, problems)


def flavour_of(path: Path) -> Flavour:
    """Which form a file has; empty where it holds no questions.

    Raises:
        DataError: It is called like one and cannot be read.
    """
    if path.suffix.lower() in _TABLES:
        return "table"
    try:
        key = list_in(path, "questions", "annotations")
        if key:
            first = next(iter(list_of(path, key)), None)
            wanted = "question" if key == "questions" else "answers"
            return key if first is not None and wanted in first.values else ""  # type: ignore
        row = next(iter(rows_of(path)), None)
        if row is not None and {"image", "question"} <= set(row.values):
            # VizWiz has ten `answers` or none; one answer, or options, is a table of one's own.
            return "" if {"answer", "choices", "options"} & set(row.values) else "vizwiz"
        _, value = next(pairs_of(path), ("", None))
    except DataError:
        if re.search("question|annotation", path.name, re.I):
            raise  # it should have been one
        return ""
    return "gqa" if isinstance(value, Mapping) and {"question", "imageId"} <= set(value) else ""


def _questions(path: Path, part: SplitFile, problems: Problems) -> Iterator[Mapping[str, Any]]:
    found = _annotations(part, problems)
    subset = _subset(path, part.split)
    for row in list_of(path, "questions"):
        number = row.values.get("question_id")
        if row.error or number is None:
            yield broken(path, row) if row.error else {**row.values, ERROR: "no question_id"}
            continue
        entry = found.pop(str(number), None)
        if part.beside and entry is None:
            problems.add("questions without an annotation", f"question_id {number}")
        image, people = row.values.get("image_id"), list(entry[0]) if entry else []
        facts = dict(entry[1]) if entry else {}
        official = facts.get("multiple_choice_answer")
        label = most_frequent(people, official)
        if official is not None and label is not None and _bare(official) != _bare(label):
            problems.add(_OTHER, f"question_id {number} ({official}; {label})")
        yield {
            **row.values,
            "image": _image_name(image, subset),
            "answers": people,
            "label": label,
            "confidences": list(entry[2]) if entry else [],
            "kind": facts.get("answer_type") or facts.get("question_type"),
            **{key: facts.get(key) for key in _FACTS},
        }
    for number in found:
        problems.add("annotations of questions that are not listed", f"question_id {number}")


def _bare(answer: Any) -> str:
    """An answer without its capitals and the full stop at its end."""
    return str(answer).casefold().strip(" .")


_OTHER = "questions whose official answer is not people's most frequent, which is the label"
_FACTS = ("question_type", "answer_type", "multiple_choice_answer", "answerable")
_Entry = tuple[tuple[str, ...], tuple[tuple[str, Any], ...], tuple[str, ...]]


def _annotations(part: SplitFile, problems: Problems) -> dict[str, _Entry]:
    """question_id -> the answers, the facts, the confidences; interned, as most are equal."""
    found: dict[str, _Entry] = {}
    if "annotations" not in part.beside:
        return found
    for row in list_of(Path(part.beside["annotations"]), "annotations"):
        number = row.values.get("question_id")
        if row.error or number is None:
            problems.add("annotations that cannot be read", f"number {row.number}")
            continue
        if str(number) in found:
            problems.add("questions annotated twice, of which the first counts", f"{number}")
            continue
        facts = tuple((key, row.values[key]) for key in _FACTS if key in row.values)
        answers = row.values.get("answers")
        found[str(number)] = (answers_of(answers), facts, _confidences(answers))
    return found


def answers_of(value: Any) -> tuple[str, ...]:
    """The answers in their order, one per person: equal and empty ones each keep their place."""
    items = value if isinstance(value, list) else []
    said = (item.get("answer") if isinstance(item, Mapping) else item for item in items)
    return tuple(intern("" if answer is None else str(answer)) for answer in said)


def _confidences(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else []
    found = [item.get("answer_confidence") for item in items if isinstance(item, Mapping)]
    return tuple(intern(str(c)) for c in found) if any(found) else ()


def _vizwiz(path: Path) -> Iterator[Mapping[str, Any]]:
    for row in rows_of(path):
        image = str(row.values.get("image") or "")
        if row.error or not image:
            yield broken(path, row) if row.error else {**row.values, ERROR: "it has no image"}
            continue
        people = answers_of(row.values.get("answers"))
        yield {
            **row.values,
            # One question per picture, which is what the challenge's server goes by, too.
            "question_id": row.values.get("question_id", image.rpartition(".")[0] or image),
            "answers": list(people),
            "label": most_frequent(people),
            "confidences": list(_confidences(row.values.get("answers"))),
            "kind": row.values.get("answer_type"),
        }


def _gqa(path: Path) -> Iterator[Mapping[str, Any]]:
    for number, value in pairs_of(path):
        if not isinstance(value, Mapping) or value.get("question") is None:
            yield {"question_id": number, ERROR: "it has no question"}
            continue
        answer, types = value.get("answer"), value.get("types")
        yield {
            "question_id": number,
            "question": value["question"],
            "image": f"{value.get('imageId')}.*",
            "answers": [answer] if answer is not None else [],
            "label": answer,
            "kind": types.get("structural") if isinstance(types, Mapping) else None,
            **{key: value.get(key) for key in ("imageId", "fullAnswer", "types", "isBalanced")},
        }


def _image_name(image: Any, subset: str) -> str | None:
    """The file of an image: VizWiz names it, COCO numbers it."""
    if image is None:
        return None
    if not str(image).isdecimal():
        return str(image) if "." in str(image) else f"{image}.*"
    prefix = f"COCO_{subset}_" if subset and not subset.endswith("2017") else ""
    return f"{prefix}{int(image):012}.*"


def _subset(path: Path, split: str) -> str:
    """`val2014` of a file's name; the images of test-dev2015 are those of test2015."""
    match = _SUBSET.search(path.name) or _SUBSET.search(split)
    return f"{match[1]}{match[2]}" if match else ""


def _split_of(path: Path) -> str:
    """The split in a file's name: `v2_mscoco_val2014_annotations.json` is of `val2014`."""
    for token in re.split(r"[_.]", path.stem):
        if _SPLIT.fullmatch(token):
            return token
    return "all"


def _with_images(part: SplitFile, given: LayoutInput) -> SplitFile:
    questions = dataclasses.replace(part, beside={})
    names = (str(row["image"]) for row in rows(questions, Problems()) if row.get("image"))
    own = (part.split, f"images/{part.split}", *_FOLDERS)
    root, _ = image_root(given, Path(part.path), names, own)
    return dataclasses.replace(part, image_root=str(root))
