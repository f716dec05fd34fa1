"""How many boxes and points a split has, and how many of them cannot be right.

Guarantee: every box is counted; pictures are asked for their size until `SIZED` of them were, since
a size stands in the file. Sizes that the rows tell themselves (COCO's) cost nothing and are all
taken. Nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sessions.errors import WbError
from sessions.redact import without_secrets
from workbench.images.decode import shown_size
from workbench.sample import ImageRef, Sample

SIZED = 500


@dataclass
class BoxCounts:
    """The counts of one split.

    Attributes:
        boxes: Of all rows.
        points: Of all rows.
        held: Boxes and points that were held against the size of their picture.
        beyond: Of them boxes that reach over its edge by a pixel or more.
        outside: Of them boxes and points that lie outside of it altogether.
        without: Rows without any.
        unusable: Rows whose boxes are none: empty, inverted, or no numbers.
        why: What is wrong with the first of them.
        first: The UID of the first row with one outside or beyond, and what it is.
    """

    boxes: int = 0
    points: int = 0
    held: int = 0
    beyond: int = 0
    outside: int = 0
    without: int = 0
    unusable: int = 0
    why: str = ""
    first: str = ""
    _sizes: dict[str, tuple[int, int] | None] = field(default_factory=dict, repr=False)

    def add(self, sample: Sample) -> None:
        """Count one more sample."""
        if reason := sample.metadata.get("objects_left_out"):
            self.unusable += 1
            self.why = self.why or without_secrets(f"{reason} ({sample.uid})")
        groups = sample.metadata.get("objects")
        found = 0
        for image, group in enumerate(groups if isinstance(groups, list) else ()):
            for item in group if isinstance(group, list) else ():
                if isinstance(item, Mapping):
                    found += self._item(sample, image, item)
        self.without += not found

    def _item(self, sample: Sample, image: int, item: Mapping[str, Any]) -> int:
        at = item.get("box") or item.get("point")
        self.points += "point" in item
        self.boxes += "box" in item or "shares" in item
        if not isinstance(at, (list, tuple)) or image >= len(sample.images):
            return 1
        if (size := self._size(sample, image)) is None:
            return 1
        self.held += 1
        x0, y0, x1, y1 = (*at, *at)[:4]
        outside = x0 >= size[0] or y0 >= size[1] or x1 <= 0 or y1 <= 0
        if len(at) == 2:
            outside = not (0 <= x0 <= size[0] and 0 <= y0 <= size[1])
        over = max(-x0, -y0, x1 - size[0], y1 - size[1]) >= 1
        self.outside += outside
        self.beyond += over and not outside and len(at) == 4
        if (outside or over) and not self.first:
            said = ", ".join(f"{float(value):g}" for value in at)
            self.first = f"[{said}] in {size[0]} x {size[1]} pixels ({sample.uid})"
        return 1

    def _size(self, sample: Sample, image: int) -> tuple[int, int] | None:
        told = sample.metadata.get("width"), sample.metadata.get("height")
        if len(sample.images) == 1 and all(type(side) is int and side > 0 for side in told):
            return told  # type: ignore[return-value]
        ref = sample.images[image]
        key = str(ref.path or "")
        if key and key in self._sizes:
            return self._sizes[key]
        if len(self._sizes) >= SIZED:
            return None
        self._sizes[key or f"{sample.uid} {image}"] = found = _size_of(ref)
        return found

    @property
    def words(self) -> str:
        """`120 boxes, 3 outside of their picture, 2 over its edge`; empty where there are none."""
        if not (self.boxes or self.points or self.unusable):
            return ""
        parts = [f"{self.boxes:,} boxes"] if self.boxes or not self.points else []
        parts += [f"{self.points:,} points"] if self.points else []
        parts += [f"{self.outside:,} outside of their picture"] if self.outside else []
        parts += [f"{self.beyond:,} over its edge"] if self.beyond else []
        parts += [f"{self.unusable:,} rows with none that can be used"] if self.unusable else []
        return ", ".join(parts)

    def warnings(self, rows: int) -> list[str]:
        """What is wrong, in words."""
        found = []
        of = self.boxes + self.points
        if self.outside or self.beyond:
            held = (
                f"{of:,}" if self.held == of else f"the {self.held:,} of {of:,} that were looked at"
            )
            found.append(
                f"of {held} boxes {self.outside:,} lie outside of their picture and "
                f"{self.beyond:,} reach over its edge, as: {self.first}"
            )
        if self.unusable:
            found.append(
                f"the boxes of {self.unusable:,} of {rows:,} rows cannot be used (empty, inverted "
                f"or no numbers), as: {self.why}"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """The counts by name."""
        names = ("boxes", "points", "held", "beyond", "outside", "without", "unusable", "why")
        return {name: getattr(self, name) for name in (*names, "first")}


def _size_of(ref: ImageRef) -> tuple[int, int] | None:
    if ref.url is not None and not ref.url.startswith("data:"):
        return None
    try:
        return shown_size(ref)
    except (WbError, OSError, ValueError):
        return None
