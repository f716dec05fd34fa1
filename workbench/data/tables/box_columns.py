"""The columns that tell of boxes: what a mapping's `objects` names, and what a row holds there.

`COLUMN:FORMAT` is one column, `x1,y1,x2,y2:xyxy` one for each number; the formats are those of
`objects`. Not for guessing: see `box_guesses`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.data.tables.columns import columns_hint, pick
from workbench.data.tables.objects import FORMATS
from workbench.errors import UsageError


def column_and_format(said: str) -> tuple[str, str]:
    """The column (or columns) and the format of `COLUMN:FORMAT`."""
    column, _, form = said.rpartition(":")
    return column, form


def columns_of_boxes(said: str) -> tuple[str, ...]:
    """The columns that a mapping's `objects` reads."""
    column, _ = column_and_format(said)
    parts = tuple(part.strip() for part in column.split(","))
    return parts if len(parts) in (2, 4) and all(parts) else (column,) if column else ()


def boxes_of(row: Mapping[str, Any], said: str) -> Any:
    """What a row holds of its boxes: the cell, or the numbers of several cells as one list.

    `None` where every one of several cells is empty: that row has no box.
    """
    columns = columns_of_boxes(said)
    if len(columns) == 1:
        return pick(row, columns[0])
    cells = [pick(row, column) for column in columns]
    if all(cell is None or str(cell).strip() == "" for cell in cells):
        return None
    return [number_in(cell) for cell in cells]


def number_in(cell: Any) -> float:
    """A cell's number. Raises `ValueError`."""
    try:
        return float(cell)
    except TypeError as error:
        raise ValueError(f"a number is wanted, got {str(cell)[:60]!r}") from error


def check_said(said: str, columns: Sequence[str]) -> None:
    """Refuse boxes that were named and are not there. Raises `UsageError`."""
    column, form = column_and_format(said)
    if form not in FORMATS:
        raise UsageError(
            f"{said!r} does not name a column of boxes and its format",
            hint="write COLUMN:FORMAT, or one column for each number (x1,y1,x2,y2:xyxy); "
            f"the formats are {', '.join(FORMATS)}",
        )
    roots = {name.partition(".")[0] for name in columns}
    for name in columns_of_boxes(said) if columns else ():
        if name not in columns and name.partition(".")[0] not in roots:
            raise UsageError(
                f"there is no column {name!r} of boxes",
                hint=columns_hint(name, columns),
            )
