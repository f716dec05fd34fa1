"""Boxes of objects, where a dataset tells them: into `{"name", "box": [x0, y0, x1, y1]}`.

Boxes are in pixels of the image as shown, x to the right and y down, the far edge excluded. Points
are `{"name", "point": [x, y]}`. Boxes in fractions of their image stay so (`"shares"`), since its
size is in its file: `workbench.grounding.gold` brings them to pixels where they are wanted.
Guarantee: an image has boxes only where they are known to be its own; else it is said why not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.grounding.region import numbers

NLVR1_STEP = 150  # pixels from one grey box of an NLVR picture to the next
_NLVR1_KEYS = {"x_loc", "y_loc", "size", "type", "color"}
_NLVR1_COLORS = {"#0099ff": "blue"}
# `dev-1572-0-3.png`: the identifier, and which of the six renderings of it this is.
_NLVR1_NAME = re.compile(r"(?:^|[-_/\\])\d+-\d+-(\d+)\.\w+$")


_Read = Callable[[Any, Sequence[str]], "Objects"]


@dataclass(frozen=True)
class Objects:
    """What a row tells of the objects in its images.

    Attributes:
        boxes: A list per image, in their order; empty lists for images whose boxes are unknown.
        left_out: Why an image has no boxes though the row has some; empty where none lacks them.
    """

    boxes: list[list[dict[str, Any]]]
    left_out: str = ""


def nlvr1_objects(value: Any) -> list[list[dict[str, Any]]]:
    """NLVR's `structured_rep`: three lists of objects, one picture of 400x100 pixels.

    `x_loc`, `y_loc` is the upper left corner inside of its grey box, `size` the side in pixels.

    Raises:
        ValueError: The value is not of that shape.
    """
    if not is_nlvr1(value):
        raise ValueError("not the object lists of NLVR")
    found = []
    for number, group in enumerate(value):
        for item in group:
            left, top, size = item["x_loc"] + NLVR1_STEP * number, item["y_loc"], item["size"]
            color = str(item["color"])
            name = f"{_NLVR1_COLORS.get(color.lower(), color.lower())} {item['type']}"
            found.append(
                {"name": name, "box": [left, top, left + size, top + size], "group": number}
            )
    return [found]


def is_nlvr1(value: Any) -> bool:
    """Whether a value has the shape of NLVR's `structured_rep`."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(group, list) for group in value)
        and any(value)
        and all(
            isinstance(item, Mapping)
            and set(item) >= _NLVR1_KEYS
            and all(isinstance(item[key], (int, float)) for key in ("x_loc", "y_loc", "size"))
            for group in value
            for item in group
        )
    )


def plain_boxes(value: Any) -> list[list[dict[str, Any]]]:
    """Boxes in our own form: a list per image (or one list, of one image) of objects.

    Raises:
        ValueError: An object has no name or no box of four numbers.
    """
    if not isinstance(value, list):
        raise ValueError("not a list of objects")
    lists = value if not value or isinstance(value[0], list) else [value]
    return [[_plain_object(item) for item in group] for group in lists]


def is_plain(value: Any) -> bool:
    """Whether a value can be read by `plain_boxes` and says something."""
    try:
        return any(plain_boxes(value))
    except (ValueError, TypeError):
        return False


def _plain_object(item: Any) -> dict[str, Any]:
    box = item.get("box") if isinstance(item, Mapping) else None
    if not isinstance(box, list) or len(box) != 4:
        raise ValueError("an object without a box of four numbers")
    return dict(item) | {"name": str(item.get("name", "object")), "box": [float(x) for x in box]}


def _nlvr1_of(value: Any, images: Sequence[str]) -> Objects:
    """The boxes of those images that `structured_rep` describes.

    Each example of NLVR has six renderings, `split-n-m-k.png` with k of 0 to 5, which differ in
    the order of the three grey boxes. `structured_rep` is the order of k = 0 (all 989 examples
    of dev were held against their pixels); the orders of the others are published nowhere.

    Raises:
        ValueError: The value is not of that shape.
    """
    found, boxes, problems = nlvr1_objects(value), [], []
    for name in images:
        match = _NLVR1_NAME.search(name)
        boxes += found if match and match[1] == "0" else [[]]
        if match is None:
            problems.append(f"{name!r} does not say which of the six renderings it is (…-0.png)")
        elif match[1] != "0":
            problems.append(f"they belong to rendering 0, and {name!r} is rendering {match[1]}")
    return Objects(boxes, "; ".join(dict.fromkeys(problems)))


