"""Figures of boxes and points, from the lines of a run alone.

`accuracy` is Acc@0.5 (of RefCOCO): the share of samples that are right by the rules of
`workbench.grounding.judging`, an unparsed answer being wrong. The others, each with its interval:

- `iou`: mean IoU of the samples whose answer has a box. An answer without any has no IoU; it is not
  a zero among them, `n` says how many there are, and `unparsed` counts the others.
- `accuracy_iou75`: as `accuracy` at an IoU of 0.75; an answer without a box is wrong.
- `pointing`: share of the gold boxes that are pointed into, of the answers with a place.
- `box_precision`, `box_recall`, `box_f1`: pairs with an IoU of 0.5 over all boxes answered, over
  all gold boxes, and their harmonic mean; sums over all samples that were asked.
- `point_distance`: mean distance from gold points, in pixels.

A figure that no sample can have (no gold boxes, no gold points) is left out. One that no answer
has, or whose denominator is 0, is undefined and says why, never 0. If no answer has a box,
`accuracy_iou75`, `box_recall` and `box_f1` are 0, since they count gold boxes; `iou` and
`box_precision` are undefined, since they are of the boxes answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sessions.clusters import clusters_of
from sessions.compare import proportion
from sessions.estimate import Estimate, undefined
from workbench.evaluation.statistics import bootstrap, mean, ratio

Line = Mapping[str, Any]

DEFINITIONS = {
    "iou": "mean IoU of the answers that have a box; the first box for one gold box",
    "accuracy_iou75": "share of samples with an IoU of 0.75 or more",
    "pointing": "share of gold boxes that a point, or a box's middle, lies in",
    "box_precision": "boxes answered that are paired with a gold box at an IoU of 0.5",
    "box_recall": "gold boxes that are paired with a box answered at an IoU of 0.5",
    "box_f1": "2 * pairs / (boxes answered + gold boxes), pairs at an IoU of 0.5",
    "point_distance": "pixels from each gold point to the place that is paired with it",
}

BOXES = ("box_precision", "box_recall", "box_f1")


def iou_of(line: Line) -> float | None:
    """The IoU of a line, `None` where its answer has no box or no box is right."""
    value = _judged(line).get("iou")
    return float(value) if isinstance(value, (int, float)) else None


def grounding_figures(answered: Sequence[Line]) -> dict[str, Estimate]:
    """By name; `{}` where no line was judged.

    Args:
        answered: Lines that did not fail.
    """
    lines = [line for line in answered if _judged(line)]
    found: dict[str, Estimate] = {}
    for name in ("iou", "pointing", "distance"):
        some = [line for line in lines if isinstance(_judged(line).get(name), (int, float))]
        if some:
            key = "point_distance" if name == "distance" else name
            found[key] = mean([float(_judged(line)[name]) for line in some], clusters_of(some))
    if boxed := [line for line in lines if _judged(line).get("wanted")]:
        strict = [_judged(line).get("strict") is True for line in boxed]
        found["accuracy_iou75"] = proportion(strict, clusters_of(boxed))
        found |= _pairs(boxed)
        if not any(_judged(line).get("answered") for line in boxed):
            none = undefined("no answer has a box")
            found = {"iou": none, **found, "box_precision": none}
            found.setdefault("pointing", undefined("no answer has a place"))
    return {name: replace(one, definition=DEFINITIONS[name]) for name, one in found.items()}


def _pairs(lines: Sequence[Line]) -> dict[str, Estimate]:
    """Precision, recall and F1 of boxes."""
    sums = np.array(
        [
            [float(_judged(line).get(name) or 0) for name in ("hits", "answered", "wanted")]
            for line in lines
        ]
    )  # (n, 3)
    clusters = clusters_of(lines)
    hits, answered, wanted = sums.T
    parts = dict(
        zip(BOXES, ((hits, answered), (hits, wanted), (2 * hits, answered + wanted)), strict=True)
    )
    return {
        name: bootstrap(np.stack(pair, axis=1), ratio, clusters=clusters)
        for name, pair in parts.items()
    }


def _judged(line: Line) -> Mapping[str, Any]:
    told = line.get("grounding")
    judged = told.get("judged") if isinstance(told, Mapping) else None
    return judged if isinstance(judged, Mapping) else {}
