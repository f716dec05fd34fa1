"""Whether an answer's places are the right ones: overlap, pairing, pointing.

The rules:

- IoU is the area of the intersection over that of the union, of boxes in whole and broken pixels
  (Everingham et al. 2010, PASCAL VOC, without its "+ 1"); between two images it is 0.
- The first n boxes of an answer are judged, n being the number of gold boxes: of one phrase and
  one box the first, as RefCOCO is scored (Yu et al. 2016). More boxes cannot help. They are paired
  with the gold ones, each with one, so that the sum of IoU is largest (Kuhn 1955).
- An answer is right where each gold box is paired at an IoU of 0.5 or more. An answer that gives
  points alone is right where each gold box holds one of the first n points.
- For precision and recall all boxes of the answer are paired, so that most pairs have 0.5.
- Pointing: a box points to its middle. A box holds a point on its edge.
- Where gold is a point, nothing says how near is right: there is a distance and no verdict.

Guarantee: imports scipy where there is more than one of each, and nothing else heavy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.grounding.region import Region

RIGHT = 0.5
STRICT = 0.75


@dataclass(frozen=True)
class JudgedRegions:
    """One answer against the gold.

    Attributes:
        right: Whether it counts as right; `None` where gold says no area, or there is no gold.
        iou: Mean over the gold boxes of the IoU of what each is paired with, 0 for one that is
            paired with nothing; `None` where the answer has no box, or gold has none.
        strict: As `right`, at an IoU of 0.75; of boxes alone.
        pointing: Share of the gold boxes that are pointed into; `None` where nothing was answered.
        hits: Pairs with an IoU of 0.5 among all boxes of the answer.
        answered: Boxes of the answer.
        wanted: Boxes of gold.
        distance: Mean distance in pixels from the gold points; `None` where gold has none or
            nothing was answered.
    """

    right: bool | None
    iou: float | None
    strict: bool | None
    pointing: float | None
    hits: int
    answered: int
    wanted: int
    distance: float | None

    def to_json(self) -> dict[str, Any]:
        """As a prediction's line holds it; what is not defined is `null`."""
        out = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in ("iou", "pointing", "distance"):
            out[name] = None if out[name] is None else round(out[name], 4)
        return out


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1)."""
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (areas[0] + areas[1] - shared)


def judge(answered: Sequence[Region], gold: Sequence[Region]) -> JudgedRegions:
    """An answer's places against the gold ones."""
    boxes = [one for one in answered if one.is_box]
    wanted = [one for one in gold if one.is_box]
    first, count = boxes[: len(wanted)], len(wanted)
    overlaps = [value for _, _, value in paired(first, wanted, _overlap)]
    centres = [one for one in (boxes or answered)][:count]
    pointed = paired(centres, wanted, _holds)
    mean = sum(overlaps) / count if boxes and wanted else None
    pointing = sum(value for _, _, value in pointed) / count if answered and wanted else None
    if not wanted:
        right = None
    elif boxes or not answered:
        right = _all(overlaps, count, RIGHT)
    else:
        right = pointing == 1
    hits = paired(boxes, wanted, lambda a, b: 1 + 1e-3 * v if (v := _overlap(a, b)) >= RIGHT else 0)
    return JudgedRegions(
        right=right,
        iou=mean,
        strict=_all(overlaps, count, STRICT) if boxes and wanted else None,
        pointing=pointing,
        hits=sum(value > 0 for _, _, value in hits),
        answered=len(boxes),
        wanted=count,
        distance=_distance(answered, [one for one in gold if not one.is_box]),
    )


def paired(
    first: Sequence[Region], second: Sequence[Region], worth: Callable[[Region, Region], float]
) -> list[tuple[int, int, float]]:
    """Pairs (place in `first`, in `second`, worth), one to one, of the largest sum of worth."""
    table = [[worth(a, b) for b in second] for a in first]
    if not table or not second:
        return []
    if len(table) == 1:
        best = max(range(len(second)), key=table[0].__getitem__)
        return [(0, best, table[0][best])]
    if len(second) == 1:
        best = max(range(len(first)), key=lambda row: table[row][0])
        return [(best, 0, table[best][0])]
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table, maximize=True)
    return [
        (row, column, table[row][column])
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]


def _overlap(a: Region, b: Region) -> float:
    return iou(a.at, b.at) if a.image == b.image else 0.0


def _holds(a: Region, box: Region) -> float:
    (x, y), (x0, y0, x1, y1) = a.centre, box.at
    return float(a.image == box.image and x0 <= x <= x1 and y0 <= y <= y1)


def _all(overlaps: Sequence[float], count: int, least: float) -> bool:
    return len(overlaps) == count and all(value >= least for value in overlaps)


def _distance(answered: Sequence[Region], points: Sequence[Region]) -> float | None:
    near = [one for one in answered if one.image in {point.image for point in points}]
    if not near or not points:
        return None
    pairs = paired(near, points, lambda a, b: -math.dist(a.centre, b.centre))
    return -sum(value for _, _, value in pairs) / len(pairs)