def _plain_of(value: Any, images: Sequence[str]) -> Objects:
    """Boxes in our own form, which says itself what belongs to which image."""
    return Objects(plain_boxes(value))


def _looks_like_no_table(value: Any) -> bool:
    """Bare numbers may be anything: such columns are named, never guessed."""
    return False


def _numbered(read: Callable[[tuple[float, ...]], dict[str, Any]], count: int) -> _Read:
    """A reader of rows of `count` numbers: one list, a list of lists, or either as JSON text."""

    def objects(value: Any, images: Sequence[str]) -> Objects:
        items = rows_of_numbers(value, count)
        return Objects([[read(numbers(item, count)) for item in items]] if images else [])

    return objects


def rows_of_numbers(value: Any, count: int) -> list[Any]:
    """One row of numbers, or several, as lists, JSON or `12 40 96 131`.

    Raises:
        ValueError: The value is neither.
    """
    if isinstance(value, str):
        text = value.strip()
        if not text.startswith("["):  # `12 40 96 131`, `12,40,96,131`
            value = [float(part) for part in text.replace(",", " ").split()]
        else:
            value = json.loads(text)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"{count} numbers are wanted, got {str(value)[:60]!r}")
    nested = isinstance(value[0], (list, tuple))
    return list(value) if nested else [value]


def _corners(values: tuple[float, ...]) -> dict[str, Any]:
    x0, y0, x1, y1 = values
    return {"name": "object", "box": [x0, y0, x1, y1]}


def _shares(values: tuple[float, ...]) -> dict[str, Any]:
    if not all(-0.01 <= value <= 1.01 for value in values):
        raise ValueError(f"fractions from 0 to 1 are wanted, got {list(values)}")
    return {"name": "object", "shares": [min(max(value, 0.0), 1.0) for value in values]}


def _point(values: tuple[float, ...]) -> dict[str, Any]:
    return {"name": "point", "point": [*values]}


def _sized(value: Any, images: Sequence[str]) -> Objects:
    """Left, top, width and height, as COCO writes boxes."""
    boxes = []
    for item in rows_of_numbers(value, 4):
        x, y, wide, high = (float(one) for one in _four(item))
        boxes.append({"name": "object", "box": list(numbers([x, y, x + wide, y + high], 4))})
    return Objects([boxes] if images else [])


def _four(item: Any) -> Sequence[Any]:
    if not isinstance(item, (list, tuple)) or len(item) != 4:
        raise ValueError(f"4 numbers are wanted, got {str(item)[:60]!r}")
    return item


def _coco(value: Any, images: Sequence[str]) -> Objects:
    """COCO's annotations: `{"bbox": [x, y, width, height], "category_id" | "category"}`."""
    if isinstance(value, str):
        value = json.loads(value)
    items = [value] if isinstance(value, Mapping) else value
    if isinstance(items, (list, tuple)) and items and not isinstance(items[0], Mapping):
        return _sized(value, images)
    if not isinstance(items, (list, tuple)):
        raise ValueError("not a list of annotations")
    boxes = []
    for item in items:
        (found,) = _sized(item.get("bbox"), ["image"]).boxes[0]
        name = item.get("category") or item.get("category_name") or item.get("category_id")
        boxes.append(found | {"name": str("object" if name is None else name)})
    return Objects([boxes] if images else [])


FORMATS: dict[str, tuple[Callable[[Any], bool], _Read]] = {
    "nlvr1": (is_nlvr1, _nlvr1_of),
    "boxes": (is_plain, _plain_of),
    "xyxy": (_looks_like_no_table, _numbered(_corners, 4)),
    "xywh": (_looks_like_no_table, _sized),
    "coco": (_looks_like_no_table, _coco),
    "xyxy01": (_looks_like_no_table, _numbered(_shares, 4)),
    "xy": (_looks_like_no_table, _numbered(_point, 2)),
}


def detect(row: Mapping[str, Any]) -> list[str]:
    """`column:format` of every column that holds objects."""
    return [
        f"{column}:{name}"
        for column, value in row.items()
        for name, (test, _) in FORMATS.items()
        if test(value)
    ]
