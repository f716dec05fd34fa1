"""Which columns most likely are the text and the label, by their values alone.

Guarantee: a proposal to type, never a guess that is taken. Not for columns with a known name:
`guessing` takes those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from workbench.data.tables.guessing import MAX_LABELS
from workbench.images.decode import EXTENSIONS

LOOKED_AT = 1_000  # rows
UNKNOWN = "COLUMN"  # stands for the column that the user must name
_SHORT = 24  # characters that a label has at most
_NEVER = ("split", "url")  # their words are no answers


def likely_options(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Options of `wb data add` that name the likeliest columns; empty where there is no column.

    The label is the column with the fewest different short values, of which some come again; the
    text the one with the longest of those that hold words. One that is not found is `UNKNOWN`.

    Args:
        rows: Column -> value, of rows whose columns have no role yet.
    """
    values: dict[str, list[str]] = {}
    for row in rows:
        for column, value in row.items():
            if isinstance(value, (str, int, float)):
                values.setdefault(column, []).append(str(value).strip())
    if not values:
        return ()
    words = {c: found for c, found in values.items() if not _are_pictures(found)}
    classes = [c for c, found in words.items() if c.lower() not in _NEVER and _is_closed(found)]
    label = min(classes, key=lambda c: len(set(words[c])), default=UNKNOWN)
    texts = [c for c, found in words.items() if c not in classes and _are_words(found)]
    text = max(texts, key=lambda c: sum(map(len, words[c])) / len(words[c]), default=UNKNOWN)
    return "--text", f"question={text}", "--label", label


def _is_closed(found: list[str]) -> bool:
    different = {value for value in found if value}
    few = 2 <= len(different) <= min(MAX_LABELS, len(found) // 2)
    return few and max(map(len, different)) <= _SHORT


def _are_words(found: list[str]) -> bool:
    return sum(any(letter.isalpha() for letter in value) for value in found) * 2 > len(found)


def _are_pictures(found: list[str]) -> bool:
    return all(PurePath(value).suffix.lower() in EXTENSIONS for value in found)
