"""Bottleneck adapters: small layers behind those of a frozen base (Houlsby et al. 2019).

A bottleneck takes what a block's attention or feed-forward layer gives, narrows it, bends it,
widens it and adds the result, before the block adds it all to its residual stream. The widening
layer begins at zero, so that a new adapter changes nothing.

Guarantee: the base's modules and weights are left as they are; every weight of the file has its
place and its shape, or the adapter is refused with the list. Cannot be merged: what is bent fits in
no weight. Not for choosing which adapter is on: `workbench.models.adapters.kept`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from workbench.errors import ModelError
from workbench.models.adapters.bottleneck_config import (
    KIND,
    WEIGHTS,
    BottleneckConfig,
    read_bottleneck,
)
from workbench.models.finite import refuse_nonfinite
from workbench.models.fitting import refuse_misfit
from workbench.models.loading import explained

_BENDS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


class Bottleneck(nn.Module):
    """A layer of the base with a bottleneck behind it.

    Attributes:
        inner: The base's own layer.
        config: Of the adapter that it is a part of.
        down, up: (size, width) and (width, size), in fp32 whatever the base is in.
    """

    def __init__(self, inner: Any, config: BottleneckConfig) -> None:
        super().__init__()
        size, device = _size(inner), inner.weight.device
        self.inner, self.config = inner, config
        self.down = nn.Linear(size, config.width(size), device=device)
        self.bend = _BENDS[config.nonlinearity]()
        self.up = nn.Linear(config.width(size), size, device=device)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    @property
    def weight(self) -> torch.Tensor:
        """The inner layer's, for those who look at its type or its device."""
        return self.inner.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in) to (..., size)."""
        out = self.inner(x)
        change = self.up(self.bend(self.down(out.to(self.down.weight.dtype))))
        return out + change.to(out.dtype)

    def own(self) -> Iterator[tuple[str, nn.Parameter]]:
        """The bottleneck's own weights by the names that they are saved under."""
        for part in ("down", "up"):
            for name, parameter in getattr(self, part).named_parameters():
                yield f"{part}.{name}", parameter


def put_on(base: Any, config: BottleneckConfig) -> dict[str, Bottleneck]:
    """Put a new bottleneck behind each of the layers; the base is as it was where one is missing.

    Raises:
        ModelError: The base has no such layers, or they are not linear.
    """
    made: dict[str, Bottleneck] = {}
    modules = dict(base.named_modules())
    wrong = [n for n in config.layers if _size(modules.get(n)) == 0]
    if wrong:
        raise ModelError(
            f"the base has no linear layers called {', '.join(wrong[:3])}"
            + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""),
            hint="is the adapter from another base model?",
            kind="adapter_misfit",
        )
    for name in config.layers:
        made[name] = Bottleneck(modules[name], config)
    for name, module in made.items():
        parent, _, child = name.rpartition(".")
        base.get_submodule(parent)._modules[child] = module
    return made


def bottlenecks(model: Any) -> dict[str, Bottleneck]:
    """Those on a model, by the names of the layers that they stand behind."""
    return {n: m for n, m in model.named_modules() if isinstance(m, Bottleneck)}


def write_bottleneck(made: dict[str, Bottleneck], folder: Path) -> None:
    """Save bottlenecks of one adapter into a folder that is there."""
    from safetensors.torch import save_file

    next(iter(made.values())).config.write(folder)
    weights = {name: p.detach().cpu().contiguous() for name, p in _weights(made).items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def load_bottleneck(model: Any, folder: str | Path) -> Any:
    """Put a saved bottleneck adapter on a model of `transformers`, as loaded by `from_pretrained`.

    Args:
        model: The base that it was trained over, without an adapter.
        folder: What a training left.

    Returns:
        The model, in evaluation mode where it was.

    Raises:
        ModelError: It is of another kind, or does not fit; the model is then as it was.
    """
    path = Path(folder)
    config = read_bottleneck(path)
    if config is None:
        raise ModelError(f"{path} holds no bottleneck adapter", hint="load it with peft")
    read_onto(model, path, config)
    return model


def read_onto(base: Any, path: Path, config: BottleneckConfig) -> dict[str, Bottleneck]:
    """As `load_bottleneck`, of a config that was read; returns what stands on the base now."""
    from safetensors.torch import load_file

    with explained(path):
        tensors = load_file(path / WEIGHTS)
    refuse_nonfinite(f"the adapter {path}", tensors.items(), "train it again, at a lower rate")
    made = put_on(base, config)
    wanted = _weights(made)
    try:
        _refuse_misfit(path, wanted, tensors)
    except ModelError:
        take_off(base, made)
        raise
    with torch.no_grad():
        for name, parameter in wanted.items():
            parameter.copy_(tensors[name])
    for module in made.values():
        module.train(base.training)
    return made


def take_off(base: Any, made: dict[str, Bottleneck]) -> None:
    """Put the base's own layers back."""
    for name, module in made.items():
        parent, _, child = name.rpartition(".")
        base.get_submodule(parent)._modules[child] = module.inner


def _weights(made: dict[str, Bottleneck]) -> dict[str, nn.Parameter]:
    return {f"{layer}.{name}": p for layer, m in made.items() for name, p in m.own()}


def _refuse_misfit(path: Path, wanted: dict[str, Any], tensors: dict[str, Any]) -> None:
    shapes = {
        name: (tuple(tensors[name].shape), tuple(parameter.shape))
        for name, parameter in wanted.items()
        if name in tensors and tensors[name].shape != parameter.shape
    }
    refuse_misfit(
        f"the adapter {path} ({KIND})",
        missing=set(wanted) - set(tensors),
        unexpected=set(tensors) - set(wanted),
        shapes=shapes,
        hint="is it from another base model? see base_model_name_or_path in its "
        "adapter_config.json",
        kind="adapter_misfit",
    )


def _size(layer: Any) -> int:
    """Outputs of a linear layer, 0 where it is none."""
    from transformers.pytorch_utils import Conv1D

    if isinstance(layer, Conv1D):  # GPT-2's, whose weight stands the other way round
        return layer.nf
    return layer.out_features if isinstance(layer, nn.Linear) else 0
