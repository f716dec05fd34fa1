"""Does a map point at what the text is about? The pointing game, and what chance would reach.

Guarantee: imports no torch. Not for asking the model whether a map is true: `faithfulness` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.explain.result import Explanation

if TYPE_CHECKING:
    from workbench.grounding.region import Region


def in_box(point: tuple[int, int], box: Sequence[float]) -> bool:
    """Is the pixel (x, y) in the box [x0, y0, x1, y1)?"""
    x, y = point
    return bool(box[0] <= x + 0.5 <= box[2] and box[1] <= y + 0.5 <= box[3])


def points_at(explanation: Explanation, image: int, box: Sequence[float]) -> bool:
    """The pointing game: is the hottest point of all images in that box of that image?"""
    where, point = explanation.hottest
    return where == image and in_box(point, box)


def pointing(
    explanation: Explanation, places: Sequence[Region], count: int
) -> tuple[bool, float] | None:
    """The pointing game over what a text is about (Zhang et al. 2018, Excitation Backprop).

    Args:
        explanation: Of a prompt whose last images are those of the sample.
        places: The objects in the sample's own images; points are left out.
        count: How many images the sample has.

    Returns:
        Whether the hottest point of all images lies in one of the boxes, and what a random point
        reaches at most; `None` where no box is known.
    """
    first = len(explanation.images) - count
    boxes = [(first + place.image, place.at) for place in places if place.is_box]
    if not boxes or first < 0:
        return None
    sizes = [image.size for image in explanation.images]
    chance = sum(box_share(box, image, sizes) for image, box in boxes)
    return any(points_at(explanation, image, box) for image, box in boxes), min(1.0, chance)


def box_share(box: Sequence[float], image: int, sizes: Sequence[tuple[int, int]]) -> float:
    """What a random point over all images reaches: the box's share of all their pixels."""
    width, height = sizes[image]
    across = max(0.0, min(box[2], width) - max(box[0], 0))
    down = max(0.0, min(box[3], height) - max(box[1], 0))
    return across * down / sum(w * h for w, h in sizes)
