"""The options of a multiple choice: from a row's columns or its list to letters, and which is gold.

Guarantee: options are lettered A, B, … in the order of the row; a gold answer may be a letter, an
option's text, or its index from 0, and anything else is a problem that is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.data.tables.columns import as_text, cell_list, value_of

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NONE = frozenset({"", "nan", "<na>", "null"})  # a row with fewer options than there are columns


def options_of(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, str]:
    """Letter -> text; empty for a row with fewer than two options."""
    values = [value_of(row, column) for column in columns]
    if len(values) == 1:
        value = values[0]
        if isinstance(value, Mapping):  # {"text": […], "label": […]}
            value = value.get("text")
        values = cell_list(value) or []
    texts = [(as_text(value) or "").strip() for value in values]
    if len(columns) > 1:
        texts = [text for text in texts if text.lower() not in _NONE]
    return dict(zip(LETTERS, texts, strict=False)) if len(texts) > 1 else {}


def gold_option(gold: str | None, options: Mapping[str, str], problems: list[str]) -> str | None:
    """The letter of the right option; `None`, with a problem, for what is none of them."""
    if gold is None:
        return None
    by_text = {text.casefold(): letter for letter, text in reversed(list(options.items()))}
    letter = gold.strip("(). ").upper()
    if letter in options and gold.casefold() not in by_text:
        return letter
    if gold.casefold() in by_text:
        return by_text[gold.casefold()]
    if gold.isdecimal() and int(gold) < len(options):
        return LETTERS[int(gold)]
    known = ", ".join(options)
    problems.append(f"its answer {gold!r} is none of {known}, their texts, or an index from 0")
    return None
