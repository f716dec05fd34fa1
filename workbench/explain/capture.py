"""One forward pass, and the gradients of targets with respect to layers' outputs.

Gradients flow to activations alone: no parameter needs one, so a 4-bit base, a frozen model
and an adapter are all explained the same way, and nothing is left in `.grad`. The first layer
that is asked for becomes a leaf of the graph, so that nothing below it is kept in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from workbench.errors import ModelError
from workbench.explain.geometry import kind_of
from workbench.explain.prepare import Prepared
from workbench.explain.targets import Target
from workbench.models.head import class_logits

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel

# Gradients of half-precision models underflow; the score is raised by this before and lowered
# after. bfloat16 and float32 do not need it.
_HALF_SCALE = 1024.0


@dataclass(frozen=True)
class Captured:
    """What one pass left.

    Attributes:
        activations: By layer, (n, C) float32: all places of all images, in the model's order.
        gradients: Per target, by layer, of the same shape.
        scores: Per target, its value.
        targets: As settled: a margin has its contrast.
    """

    activations: dict[str, np.ndarray]
    gradients: list[dict[str, np.ndarray]]
    scores: list[float]
    targets: list[Target]


def next_token_logits(
    loaded: LoadedModel, inputs: Mapping[str, Any], keep: int = 1
) -> torch.Tensor:
    """(B, keep, V) logits after the last `keep` positions."""
    return loaded.model(**inputs, use_cache=False, logits_to_keep=keep).logits


def logits_of(
    loaded: LoadedModel, inputs: Mapping[str, Any], target: Target, keep: int = 1
) -> torch.Tensor:
    """What a target is a number of: (B, keep, V) of tokens, or (B, 1, C) of the head's classes."""
    if target.head:
        return class_logits(loaded, dict(inputs)).unsqueeze(1)
    return next_token_logits(loaded, inputs, keep)


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Dropout off and checkpointing idle for the time of a pass; each module is as it was after.

    One by one: a model in training may have parts that are not (norms that are frozen).
    """
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def capture(
    loaded: LoadedModel,
    prepared: Prepared,
    layers: Sequence[str],
    targets: Sequence[tuple[int, Target]],
    *,
    pixel_values: torch.Tensor | None = None,
    gradients: bool = True,
) -> Captured:
    """Run the prompt once and differentiate each target.

    Args:
        loaded: The model.
        prepared: The prompt, with at least the answer's tokens before the last explained one.
        layers: Names out of `loaded.family.layers(loaded)`.
        targets: (index of the answer's token, what to explain of it).
        pixel_values: Other pixels in the place of the prompt's own.
        gradients: Without them only the activations are kept.

    Raises:
        ModelError: A layer gave nothing that lies on the images.
    """
    inputs = dict(prepared.inputs)
    if pixel_values is not None:
        inputs["pixel_values"] = pixel_values
    entered = int(inputs["input_ids"].shape[1]) - prepared.prompt_length
    first = min(token for token, _ in targets)
    held: dict[str, torch.Tensor] = {}
    modules = loaded.family.layers(loaded)
    with ExitStack() as stack:
        stack.enter_context(evaluating(loaded.model))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.set_grad_enabled(gradients))
        for name in layers:
            handle = modules[name].register_forward_hook(_holder(held, name, gradients))
            stack.callback(handle.remove)
        logits = logits_of(loaded, inputs, targets[0][1], keep=entered - first + 1)[0]
        settled = [target.settle(logits[token - first]) for token, target in targets]
        scores = [t(logits[token - first]) for (token, _), t in zip(targets, settled, strict=True)]
        grads = [_gradients(score, held, prepared, layers) for score in scores] if gradients else []
    missing = [name for name in layers if name not in held]
    if missing:
        raise ModelError(f"the model never ran the layers {', '.join(missing)}")
    return Captured(
        {name: _places(name, held[name], prepared) for name in layers},
        grads,
        [float(score.detach()) for score in scores],
        settled,
    )


def _holder(held: dict[str, torch.Tensor], name: str, gradients: bool) -> Any:
    def hook(_module: torch.nn.Module, _args: Any, output: Any) -> Any:
        tensor = output[0] if isinstance(output, tuple) else output
        if gradients and not tensor.requires_grad:
            tensor = tensor.detach().requires_grad_(True)
        held[name] = tensor
        return (tensor, *output[1:]) if isinstance(output, tuple) else tensor

    return hook


def _gradients(
    score: torch.Tensor, held: Mapping[str, torch.Tensor], prepared: Prepared, layers: Sequence[str]
) -> dict[str, np.ndarray]:
    half = any(held[name].dtype == torch.float16 for name in layers)
    factor = _HALF_SCALE if half else 1.0
    found = torch.autograd.grad(
        score * factor, [held[name] for name in layers], retain_graph=True, allow_unused=True
    )
    return {
        name: _places(name, torch.zeros_like(held[name]) if g is None else g, prepared) / factor
        for name, g in zip(layers, found, strict=True)
    }


def _places(layer: str, tensor: torch.Tensor, prepared: Prepared) -> np.ndarray:
    """The rows of a layer's output that lie on images: (n, C) float32."""
    if kind_of(layer) == "token":  # (1, T, C)
        columns = [column for span in prepared.spans for column in span.columns]
        # An adapter's virtual tokens stand before the prompt's.
        tensor = tensor[:, -prepared.inputs["input_ids"].shape[1] :]
        tensor = tensor[0].index_select(0, torch.tensor(columns, device=tensor.device))
    else:
        tensor = patch_places(tensor)
    return tensor.detach().float().cpu().numpy()


def patch_places(tensor: torch.Tensor) -> torch.Tensor:
    """The output of a `patch.` or `merged.` layer as (n, C): all places of all pictures."""
    if tensor.ndim == 4:  # a convolution's: (tiles, C, h, w)
        return tensor.permute(0, 2, 3, 1).flatten(0, 2)
    return tensor.flatten(0, 1) if tensor.ndim == 3 else tensor  # (tiles, places, C)
