"""One record, one line of strict JSON: to bytes and back.

Guarantee: whatever `to_line` returns, `parse_line` reads back, and so does any other JSON
reader; a proper prefix of a line is never taken for a record. Not for pretty-printing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sessions.errors import RecordError


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
    """The object on a line, `None` where there is no whole one."""
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def finite(value: Any) -> Any:
    """`value` with every NaN and infinity, however deep, replaced by `None`."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value
