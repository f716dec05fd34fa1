"""From boxes and points in pixels of an image to the words of a model: `reading` the other way.

What is written is an example's answer, or what a training teaches. The forms are those of the
published sources that `conventions` lists:

- `brackets`: `[x0, y0, x1, y1]`, `(x, y)` (LLaVA-1.5's training has two decimals).
- `qwen`: `<|object_ref_start|>cat<|object_ref_end|><|box_start|>(x,y),(x,y)<|box_end|>`; a
  tokenizer without those tokens gets the same without them, as answers read once they are decoded.
- `json`: `[{"bbox_2d": [x0, y0, x1, y1], "label": "cat"}]`, `point_2d`.
- `loc`: `<locY><locX><locY><locX> cat ; …`.
- `internvl`: `<ref>cat</ref><box>[[x0, y0, x1, y1], …]</box>`.
- `molmo`: `<point x="…" y="…" alt="cat">cat</point>`, `<points x1="…" y1="…" …>`.

Guarantee: standard library only. What is written is read back by `read_regions` over the same
frame within half a step of the form's numbers: of the part that the frame covers, and of a box
that is narrower than one step within one. Not for which form a model has: see
`workbench.models.box_writer`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.grounding.conventions import Form
from workbench.grounding.region import Region
from workbench.sample import CoordinateFrame

_LOC_MOST = 1023
# Of names alone: what would end them early in one of the forms.
_BREAKS = re.compile(r"[<>|;()\[\]{}\"\n\r\t]+")
_CORNER = r"\(\d{1,4},\d{1,4}\)"
_NUMBERS = r"\[\d{1,4}(?:, ?\d{1,4}){3}\]"
# A place with its marks, whole: the only text of an answer whose special tokens mean themselves.
MARKED = re.compile(
    rf"<\|object_ref_start\|>[^<>|]{{0,400}}<\|object_ref_end\|>"
    rf"(?:<\|box_start\|>{_CORNER}(?:,{_CORNER})?<\|box_end\|>)+"
    rf"|<ref>[^<>|]{{0,400}}</ref><box>\[{_NUMBERS}(?:, ?{_NUMBERS})*\]</box>"
)


class CannotWrite(ValueError):
    """Places that a form or a frame has no words for; says why."""


@dataclass(frozen=True)
class Manner:
    """How one model's places are written.

    Attributes:
        form: What stands around the numbers.
        decimals: Behind the point.
        marks: The model's tokenizer has the tokens that mark places (`<|box_start|>`).
    """

    form: Form
    decimals: int = 0
    marks: bool = True


def write_regions(
    regions: Sequence[Region],
    frame: CoordinateFrame,
    manner: Manner,
    name: str = "",
    *,
    points: bool = False,
) -> str:
    """Places as an answer that says them.

    Args:
        regions: In pixels of the first image, all boxes or all points.
        frame: What coordinates of that image are of; its units are known.
        manner: How they are written.
        name: What is there, in the words of the question; empty takes each region's own.
        points: Points are asked for: a box is written as its middle.

    Raises:
        CannotWrite: There are none; they lie in another image, outside of the image or of what the
            model sees of it; or the form has none of their kind.
    """
    if not regions:
        raise CannotWrite("it has no box and no point")
    if other := next((one.image for one in regions if one.image), 0):
        raise CannotWrite(f"its place lies in image {other + 1}, and an answer's in the first")
    kinds = {one.is_box for one in regions} if not points else {False}
    if len(kinds) > 1:
        raise CannotWrite("it has both boxes and points")
    if manner.form in ("loc", "internvl") and kinds == {False}:
        raise CannotWrite("its place is a point, and the model's form has boxes alone")
    wanted = [one.centre for one in regions] if manner.form == "molmo" or points else None
    places = wanted or [one.at for one in regions]
    values = [_numbers(at, frame, manner) for at in places]
    names = [_clean(name or one.name) for one in regions]
    return _FORMS[manner.form](values, names, manner)


def _numbers(at: Sequence[float], frame: CoordinateFrame, manner: Manner) -> list[float]:
    """The coordinates as the form has them: rounded, within the frame, a box never empty."""
    if frame.units is None:
        raise CannotWrite("nobody knows what the model's numbers are of")
    (x0, y0, x1, y1), size = frame.span, frame.size
    low = max(0.0, x0), max(0.0, y0)  # of what is both image and frame
    high = min(float(size[0]), x1), min(float(size[1]), y1)
    inside = [min(max(value, low[i % 2]), high[i % 2]) for i, value in enumerate(at)]
    if len(at) == 4 and (inside[2] <= inside[0] or inside[3] <= inside[1]):
        raise CannotWrite(f"its box {_said(at)} lies outside of {_seen(frame)}")
    if len(at) == 2 and inside != [float(value) for value in at]:
        raise CannotWrite(f"its point {_said(at)} lies outside of {_seen(frame)}")
    found: list[float] = []
    for x, y in zip(inside[::2], inside[1::2], strict=True):
        found += frame.from_image(x, y)
    step = 10.0**-manner.decimals
    most = [min(unit, _LOC_MOST) if manner.form == "loc" else unit for unit in frame.units]
    exact, found = found, [min(round(v / step) * step, most[i % 2]) for i, v in enumerate(found)]
    for axis in (0, 1) if len(found) == 4 else ():
        if found[axis + 2] <= found[axis]:  # narrower than a step: the one that its middle is in
            middle = (exact[axis] + exact[axis + 2]) / 2
            found[axis] = min(math.floor(middle / step) * step, most[axis] - step)
            found[axis + 2] = found[axis] + step
    return [round(value, manner.decimals) for value in found]


def _seen(frame: CoordinateFrame) -> str:
    wide, high = frame.size
    whole = f"the image of {wide} x {high} pixels"
    return whole if frame.box is None else f"what the model sees of {whole}"


def _said(at: Sequence[float]) -> str:
    return "[" + ", ".join(f"{value:g}" for value in at) + "]"


def _clean(name: str) -> str:
    return " ".join(_BREAKS.sub(" ", name).split())


def _text(value: float, manner: Manner) -> str:
    if not manner.decimals:
        return str(round(value))
    short = f"{value:.{manner.decimals}f}".rstrip("0")
    return short + "0" if short.endswith(".") else short


def _list(values: Sequence[float], manner: Manner, between: str = ", ") -> str:
    return between.join(_text(value, manner) for value in values)


_Values = Sequence[Sequence[float]]


def _brackets(values: _Values, names: Sequence[str], manner: Manner) -> str:
    # Two points with a space between them would be the corners of a box.
    return ("; " if values and len(values[0]) == 2 else " ").join(
        f"[{_list(one, manner)}]" if len(one) == 4 else f"({_list(one, manner)})" for one in values
    )


def _qwen(values: _Values, names: Sequence[str], manner: Manner) -> str:
    said = []
    for one, name in zip(values, names, strict=True):
        corners = [f"({_list(one[i : i + 2], manner, ',')})" for i in range(0, len(one), 2)]
        place = ",".join(corners)
        if manner.marks:
            place = f"<|box_start|>{place}<|box_end|>"
            name = f"<|object_ref_start|>{name}<|object_ref_end|>"
        said.append(name + place)
    return "".join(said) if manner.marks else " ".join(said)


def _json(values: _Values, names: Sequence[str], manner: Manner) -> str:
    told = []
    for one, name in zip(values, names, strict=True):
        key = "bbox_2d" if len(one) == 4 else "point_2d"
        label = json.dumps(name, ensure_ascii=False)
        told.append(f'{{"{key}": [{_list(one, manner)}], "label": {label}}}')
    return f"[{', '.join(told)}]"


def _loc(values: _Values, names: Sequence[str], manner: Manner) -> str:
    said = []
    for (x0, y0, x1, y1), name in zip(values, names, strict=True):
        marks = "".join(f"<loc{round(value):04d}>" for value in (y0, x0, y1, x1))
        said.append(f"{marks} {name}".strip())
    return " ; ".join(said)


def _internvl(values: _Values, names: Sequence[str], manner: Manner) -> str:
    by_name: dict[str, list[str]] = {}
    for one, name in zip(values, names, strict=True):
        by_name.setdefault(name, []).append(f"[{_list(one, manner)}]")
    said = []
    for name, boxes in by_name.items():
        inside = f"[{', '.join(boxes)}]"
        marked = f"<ref>{name}</ref><box>{inside}</box>"
        said.append(marked if manner.marks else name + inside)
    return "\n".join(said)


def _molmo(values: _Values, names: Sequence[str], manner: Manner) -> str:
    name = names[0]
    if len(values) == 1:
        ((x, y),) = values
        at = f'x="{_text(x, manner)}" y="{_text(y, manner)}"'
        return f'<point {at} alt="{name}">{name}</point>'
    at = " ".join(
        f'x{i}="{_text(x, manner)}" y{i}="{_text(y, manner)}"' for i, (x, y) in enumerate(values, 1)
    )
    return f'<points {at} alt="{name}">{name}</points>'


_FORMS = {
    "brackets": _brackets,
    "qwen": _qwen,
    "json": _json,
    "loc": _loc,
    "internvl": _internvl,
    "molmo": _molmo,
}
