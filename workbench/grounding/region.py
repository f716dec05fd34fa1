"""A place in an image: a box or a point in pixels of the image as it is shown.

Guarantee: standard library only; x goes to the right and y down, the far edges are excluded, and
the picture is turned as its EXIF data says. What JSON of another version or a user's table lacks
or garbles is a `ValueError`, never a box of zeros.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Region:
    """One place.

    Attributes:
        at: (x0, y0, x1, y1) of a box with x0 < x1 and y0 < y1, or (x, y) of a point.
        name: What is there, in the words of the answer or of the data; may be empty.
        image: Which of the sample's images, from 0.
    """

    at: tuple[float, ...]
    name: str = ""
    image: int = 0

    @property
    def is_box(self) -> bool:
        """Whether it is a box; else a point."""
        return len(self.at) == 4

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y): of a box its middle."""
        if not self.is_box:
            return self.at[0], self.at[1]
        return (self.at[0] + self.at[2]) / 2, (self.at[1] + self.at[3]) / 2

    @property
    def words(self) -> str:
        """`[12, 40, 96, 131]`, a point as `(12, 40)`; to the pixel."""
        numbers = ", ".join(str(round(value)) for value in self.at)
        return f"[{numbers}]" if self.is_box else f"({numbers})"

    def to_json(self) -> dict[str, Any]:
        """`{"box" | "point", "name", "image"}`, hundredths of a pixel; what is empty left out."""
        out: dict[str, Any] = {
            "box" if self.is_box else "point": [round(value, 2) for value in self.at]
        }
        if self.name:
            out["name"] = self.name
        return out | ({"image": self.image} if self.image else {})


def region_of(body: Mapping[str, Any], image: int = 0) -> Region:
    """From `{"box": [x0, y0, x1, y1]}` or `{"point": [x, y]}`. Raises `ValueError`."""
    for key, count in (("box", 4), ("point", 2)):
        if key in body:
            return Region(
                numbers(body[key], count),
                str(body.get("name") or ""),
                int(body.get("image", image)),
            )
    raise ValueError("an object without a box or a point")


def regions_of(bodies: object) -> tuple[Region, ...]:
    """Those of a record; what cannot be read is left out."""
    found = []
    for body in bodies if isinstance(bodies, Sequence) else ():
        try:
            found.append(region_of(body))
        except (ValueError, TypeError, AttributeError):
            continue
    return tuple(found)


def numbers(value: Any, count: int) -> tuple[float, ...]:
    """So many finite numbers; a box whose corners hold nothing is refused. Raises `ValueError`."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != count:
        raise ValueError(f"{count} numbers are wanted, got {str(value)[:60]}")
    if any(isinstance(one, bool) for one in value):
        raise ValueError(f"{count} numbers are wanted, got {str(value)[:60]}")
    found = tuple(float(one) for one in value)
    if not all(map(math.isfinite, found)):
        raise ValueError(f"{count} finite numbers are wanted, got {str(value)[:60]}")
    if count == 4 and (found[2] <= found[0] or found[3] <= found[1]):
        raise ValueError(f"the box {list(found)} holds nothing")
    return found


def words_of(regions: Iterable[Region], images: int = 1) -> str:
    """All of them in a line, each with its image's number where there are several images."""
    return " ".join(f"{one.image + 1}:{one.words}" if images > 1 else one.words for one in regions)
