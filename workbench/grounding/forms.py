"""The forms in which answers write boxes and points, read out of a text in any order.

- PaliGemma: `<loc0100><loc0200><loc0300><loc0400> cat ; …`, which are y0, x0, y1, x1.
- Qwen2-VL: `<|object_ref_start|>cat<|object_ref_end|><|box_start|>(x,y),(x,y)<|box_end|>`.
- InternVL: `<ref>cat</ref><box>[[x, y, x, y], …]</box>`; Qwen-VL: `…<box>(x,y),(x,y)</box>`.
- The same as they are printed without special tokens: `cat(x,y),(x,y)`, `cat[[x, y, x, y]]`.
- Molmo: `<point x="…" y="…" alt="cat">`, `<points x1="…" y1="…" …>`; Qwen2.5-VL's XML too.
- Qwen2.5-VL: `{"bbox_2d": […], "label": "cat"}`, `{"point_2d": […]}`, cut off as well.
- LLaVA, plain: `[x, y, x, y]`, `(x, y, x, y)`; `[x, y]` and `(x, y)` where no box is there.

A form that was read is taken out of the text before the next one is looked for, so that nothing is
read twice. Guarantee: standard library; linear in the text. Not for what the numbers mean: a form
says no more than the units that it has where the model's own are not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

# Longer answers are loops of a model; what stands behind is not read.
MOST_TEXT = 100_000
_N = r"\s{0,20}(-?\d{1,9}(?:\.\d{0,9})?)\s{0,20}"
_QUAD = re.compile(rf"[\[(]{_N},{_N},{_N},{_N}[\])]")
_CORNERS = re.compile(rf"\({_N},{_N}\)\s{{0,20}},?\s{{0,20}}\({_N},{_N}\)")
_PAIR = re.compile(rf"[\[(]{_N},{_N}[\])]")
_LOC = re.compile(r"<loc(\d{4})>" * 4 + r"((?:<seg\d{3}>)*)[ \t]*([^;<>\n]*)")
_TAGGED = re.compile(
    r"(?:(?:<\|object_ref_start\|>|<ref>)(?P<name>[^<]{0,200})(?:<\|object_ref_end\|>|</ref>)\s{0,20})?"
    r"(?:<\|box_start\|>|<box>)(?P<inside>[^<]{0,20000})(?:<\|box_end\|>|</box>|$)"
)
_POINT_TAG = re.compile(r"<points?\s([^<>]{0,20000})>(?:([^<>]{0,200})</points?>)?")
_XY = re.compile(r"""\b([xy])(\d*)\s*=\s*["']\s*(-?\d{1,9}(?:\.\d{0,9})?)\s*["']""")
_ALT = re.compile(r"""\balt\s*=\s*["']([^"']{0,200})["']""")
_KEYS = "bbox_2d|bbox2d|bounding_box|bbox|box|point_2d|point2d|point"
_JSON = re.compile(rf"""["'](?:{_KEYS})["']\s*:\s*\[([^\[\]]{{0,200}})\]""")
_NAME = re.compile(
    r"""["'](?:label|name|text_content|ref|description)["']\s*:\s*("(?:[^"\\]|\\.){0,200}"|'[^']{0,200}')"""
)
# A name that stands right before its brackets, as in `the dog(12,40),(96,131)`.
_ATTACHED = re.compile(r"([^\s()\[\]{}<>:;,.][^()\[\]{}<>\n]{0,120})$")


@dataclass(frozen=True)
class WrittenRegion:
    """One box or point as it was written.

    Attributes:
        start: Where in the text.
        values: (x0, y0, x1, y1) or (x, y), as they stand there.
        name: What the answer says is there.
        units: What the numbers go up to by the form itself, 0 where that is the model's matter.
        fixed: The units are the form's own whatever the model.
        bare: A pair of numbers in brackets and nothing else: what is no point may look so too.
    """

    start: int
    values: tuple[float, ...]
    name: str = ""
    units: float = 0.0
    fixed: bool = False
    bare: bool = False


def written_regions(text: str) -> list[WrittenRegion]:
    """All that a text writes, in its order."""
    text = text[:MOST_TEXT]
    found: list[WrittenRegion] = []
    for read in (_locs, _tagged, _point_tags, _json, _plain_boxes):
        for region, (start, end) in read(text):
            found.append(region)
            text = text[:start] + "\0" * (end - start) + text[end:] if end > start else text
    if not found:
        found = [
            WrittenRegion(match.start(), (float(match[1]), float(match[2])), bare=True)
            for match in _PAIR.finditer(text)
        ]
    return sorted(found, key=lambda region: region.start)


_Found = Iterator[tuple[WrittenRegion, tuple[int, int]]]


def _locs(text: str) -> _Found:
    for match in _LOC.finditer(text):
        y0, x0, y1, x1 = (float(match[i]) for i in range(1, 5))
        name = match[6].strip()
        yield WrittenRegion(match.start(), (x0, y0, x1, y1), name, 1024.0, True), match.span()


def _tagged(text: str) -> _Found:
    name = ""
    for match in _TAGGED.finditer(text):
        name = (match["name"] or "").strip() or name  # several boxes may follow on one name
        at, end = match.start("inside"), match.span()
        for box in (*_CORNERS.finditer(match["inside"]), *_QUAD.finditer(match["inside"])):
            values = tuple(float(value) for value in box.groups())
            yield WrittenRegion(at + box.start(), values, name, 1000.0), end


def _point_tags(text: str) -> _Found:
    for match in _POINT_TAG.finditer(text):
        alt = _ALT.search(match[1])
        name = ((alt[1] if alt else "") or match[2] or "").strip()
        axes: dict[str, dict[str, float]] = {}
        for axis, number, value in _XY.findall(match[1]):
            axes.setdefault(number, {})[axis] = float(value)
        for pair in axes.values():
            if len(pair) == 2:
                point = WrittenRegion(match.start(), (pair["x"], pair["y"]), name, 100.0)
                yield point, match.span()


def _json(text: str) -> _Found:
    for match in _JSON.finditer(text):
        parts = match[1].split(",")
        try:
            values = tuple(float(part) for part in parts)
        except ValueError:
            continue
        if len(values) not in (2, 4):
            continue
        yield WrittenRegion(match.start(), values, _name_beside(text, match.span())), match.span()


def _name_beside(text: str, span: tuple[int, int]) -> str:
    """The label within the same braces, before or behind the numbers."""
    left = text.rfind("{", max(0, span[0] - 400), span[0])
    right = text.find("}", span[1], span[1] + 400)
    around = text[left if left >= 0 else span[0] : right if right >= 0 else span[1] + 400]
    match = _NAME.search(around)
    if match is None:
        return ""
    said = match[1]
    try:
        return str(json.loads(said)).strip() if said.startswith('"') else said[1:-1].strip()
    except ValueError:
        return said[1:-1].strip()


def _plain_boxes(text: str) -> _Found:
    taken: list[tuple[int, int]] = []
    for pattern in (_CORNERS, _QUAD):
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            taken.append(match.span())
            values = tuple(float(value) for value in match.groups())
            yield WrittenRegion(match.start(), values, _attached(text, match.start())), (0, 0)


def _attached(text: str, start: int) -> str:
    before = text[max(0, start - 140) : start].rstrip("[")
    before = re.split(r"[\n\0]", before)[-1]
    if not before or before[-1].isspace():
        return ""
    match = _ATTACHED.search(before)
    return match[1].strip(" -*`'\"") if match else ""
