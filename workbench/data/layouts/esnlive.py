"""e-SNLI-VE: e-ViL's CSV files, older ones with `Explanation_1..3`, SNLI-VE's JSON lines.

Each with the images of Flickr30k. Tables of explanations alone (`image_path,hypothesis,exp`) have
no pairs to join and are added as they are.

The label is the column's, never the last letter of the pairID, which disagrees on one row in eight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.data.layouts.base import ERROR, LayoutFiles, LayoutInput, Problems, nothing_found
from workbench.data.layouts.places import (
    broken,
    columns_of,
    image_root,
    only_files,
    rows_of,
    tables_in,
)
from workbench.data.tables.columns import as_text
from workbench.data.tables.guessing import guess_explanations, guess_label, guess_texts
from workbench.data.tables.mapping import SplitFile

VERSION = 1
_NAME = re.compile(
    r"(?:e?-?snli[-_]?ve(?:-2\.0)?[-_])?(?P<split>train|dev|val|valid|test)"
    r"(?:[-_]?(?:part)?[-_]?\d{1,2})?\.(?:csv|jsonl)",
    re.I,
)
_REASON = re.compile(r"explanation(_\d+)?", re.I)
_IMAGE = ("flickr30kid", "flikr30kid", "flickr30k_id", "image")
_HYPOTHESIS = ("hypothesis", "sentence2")
_FOLDERS = ("flickr30k_images", "flickr30k-images", "flickr30k", "images", "flickr30k/images")
_FOLDERS += ("flickr30k_images/flickr30k_images",)
_NONE = frozenset({"", "nan", "-"})  # "-": the judges did not agree


def find(given: LayoutInput) -> LayoutFiles:
    """`esnlive_train.csv`, `esnlive_dev.csv`, `esnlive_test.csv`; a split may have several."""
    only_files(given, "esnlive")
    if any(split for split, _ in given.files):
        files = [(split or path.stem, path) for split, path in given.files]
    else:
        matches = (
            (_NAME.fullmatch(path.name), path) for path in tables_in(given, (".csv", ".jsonl"))
        )
        files = [(m["split"].lower(), path) for m, path in matches if m]
    if not files:
        raise nothing_found(given.folder, "esnlive", ["esnlive_train.csv", "esnlive_dev.csv"])
    if all(_explanations_alone(path) for _, path in files):
        return LayoutFiles([], plain=[f"{split}={path}" for split, path in files])
    parts = []
    for split, path in files:
        part = SplitFile(split, str(path))
        names = (row["image"] for row in rows(part, Problems()) if row.get("image"))
        root, _ = image_root(given, path, names, _FOLDERS)
        parts.append(SplitFile(split, str(path), image_root=str(root)))
    return LayoutFiles(parts)


def _explanations_alone(path: Path) -> bool:
    """Whether a table has hypotheses with their explanations, and neither pairs nor labels."""
    columns = columns_of(path)
    wanted = guess_texts(columns).get("hypothesis") and guess_explanations(columns)
    return bool(wanted) and not guess_label(columns) and "pairid" not in map(str.lower, columns)


def rows(part: SplitFile, problems: Problems) -> Iterator[Mapping[str, Any]]:
    """The rows, the explanations together in one list, pandas' unnamed index left out."""
    path = Path(part.path)
    for row in rows_of(path):
        values = {key: value for key, value in row.values.items() if not _is_index(key)}
        lower = {key.lower(): value for key, value in values.items()}
        pair = str(lower.get("pairid") or "")
        if row.error or not pair:
            yield broken(path, row) if row.error else {ERROR: f"row {row.number} has no pairID"}
            continue
        label = (as_text(lower.get("gold_label")) or "").strip()
        image = next((str(lower[key]) for key in _IMAGE if lower.get(key)), "")
        image = image or pair.partition("#")[0]
        reasons = [str(value) for key, value in values.items() if _is_reason(key, value)]
        beside = {key: value for key, value in values.items() if not _is_taken(key)}
        yield beside | {
            "pairID": pair,
            "image": image if "." in image else f"{image}.*",
            "hypothesis": next((lower[key] for key in _HYPOTHESIS if key in lower), None),
            "label": None if label.lower() in _NONE else label.lower(),
            "explanations": reasons,
        }


def _is_index(column: str) -> bool:
    return column in ("", "column0") or column.startswith("Unnamed:")


def _is_taken(column: str) -> bool:
    known = {"pairid", "gold_label", *_HYPOTHESIS, *_IMAGE}
    return column.lower() in known or bool(_REASON.fullmatch(column))


def _is_reason(column: str, value: Any) -> bool:
    return bool(_REASON.fullmatch(column)) and str(value).strip().lower() not in ("", "nan")
