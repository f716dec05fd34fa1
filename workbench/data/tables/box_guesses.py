"""Which columns of a table tell of boxes, by their names and by what they hold.

Guarantee: a guess says in words why it was made and how another one is given; numbers that would
fit two formats are taken as the column's name has it in published data, and that is said.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sessions.errors import WbError
from workbench.data.readers.opening import open_reader
from workbench.data.tables.box_columns import boxes_of, column_and_format
from workbench.data.tables.columns import pick
from workbench.data.tables.mapping import TableMapping
from workbench.data.tables.objects import FORMATS, rows_of_numbers
from workbench.data.tables.rows import RowMapper
from workbench.data.tables.table_files import data_file
from workbench.images.decode import shown_size

LOOKED_AT = 100  # rows whose numbers decide between two formats
SIZED = 25  # of them, whose pictures are asked for their size
# One column for each number, and the format that their names say.
_CORNERS = (
    *(("x1", "y1", "x2", "y2"), ("x0", "y0", "x1", "y1"), ("xmin", "ymin", "xmax", "ymax")),
    *(("x_min", "y_min", "x_max", "y_max"), ("left", "top", "right", "bottom")),
    ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"),
)
_SIDES = (
    *(("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height")),
    *(("bbox_x", "bbox_y", "bbox_w", "bbox_h"), ("bbox_x", "bbox_y", "bbox_width", "bbox_height")),
)
# One column of all numbers; COCO and RefCOCO call it `bbox`, and write left, top, width, height.
_COCO_NAMES = ("bbox", "bboxes", "gt_bbox", "gt_bboxes")
_NAMES = (*_COCO_NAMES, "box", "boxes", "gt_box", "gt_boxes", "bounding_box", "bounding_boxes")


@dataclass(frozen=True)
class GuessedBoxes:
    """Where boxes are, and why.

    Attributes:
        said: As `--objects` takes it.
        why: In words, with how another format is given.
    """

    said: str
    why: str


def guess_boxes(mapping: TableMapping, columns: Sequence[str]) -> GuessedBoxes | None:
    """The boxes of a table that says nothing of them itself; `None` where it has none.

    Args:
        mapping: With its images, which decide where numbers alone do not.
        columns: Of all files.
    """
    lower = {column.lower(): column for column in reversed(columns)}
    rows = list(_rows(mapping)) if _may_have(lower) else []
    for names, form in [*((n, "xyxy") for n in _CORNERS), *((n, "xywh") for n in _SIDES)]:
        if all(name in lower for name in names):
            column = ",".join(lower[name] for name in names)
            values = [box for row in rows for box in _numbers(row, f"{column}:{form}")]
            if values and form == "xyxy" and _are_shares(values):
                return GuessedBoxes(f"{column}:xyxy01", "all numbers lie between 0 and 1")
            if values:
                return GuessedBoxes(f"{column}:{form}", f"{_TOLD[form]}, by the columns' names")
    for name in _NAMES:
        if name in lower and (found := _of_one(mapping, lower[name], rows, name)) is not None:
            return found
    return None


def _may_have(lower: Mapping[str, str]) -> bool:
    sets = (*_CORNERS, *_SIDES)
    return any(name in lower for name in _NAMES) or any(all(n in lower for n in s) for s in sets)


def _of_one(
    mapping: TableMapping, column: str, rows: Sequence[Mapping[str, Any]], name: str
) -> GuessedBoxes | None:
    first = next((row for row in rows if pick(row, column)), None)
    if first is None:
        return None
    cell = pick(first, column)
    if FORMATS["boxes"][0](cell):
        return None  # in our own form, which is detected by itself
    held = cell[0] if isinstance(cell, list) and cell else cell
    if isinstance(held, Mapping):
        return GuessedBoxes(f"{column}:coco", "annotations") if "bbox" in held else None
    usual = "xywh" if name in _COCO_NAMES else "xyxy"
    values = [_numbers(row, f"{column}:{usual}") for row in rows]
    if not any(values):
        return None
    sizes = list(islice(_sizes(mapping, rows, values), SIZED))
    return _settled(f"{column}:{usual}", [v for some in values for v in some], sizes)


def _settled(
    said: str,
    values: Sequence[tuple[float, ...]],
    sizes: Sequence[tuple[tuple[float, ...], tuple[int, int]]],
) -> GuessedBoxes:
    """The format that all boxes fit; of two that fit the usual one, and that is said."""
    column, usual = column_and_format(said)
    other = "xywh" if usual == "xyxy" else "xyxy"
    if _are_shares(values):
        return GuessedBoxes(f"{column}:xyxy01", "all numbers lie between 0 and 1")
    fits = {form: test(values, sizes) for form, test in _FITS.items()}
    if fits[other] and not fits[usual]:
        wrong = "end before they begin" if not all(map(_is_corners, values)) else "reach too far"
        why = f"{_TOLD[other]}: as {usual} some {wrong}; --objects {said} if not"
        return GuessedBoxes(f"{column}:{other}", why)
    both = fits[usual] and fits[other]
    more = f"; --objects {column}:{other} if they are {_TOLD[other]}, which fits too"
    why = f"{_TOLD[usual]}, by the column's name" + (more if both else "")
    return GuessedBoxes(said, why)


_TOLD = {"xyxy": "two corners", "xywh": "left, top, width, height"}


def _are_shares(values: Sequence[Sequence[float]]) -> bool:
    return all(0 <= v <= 1 for box in values for v in box) and all(map(_is_corners, values))


def _is_corners(box: Sequence[float]) -> bool:
    return box[2] > box[0] and box[3] > box[1]


def _corners_fit(values: Sequence[Any], sizes: Sequence[Any]) -> bool:
    inside = all(box[2] <= size[0] + 1 and box[3] <= size[1] + 1 for box, size in sizes)
    return inside and all(map(_is_corners, values))


def _sides_fit(values: Sequence[Any], sizes: Sequence[Any]) -> bool:
    ends = [(box[0] + box[2], box[1] + box[3], size) for box, size in sizes]
    return all(x <= size[0] + 1 and y <= size[1] + 1 for x, y, size in ends)


_FITS: dict[str, Callable[[Sequence[Any], Sequence[Any]], bool]] = {
    "xyxy": _corners_fit,
    "xywh": _sides_fit,
}


def _numbers(row: Mapping[str, Any], said: str) -> list[tuple[float, ...]]:
    """The boxes of a row as numbers, whatever they are of; nothing where it holds none."""
    try:
        value = boxes_of(row, said)
        return [tuple(map(float, one)) for one in rows_of_numbers(value, 4) if len(one) == 4]
    except (ValueError, TypeError):
        return []


def _rows(mapping: TableMapping) -> Iterator[Mapping[str, Any]]:
    reader = open_reader(data_file(mapping, mapping.files[0]), mapping.read)
    try:
        for row in islice(reader.scan(), LOOKED_AT):
            if not row.error:
                yield row.values
    finally:
        reader.close()


def _sizes(
    mapping: TableMapping, rows: Sequence[Mapping[str, Any]], values: Sequence[Any]
) -> Iterator[tuple[tuple[float, ...], tuple[int, int]]]:
    """(box, size of its picture) where the picture is on this machine."""
    if mapping.is_remote or not mapping.images:
        return
    mapper = RowMapper(replace(mapping, objects="", label="", texts={}), mapping.files[0])
    for row, boxes in zip(rows, values, strict=True):
        with contextlib.suppress(WbError, OSError, ValueError):
            images = mapper.sample("guess/boxes/0", row).images
            if len(images) == 1 and images[0].url is None:
                size = shown_size(images[0])
                yield from ((box, size) for box in boxes)
