"""Boxes of objects, where a dataset tells them: into `{"name", "box": [x0, y0, x1, y1]}`.

Boxes are in pixels of the image as shown, x to the right and y down, the far edge excluded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NLVR1_STEP = 150  # pixels from one grey box of an NLVR picture to the next
_NLVR1_KEYS = {"x_loc", "y_loc", "size", "type", "color"}
_NLVR1_COLORS = {"#0099ff": "blue"}


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


FORMATS: dict[str, tuple[Callable[[Any], bool], Callable[[Any], list[list[dict[str, Any]]]]]] = {
    "nlvr1": (is_nlvr1, nlvr1_objects),
    "boxes": (is_plain, plain_boxes),
}


def detect(row: Mapping[str, Any]) -> list[str]:
    """`column:format` of every column that holds objects."""
    return [
        f"{column}:{name}"
        for column, value in row.items()
        for name, (test, _) in FORMATS.items()
        if test(value)
    ]
