"""One record, one line of strict JSON: to bytes and back.

Guarantee: whatever `to_line` returns, `parse_line` reads back, and so does any other JSON
reader; a proper prefix of a line is never taken for a record, nor is what no later step could
hold: nesting deeper than `MAX_DEPTH`, a number beyond a double. Not for pretty-printing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sessions.errors import RecordError

# Records nest less than ten deep. What nests deeper than this exhausts the stack of whoever walks
# it next (cleaning, printing, comparing), far from the line that is to blame.
MAX_DEPTH = 100
_MAX_DIGITS = 300  # a double ends at 1e308


def to_line(record: Mapping[str, Any]) -> bytes:
    """`record` as one line of strict JSON in UTF-8, newline included.

    JSON has no word for NaN and infinity: they become null. Raises `RecordError` for a value
    that JSON cannot hold.
    """
    try:
        try:
            text = json.dumps(record, ensure_ascii=False, allow_nan=False)
        except ValueError:
            text = json.dumps(finite(record), ensure_ascii=False, allow_nan=False)
        with suppress(UnicodeEncodeError):
            return text.encode("utf-8") + b"\n"
        # Half a surrogate pair, from a tokenizer's partial character: only an escape can hold it.
        return json.dumps(finite(record), ensure_ascii=True).encode("ascii") + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordError(
            f"a record holds a value that JSON cannot: {error}",
            hint="turn it into plain numbers, strings, lists and dicts first",
            kind="bad_record",
        ) from error


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The object on a line, `None` where there is no whole one that can be held."""
    try:
        value = load_json(line.decode("utf-8"))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def load_json(text: str) -> Any:
    """`json.loads` for text that nobody vouches for.

    Raises:
        ValueError: It is no JSON, nests deeper than `MAX_DEPTH`, or holds a number too large for
            a double. (`json` itself raises `RecursionError`, and takes such a whole number.)
    """
    try:
        value = json.loads(text, parse_int=whole_number)
    except RecursionError:
        raise ValueError(f"it nests deeper than {MAX_DEPTH}") from None
    # Only what has so many brackets can nest so deep: most lines are not walked at all.
    if text.count("[") + text.count("{") > MAX_DEPTH and is_deep(value):
        raise ValueError(f"it nests deeper than {MAX_DEPTH}")
    return value


def whole_number(digits: str) -> int:
    """A whole number that a double can hold. Raises `ValueError` for a longer one."""
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"it holds a number of {len(digits)} digits")
    return int(digits)


def is_deep(value: Any) -> bool:
    """Whether lists and objects nest deeper than `MAX_DEPTH`; level by level, not by recursion."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for outer in level:
            inner.extend(outer.values() if isinstance(outer, dict) else outer)
        level = [item for item in inner if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def finite(value: Any) -> Any:
    """`value` with every NaN and infinity, however deep, replaced by `None`."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
