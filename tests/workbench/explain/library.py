"""Maps of `pytorch_grad_cam`, which knows nothing of our code, to hold ours against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from tests.later import Later
from workbench.models.base import LoadedModel

pytorch_grad_cam = Later("pytorch_grad_cam")


def as_shown(grid: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Stretched over (width, height) and scaled to 0..1, before and after."""
    from pytorch_grad_cam.utils.image import scale_cam_image

    return np.asarray(scale_cam_image(scale_cam_image(grid[None], size)))[0]


def patch_map(
    loaded: LoadedModel, method: str, outputs: Callable[[], torch.Tensor], number: int
) -> np.ndarray:
    """The map at the patch embedding of the tiny model, of a picture of 64 x 64.

    Args:
        loaded: That model.
        method: The library's name of the method.
        outputs: Runs it; the last layer's (1, outputs).
        number: Of the output that is explained.
    """

    class Wrapper(torch.nn.Module):
        """The whole model as a function of a picture, as the library wants one."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = loaded.model

        def forward(self, _picture: torch.Tensor) -> torch.Tensor:
            return outputs()

    def lay_out(rows: torch.Tensor) -> torch.Tensor:  # written out, apart from the code under test
        grid = torch.zeros(rows.shape[1], 8, 8)
        for n, row in enumerate(rows):
            block, inside = divmod(n, 4)
            grid[:, 2 * (block // 4) + inside // 2, 2 * (block % 4) + inside % 2] = row
        return grid[None]

    layer = loaded.base.model.visual.patch_embed
    made = getattr(pytorch_grad_cam, method)
    with made(Wrapper(), [layer], reshape_transform=lay_out) as library:
        found = library(torch.zeros(1, 3, 64, 64), [lambda output: output[number]])[0]
    loaded.model.zero_grad(set_to_none=True)
    return found
