"""What the vision tower makes of a picture, as one vector: the mean over its places.

The layer is the last vision block that the model reads (`patch.last` of a heat map), with the
adapter that is on. The pass ends there, so the language model costs nothing. A picture that is cut
into tiles is the mean over all of them. Guarantee: one picture that cannot be read costs its own
vector alone. The batch that a picture was in changes its vector by rounding only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from workbench.errors import Cancelled, ImageError, ModelError
from workbench.explain.capture import evaluating, patch_places
from workbench.explain.maps import layer_names
from workbench.sample import ImageRef, Message

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel

LAYER = "patch.last"
AT_ONCE = 8  # pictures of one pass


class _Seen(Exception):  # noqa: N818 - what was wanted is there
    """The layer has run: the rest of the pass is not needed."""


@dataclass(frozen=True)
class ImageFeatures:
    """The vectors of some pictures.

    Attributes:
        vectors: (n, D) float32, not normalised; NaN where there is an error.
        layer: The layer that they are of.
        errors: Place of a picture -> why it has no vector.
    """

    vectors: np.ndarray
    layer: str
    errors: dict[int, str] = field(default_factory=dict)


def image_features(
    loaded: LoadedModel,
    images: Sequence[ImageRef],
    *,
    cancelled: Callable[[], bool] | None = None,
) -> ImageFeatures:
    """The pooled features of each picture.

    Args:
        loaded: The model, with the adapter that was asked for.
        images: At least one.
        cancelled: Asked between passes.

    Raises:
        ModelError: The model's family does not say where its vision tower is.
        Cancelled: `cancelled` said so.
    """
    if why := loaded.family.limits.get("gradcam"):
        raise ModelError(
            f"no image features for {loaded.spec.model}: {why}",
            hint="compare by pixels or by text, which need no model",
            kind="unsupported",
        )
    (layer,), _ = layer_names(loaded, LAYER)
    rows: list[np.ndarray | str] = []
    for start in range(0, len(images), AT_ONCE):
        if cancelled is not None and cancelled():
            raise Cancelled("the comparison of pictures was cancelled")
        rows += _some(loaded, images[start : start + AT_ONCE], layer)
    width = next((len(row) for row in rows if not isinstance(row, str)), 0)
    blank = np.full(width, np.nan, np.float32)
    vectors = [blank if isinstance(row, str) else row for row in rows]
    errors = {place: row for place, row in enumerate(rows) if isinstance(row, str)}
    return ImageFeatures(np.stack(vectors), layer, errors)


def _some(loaded: LoadedModel, images: Sequence[ImageRef], layer: str) -> list[np.ndarray | str]:
    """One pass; where it fails by a picture or by memory, each half by itself."""
    problem: Exception
    try:
        return list(_pooled(loaded, images, layer))
    except (ImageError, torch.OutOfMemoryError) as error:
        problem = error
    # Behind the `except`: what the failed pass held is free again.
    if len(images) > 1:
        half = len(images) // 2
        return [*_some(loaded, images[:half], layer), *_some(loaded, images[half:], layer)]
    if isinstance(problem, ImageError):
        return [problem.message]
    raise ModelError(
        "the memory does not suffice for one picture",
        hint="end what else uses the device, or --max-pixels where the model takes it",
        kind="out_of_memory",
    ) from problem


def _pooled(loaded: LoadedModel, images: Sequence[ImageRef], layer: str) -> np.ndarray:
    """(n, D) float32 of one pass."""
    batch = loaded.family.encode(loaded, [(Message("user", (ref, "image")),) for ref in images])
    held: list[Any] = []

    def hook(_module: torch.nn.Module, _args: Any, output: Any) -> None:
        held.append(output[0] if isinstance(output, tuple) else output)
        raise _Seen

    handle = loaded.family.layers(loaded)[layer].register_forward_hook(hook)
    try:
        with contextlib.suppress(_Seen), evaluating(loaded.model), torch.inference_mode():
            loaded.model(**batch.inputs, use_cache=False)
    finally:
        handle.remove()
    if not held:
        raise ModelError(f"the model never ran the layer {layer}")
    places = patch_places(held[0]).float().cpu()
    order = loaded.family.row_order(loaded, batch.inputs, layer)
    places = places if order is None else places[order]
    counts = [span.places(layer) for row in batch.image_spans for span in row]
    if sum(counts) != len(places) or len(counts) != len(images):
        raise ModelError(f"layer {layer} holds {len(places)} places, the pictures {sum(counts)}")
    return np.stack([part.mean(0).numpy() for part in places.split(counts)])
