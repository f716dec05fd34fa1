"""From an answer's text to boxes and points in pixels of the image that was asked about.

The rules:

- Numbers are in the units of the model's convention (`conventions`), whatever form they stand in.
  A `<loc>` is on its grid of 1024 with every model. Where nobody knows the model (a server's), a
  form that says its own units is read by them, and what says none is left out.
- Corners may come in any order: the smaller number is the left or upper one.
- What reaches over the image's edge is cut at it; what lies wholly outside, or holds no area, is
  left out. Each is told, none is guessed: an answer with no box and no point left is unparsed.
- An answer about several images does not say which it means: the first one is taken, and told.

Guarantee: nothing is raised for any text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.grounding.forms import WrittenRegion, written_regions
from workbench.grounding.region import Region
from workbench.sample import CoordinateFrame

# More of them are a model's loop.
MOST = 200


@dataclass(frozen=True)
class ReadRegions:
    """What an answer says of places.

    Attributes:
        regions: In the answer's order, in pixels of the image.
        problems: What was left out or changed, in words.
    """

    regions: tuple[Region, ...] = ()
    problems: tuple[str, ...] = ()


def read_regions(
    text: str, frames: Sequence[CoordinateFrame], *, asked: bool = True
) -> ReadRegions:
    """Read boxes and points.

    Args:
        text: The answer, as the model wrote it.
        frames: Of the images that it is about; without any nothing can be read.
        asked: Whether places were asked for; else a bare `(1, 2)` is taken for none.
    """
    written = written_regions(text) if frames else []
    written = [one for one in written if asked or not one.bare]
    told: Counter[str] = Counter()
    if len(written) > MOST:
        told[f"left out: behind the {MOST}th"] = len(written) - MOST
    found = []
    for one in written[:MOST]:
        region = _placed(one, frames[0], told)
        if region is not None:
            found.append(region)
    if found and len(frames) > 1:
        told[f"taken to be in the first of {len(frames)} images"] = len(found)
    return ReadRegions(tuple(found), tuple(f"{n} {what}" for what, n in told.items()))


def _placed(one: WrittenRegion, frame: CoordinateFrame, told: Counter[str]) -> Region | None:
    """In pixels of the image; `None` where it has no place there."""
    units = frame.units
    if one.fixed or units is None:
        units = (one.units, one.units) if one.units else None
    if units is None:
        told["left out: nobody knows what its numbers are of"] += 1
        return None
    whole = frame if not one.fixed else CoordinateFrame(frame.size)
    points = [
        whole.to_image((x / units[0], y / units[1]))
        for x, y in zip(one.values[::2], one.values[1::2], strict=True)
    ]
    width, height = frame.size
    if len(points) == 1:
        ((x, y),) = points
        if not (0 <= x <= width and 0 <= y <= height):
            told["left out: outside of the image"] += 1
            return None
        return Region((x, y), one.name)
    (ax, ay), (bx, by) = points
    if ax > bx or ay > by:
        told["with its corners in another order"] += 1
    x0, x1, y0, y1 = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
    if x1 <= x0 or y1 <= y0:
        told["left out: it holds no area"] += 1
        return None
    cut = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
    if cut[2] <= cut[0] or cut[3] <= cut[1]:
        told["left out: outside of the image"] += 1
        return None
    # A rounded number may miss the edge by less than a pixel: that is not worth a word.
    if max(abs(a - b) for a, b in zip(cut, (x0, y0, x1, y1), strict=True)) >= 1:
        told["cut at the image's edge"] += 1
    return Region(cut, one.name)
