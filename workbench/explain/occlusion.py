"""Occlusion, the control: cover a part, ask again, see what the target loses.

It reads no gradient and trusts nothing inside of the model, at the cost of one forward per place
of the window. What it says depends on the window and on what covers it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.explain.blank import blank, local_blank
from workbench.explain.label import label
from workbench.explain.maps import Stop
from workbench.explain.prepare import images_of
from workbench.explain.result import Explanation, heat_maps
from workbench.explain.scoring import Scorer
from workbench.explain.settings import ExplainSettings
from workbench.explain.targets import Target

if TYPE_CHECKING:
    from PIL import Image

    from workbench.models.base import LoadedModel
    from workbench.sample import Message

Box = tuple[int, int, int, int]
LOCAL = "local"  # a fill of its own: the mean colour around the window


def occlude(
    loaded: LoadedModel,
    messages: Sequence[Message],
    answer_ids: Sequence[int],
    token: int,
    target: Target,
    settings: ExplainSettings,
    *,
    cancelled: Stop = None,
) -> Explanation:
    """Slide the window over every image of the prompt; see `ExplainSettings` for its knobs."""
    pictures = [ref.load() for ref in images_of(messages)]
    scorer = Scorer(
        loaded,
        messages,
        answer_ids[:token],
        target,
        batch_size=settings.batch_size,
        cancelled=cancelled,
    )
    whole = float(scorer([pictures])[0])
    plans = [windows(p.size, *window_of(p.size, settings)) for p in pictures]

    def variants() -> Iterator[list[Image.Image]]:
        for index, boxes in enumerate(plans):
            for covered in covers(pictures[index], boxes, settings.baseline):
                yield [*pictures[:index], covered, *pictures[index + 1 :]]

    drops = whole - scorer(variants())
    parts = np.split(drops, np.cumsum([len(p) for p in plans])[:-1])
    raw = [
        spread(boxes, part, picture.size, window_of(picture.size, settings)[1])
        for boxes, part, picture in zip(plans, parts, pictures, strict=True)
    ]
    maps = heat_maps(raw, [p.size for p in pictures])
    made = Explanation("occlusion", "", token, "", maps, score=whole)
    return label(made, loaded, scorer.target)


def window_of(size: tuple[int, int], settings: ExplainSettings) -> tuple[int, int]:
    """(window, stride) in pixels for an image of `size` (width, height)."""
    window = settings.window or max(2, round(min(size) / 4))
    window = min(window, *size)
    return window, settings.stride or max(1, window // 2)


def windows(size: tuple[int, int], window: int, stride: int) -> list[Box]:
    """Boxes (x0, y0, x1, y1) of every place of a square window, cut off at the image's edges.

    Windows begin outside of the image and end outside of it, so that a pixel at the edge lies
    under as many as one in the middle. Were they kept inside, its mean would be over the few
    windows that reach the edge, and a map would be hottest at the edge beside an object.
    """

    def spans(length: int) -> list[tuple[int, int]]:
        starts = range(min(0, stride - window), length, stride)
        return [(max(0, start), min(length, start + window)) for start in starts]

    width, height = size
    return [(x0, y0, x1, y1) for y0, y1 in spans(height) for x0, x1 in spans(width)]


def covers(image: Image.Image, boxes: Sequence[Box], fill: str) -> Iterator[Image.Image]:
    """The image with each box covered in turn, by `fill`: a kind of blank, or `local`."""
    cover = None if fill == LOCAL else blank(image, fill)
    for box in boxes:
        covered = image.copy()
        covered.paste(local_blank(image, box) if cover is None else cover.crop(box), box)
        yield covered


def spread(
    boxes: Sequence[Box], drops: Sequence[float] | np.ndarray, size: tuple[int, int], stride: int
) -> np.ndarray:
    """The mean drop of the windows over each cell, weighted by how much of it each covers.

    Args:
        boxes: (x0, y0, x1, y1) of the windows.
        drops: What the target lost under each.
        size: (width, height) of the image.
        stride: Cells are about this wide.

    Returns:
        (h, w) float32, signed: what speaks against the target rises when covered.
    """
    width, height = size
    w, h = max(1, round(width / stride)), max(1, round(height / stride))
    columns, rows = np.linspace(0, width, w + 1), np.linspace(0, height, h + 1)
    total, weight = np.zeros((h, w)), np.zeros((h, w))
    for (x0, y0, x1, y1), drop in zip(boxes, drops, strict=True):
        across = np.clip(np.minimum(columns[1:], x1) - np.maximum(columns[:-1], x0), 0, None)
        down = np.clip(np.minimum(rows[1:], y1) - np.maximum(rows[:-1], y0), 0, None)
        covered = np.outer(down, across)
        total += drop * covered
        weight += covered
    return (total / np.maximum(weight, 1e-9)).astype(np.float32)
