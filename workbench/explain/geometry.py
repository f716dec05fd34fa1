"""Cells of a map and pixels of the original image.

Families lay a layer's rows out as a grid (their `to_grid` undoes the order in which a vision
tower holds its patches). A processor of the Qwen2-VL kind stretches an image to whole patches in
both directions and neither crops nor pads, so that the cells of a grid tile the original image
evenly, and a map is brought back to it by stretching.

A family whose processor crops or pads undoes it in `to_grid`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import ModelError

if TYPE_CHECKING:
    from workbench.explain.prepare import Prepared
    from workbench.models.base import LoadedModel


def kind_of(layer: str) -> str:
    """`patch`, `merged` or `token`: what stands before the dot of a layer's name."""
    return layer.split(".", 1)[0]


def lay_out(
    loaded: LoadedModel, prepared: Prepared, layer: str, values: np.ndarray
) -> list[np.ndarray]:
    """Part a layer's places by image and lay each out as a picture.

    Args:
        loaded: Whose family knows the order of places.
        prepared: The prompt, whose images they are.
        layer: The layer's name.
        values: (n, ...) over all images, in the model's order.

    Returns:
        Per image (h, w, ...).

    Raises:
        ModelError: The images have another number of places at that layer.
    """
    import torch

    kind = kind_of(layer)
    counts = [span.places(layer) for span in prepared.spans]
    rows = torch.from_numpy(np.ascontiguousarray(values))
    order = loaded.family.row_order(loaded, prepared.inputs, layer)
    if order is not None:
        rows = rows[order]
    if sum(counts) != len(rows):
        raise ModelError(
            f"layer {layer} holds {len(rows)} places, the images have {sum(counts)}",
            hint="choose another --layer: see wb models",
        )
    parts = rows.split(counts)
    return [
        loaded.family.to_grid(part, span, kind).numpy()
        for part, span in zip(parts, prepared.spans, strict=True)
    ]


def refine(grid: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Repeat cells so that a coarse grid (h, w) lies on a finer one of `shape`."""
    rows = np.arange(shape[0]) * grid.shape[0] // shape[0]
    columns = np.arange(shape[1]) * grid.shape[1] // shape[1]
    return grid[np.ix_(rows, columns)]


def pool(grid: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mean over blocks of cells: (h, w) to a coarser `shape` that divides it."""
    high, wide = grid.shape[0] // shape[0], grid.shape[1] // shape[1]
    return grid.reshape(shape[0], high, shape[1], wide).mean(axis=(1, 3))
