"""Values out of rows: by column, by path into nested values, by template.

Guarantee: a template only fills in values; it is never formatted by `str.format`, which would
reach into objects.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from sessions.json_line import load_json
from workbench.text import did_you_mean

LISTED = 40  # columns that an error names
MOST_FREQUENT = ":most_frequent"  # behind a column of lists, where a label is wanted
FOLDER = ":folder"  # behind a column of paths: the name of the folder that an image lies in
_FIELD = re.compile(r"\{([^{}:]+)(?::0?(\d{1,2}))?\}")


def pick(row: Mapping[str, Any], column: str) -> Any:
    """The value of a column, or of a path such as `image.path` or `answers.0`, or `None`."""
    if column in row:
        return row[column]
    value: Any = row
    for part in column.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def as_text(value: Any) -> str | None:
    """A value in words; `None` for what is missing (null, NaN).

    Whole numbers that a table kept as floats (`12.0`) are written without their point, since
    the point says only that some other row was empty. Truth values are `true` and `false`.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (list, Mapping)):
        import json

        return json.dumps(jsonable(value), ensure_ascii=False)
    return str(value)


def whole(text: str) -> str:
    """Text without half surrogate pairs, which JSON can hold and UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def is_template(text: str) -> bool:
    """Whether a column's name is a template."""
    return bool(_FIELD.search(text))


def column_of(text: str) -> str:
    """A column's name without the mark that says what of its values is meant."""
    return text.removesuffix(MOST_FREQUENT).removesuffix(FOLDER)


def columns_in(text: str) -> tuple[str, ...]:
    """The columns that a template, or a plain name, reads."""
    text = column_of(text)
    return tuple(m[1] for m in _FIELD.finditer(text)) or ((text,) if text else ())


def columns_hint(wanted: str, columns: Sequence[str]) -> str:
    """What to say where a column is not there: the nearest one, and which there are."""
    more = ", …" if len(columns) > LISTED else ""
    return f"{did_you_mean(wanted, columns)}its columns are {', '.join(columns[:LISTED])}{more}"


def value_of(row: Mapping[str, Any], text: str) -> Any:
    """The value of a column, or a filled template; `None` where any of its columns is missing.

    Of `answers:most_frequent` it is the text that stands most often in the list of that column, of
    `file_name:folder` the name of the folder in that column's path.
    """
    if text.endswith(FOLDER) and text not in row:
        path = as_text(pick(row, text.removesuffix(FOLDER))) or ""
        return PurePosixPath(path.replace("\\", "/")).parent.name or None
    if text.endswith(MOST_FREQUENT) and text not in row:
        value = pick(row, text.removesuffix(MOST_FREQUENT))
        return most_frequent(texts_in(value if (many := cell_list(value)) is None else many))
    return expand(text, row) if is_template(text) else pick(row, text)


def most_frequent(answers: Sequence[str], official: Any = None) -> str | None:
    """The answer that most people gave; of equally frequent ones the official, else the first.

    A file's own answer is often another one (TextVQA: of a quarter of its questions), and one that
    nobody wrote would be an eleventh answer.
    """
    counts = Counter(answer for answer in answers if answer.strip())
    if not counts:
        return None
    most = max(counts.values())
    best = [answer for answer, count in counts.items() if count == most]
    return str(official) if official in best else best[0]


def expand(template: str, row: Mapping[str, Any], quote: Callable[[str], str] = str) -> str | None:
    """Fill a template: `images/{id:05}.png`; `None` where a column that it names is missing.

    Args:
        template: The template.
        row: Its values.
        quote: Applied to each value.
    """
    missing = False

    def fill(match: re.Match[str]) -> str:
        nonlocal missing
        text = as_text(pick(row, match[1]))
        missing = missing or text is None
        return quote((text or "").zfill(int(match[2] or 0)))

    filled = _FIELD.sub(fill, template)
    return None if missing else filled


def jsonable(value: Any) -> Any:
    """A value as JSON can hold it: bytes by their number, dates as text, NaN as null."""
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return whole(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


MAX_CELL = 100_000  # characters of a cell that may be a list


def cell_list(value: Any) -> list[Any] | None:
    """The list that a value is or that a cell writes as JSON or as Python does; else `None`."""
    if isinstance(value, (list, tuple)):
        return list(value)
    text = value.strip() if isinstance(value, str) and len(value) <= MAX_CELL else ""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    for read in (load_json, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        return found if isinstance(found, list) else None
    return None


def texts_in(value: Any, blank: bool = False) -> list[str]:
    """The texts in a value that may be a list, missing ones left out and empty ones too.

    With `blank` an empty text that stands in a list is kept. Of an object
    (`{"answer": "two", "answer_confidence": "yes"}`) it is the text in it.
    """
    items = value if isinstance(value, list) else [value]
    found = (as_text(_inner(item)) for item in items)
    keep = blank and isinstance(value, list)
    return [text for text in found if text is not None and (keep or text.strip())]


def _inner(item: Any) -> Any:
    if isinstance(item, Mapping):
        return next((item[key] for key in _TEXT_KEYS if key in item), item)
    return item


_TEXT_KEYS = ("answer", "caption", "raw", "text", "sentence", "explanation")
