"""From activations and gradients at a layer to one number per place: the CAM family.

The formulas are pytorch-grad-cam's own (`grad-cam` on PyPI), driven through `get_cam_image` on
activations that this package captures itself: that library wants one batch of equal pictures,
and a prompt holds several of different sizes. All images of a prompt are laid out as one row of
places, so that the weights which Grad-CAM averages are averaged over everything that was seen.
Each formula looks at places only through sums, so the layout changes nothing; with a single
image the result equals the library's.

Signs are kept: what speaks against the target is negative here and cold in the heat map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from workbench.errors import UnknownName


@dataclass(frozen=True)
class Method:
    """A way to make a map.

    Attributes:
        name: As typed.
        description: One line.
        library: The class of `pytorch_grad_cam` that holds the formula, where one does.
        path: Integrates along a path of images from a baseline, instead of one gradient.
        gradients: Needs a backward pass.
    """

    name: str
    description: str
    library: str | None = None
    path: bool = False
    gradients: bool = True


METHODS: dict[str, Method] = {
    m.name: m
    for m in (
        Method("gradcam", "channels weighted by their mean gradient", "GradCAM"),
        Method("hirescam", "gradient times activation, place by place", "HiResCAM"),
        Method("gradcam++", "Grad-CAM with weights from higher derivatives", "GradCAMPlusPlus"),
        Method("xgradcam", "Grad-CAM with weights scaled by activation", "XGradCAM"),
        Method("layercam", "positive gradient times activation", "LayerCAM"),
        Method("elementwise", "positive part of gradient times activation", "GradCAMElementWise"),
        Method(
            "eigencam", "first principal component; asks no target", "EigenCAM", gradients=False
        ),
        Method("eigengradcam", "first principal component of HiResCAM's terms", "EigenGradCAM"),
        Method("gradnorm", "length of the gradient (saliency)"),
        Method(
            "integrated",
            "gradient times change of activation, along a path from blank images",
            path=True,
        ),
    )
}


def get_method(name: str) -> Method:
    """The method of that name. Raises `UnknownName` naming them all."""
    if name not in METHODS:
        raise UnknownName(
            f"unknown method: {name!r}", hint=f"the methods are {', '.join(METHODS)}, occlusion"
        )
    return METHODS[name]


@cache
def _formula(class_name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A library class's formula as a function of (1, C, 1, n) activations and gradients."""
    import pytorch_grad_cam
    import torch

    # The class wants a model to hook; it is given none of ours, only something to hold.
    cam = getattr(pytorch_grad_cam, class_name)(torch.nn.Linear(1, 1), [])

    def formula(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
        return cam.get_cam_image(None, None, None, activations, gradients, False)

    return formula


def cam(name: str, activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """One signed number per place.

    Args:
        name: Of `METHODS`, not one that integrates along a path.
        activations: (n, C) at the layer, all images one after another.
        gradients: (n, C) of the target with respect to them.

    Returns:
        (n,) float32.
    """
    method = get_method(name)
    if method.library is None:
        return np.linalg.norm(gradients, axis=1).astype(np.float32)
    formula = _formula(method.library)
    laid_out = [
        np.ascontiguousarray(t.T[None, :, None, :], np.float32) for t in (activations, gradients)
    ]
    return np.asarray(formula(*laid_out), np.float32).reshape(-1)
