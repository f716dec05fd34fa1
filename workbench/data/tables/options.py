"""The options of a multiple choice: from a row's columns, list or text to letters; which is gold.

Guarantee: options are lettered A, B, … in the order of the row; a gold answer may be a letter, an
option's text, or its index from 0, and anything else is a problem that is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.data.tables.columns import as_text, cell_list, value_of

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NONE = frozenset({"", "nan", "<na>", "null"})  # a row with fewer options than there are columns
_MARK = re.compile(r"(?:(?<=\s)|^)(?:\(([A-Za-z])\)|([A-Z])[).:])(?=\s)")  # (A), (a), A., A), A:


def options_of(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, str]:
    """Letter -> text; empty for a row with fewer than two options."""
    values = [value_of(row, column) for column in columns]
    if len(values) == 1:
        value = values[0]
        if isinstance(value, Mapping):  # {"text": […], "label": […]}, or {"A": …, "B": …}
            value = value.get("text", _lettered(value))
        if isinstance(value, str) and cell_list(value) is None:
            value = split_text(value)[1]
        values = cell_list(value) or []
    texts = [(as_text(value) or "").strip() for value in values]
    if len(columns) > 1:
        texts = [text for text in texts if text.lower() not in _NONE]
    return dict(zip(LETTERS, texts, strict=False)) if len(texts) > 1 else {}


def _lettered(value: Mapping[str, Any]) -> list[Any] | None:
    """The values under A, B, …, in the order of the letters; `None` for other keys."""
    keys = {str(key).strip().upper(): key for key in value}
    letters = LETTERS[: len(keys)]
    return [value[keys[letter]] for letter in letters] if set(keys) == {*letters} else None


def split_text(text: str) -> tuple[str, list[str]]:
    """A question whose options stand in its text (`A. red`, `(b) blue`): its stem, the options.

    What stands on lines of its own behind the last option stays with the stem. Without at least
    an A and a B in their order the whole text is the stem.
    """
    found = [(match, (match[1] or match[2]).upper()) for match in _MARK.finditer(text)]
    first = next((i for i in reversed(range(len(found))) if found[i][1] == "A"), len(found))
    marks = [m for (m, letter), own in zip(found[first:], LETTERS, strict=False) if letter == own]
    if len(marks) < 2 or [letter for _, letter in found[first:]] != [*LETTERS[: len(marks)]]:
        return text, []
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    options = [text[m.end() : end].strip() for m, end in zip(marks, ends, strict=True)]
    options[-1], _, tail = options[-1].partition("\n")
    stem = "\n".join(part for part in (text[: marks[0].start()].strip(), tail.strip()) if part)
    return stem, [option.strip(" ,;\n") for option in options]


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
