"""Hateful Memes: `train.jsonl`, `dev_seen.jsonl`, … beside `img/`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.data.layouts.base import ERROR, LayoutFiles, LayoutInput, Problems, nothing_found
from workbench.data.layouts.places import broken, by_split, image_root, only_files, rows_of
from workbench.data.tables.mapping import SplitFile

VERSION = 1
_MAIN = r"(?P<split>train|dev|test|(?:dev|test)_(?:un)?seen)\.jsonl"


def find(given: LayoutInput) -> LayoutFiles:
    """The splits that are there; the tests may be without labels."""
    only_files(given, "hateful_memes")
    files = by_split(given, _MAIN, (".jsonl",))
    if not files:
        expected = ["img/", "train.jsonl", "dev_seen.jsonl", "test_seen.jsonl"]
        raise nothing_found(given.folder, "hateful_memes", expected)
    parts = []
    for split, path in files.items():
        part = SplitFile(split, str(path))
        names = (row["img"] for row in rows(part, Problems()) if row.get("img"))
        root, _ = image_root(given, path, names, ("img", "data", "images"))
        parts.append(dataclasses.replace(part, image_root=str(root)))
    return LayoutFiles(parts)


def rows(part: SplitFile, problems: Problems) -> Iterator[Mapping[str, Any]]:
    """The lines; the id as a number, a label that is not there as none."""
    path = Path(part.path)
    for row in rows_of(path, format="jsonlines"):
        if row.error:
            yield broken(path, row)
            continue
        number = str(row.values.get("id", "")).strip()
        if not number.isdecimal():
            yield {**row.values, ERROR: f"its id {row.values.get('id')!r} is not a number"}
            continue
        label = row.values.get("label")
        yield {
            **row.values,
            "id": int(number),  # some copies write it as the file is called: "08291"
            "img": row.values.get("img") or f"img/{int(number):05}.png",
            "label": None if label == "" else label,
            "text": row.values.get("text"),
        }
