"""What the coordinates in an answer are of: a family's convention over its real geometry.

Guarantee: imports no torch; a frame is made of the spans of the very batch that is answered, so
that knobs of a processor (`--min-pixels`), cropping and padding are in it. An image whose
convention counts pixels of a resized picture that nobody knows has a frame without units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.grounding.conventions import UNITS, convention_of, square_around
from workbench.sample import CoordinateFrame

if TYPE_CHECKING:
    from workbench.models.batch import ImageSpan


def frames_of(
    model_type: str,
    spans: Sequence[Sequence[ImageSpan]],
    sizes: Sequence[Sequence[tuple[int, int]]],
) -> tuple[tuple[CoordinateFrame, ...], ...]:
    """For each row of a batch the frame of each of its images.

    Args:
        model_type: Of the model's config.
        spans: For each row its images; a row may be empty where the geometry is not known.
        sizes: For each row the (width, height) of its images.
    """
    return tuple(
        tuple(
            _frame(model_type, size, row[i] if i < len(row) else None)
            for i, size in enumerate(row_sizes)
        )
        for row, row_sizes in zip(spans, sizes, strict=True)
    )


def _frame(model_type: str, size: tuple[int, int], span: ImageSpan | None) -> CoordinateFrame:
    if span is None:
        return frame_of(model_type, size)
    return frame_of(model_type, size, resized=span.resized, seen=span.box)


def frame_of(
    model_type: str,
    size: tuple[int, int],
    *,
    resized: tuple[int, int] | None = None,
    seen: tuple[float, float, float, float] | None = None,
) -> CoordinateFrame:
    """What a model's coordinates of one image are of.

    Args:
        model_type: Of the model's config.
        size: (width, height) of the image as it is shown.
        resized: (width, height) that the processor brings it to, `None` where nobody knows.
        seen: The part of it that the tower is given, in its pixels; `None` is all of it.
    """
    convention = convention_of(model_type)
    units, box = UNITS.get(convention.system), None
    if convention.system == "resized" and resized is not None:
        units = (float(resized[0]), float(resized[1]))
    elif convention.name == "llava" and seen is not None:
        box = seen  # cut out or padded, as its processor does
    elif convention.system == "square" and convention.name != "llava":
        box = square_around(size)
    return CoordinateFrame(size, box, units, convention.name)
