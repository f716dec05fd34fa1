"""The one place that writes CSV, so that one rule says what a spreadsheet is shown.

Guarantee: no cell begins as a formula: an apostrophe stands before it. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

# Spreadsheets pass over blanks and controls before the sign, and take its full-width form too.
_FORMULA = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


def csv_cell(value: Any) -> str:
    """A value for a cell; an apostrophe is set before what would be run as a formula."""
    text = "" if value is None else str(value)
    return text if isinstance(value, (int, float)) or not _FORMULA.match(text) else f"'{text}"


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as CSV, its columns' names first."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for row in (columns, *rows):
        writer.writerow([csv_cell(value) for value in row])
    return out.getvalue()
