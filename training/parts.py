"""The linear layers of a vision-language model, part by part: what a config lets train.

Guarantee: torch-free until a model is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.config_groups import PARTS
from workbench.errors import UsageError
from workbench.models.parts import part_of


def linear_layers(model: Any) -> dict[str, str]:
    """Name of every linear layer that an adapter can be put on -> its part.

    The output embedding is left out: it is tied to the input's in most models. GPT-2's layers
    (`Conv1D`) are linear ones whose weight stands the other way round.
    """
    output = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    return {
        name: part_of(name)
        for name, module in model.named_modules()
        if module is not output and _is_linear(module) and name.rpartition(".")[2] != "lm_head"
    }


def _is_linear(module: Any) -> bool:
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    # bitsandbytes' layers derive from nn.Linear too; convolutions are not meant.
    return isinstance(module, (nn.Linear, Conv1D))


def parts_meant(target: str) -> tuple[str, ...]:
    """The parts that `lora.target_modules` means by a word; `vision` has its projector with it."""
    words = {"language": ("language",), "vision": ("projector", "vision"), "all": PARTS}
    return words[target]


def choose_layers(
    model: Any, target: str | Sequence[str], parts: Sequence[str] = (), key: str = "lora."
) -> list[str]:
    """The names of the linear layers that a config means.

    Args:
        model: The base.
        target: A word of `parts_meant`, or the ends of layers' names.
        parts: Only layers of these; empty: of those that `target` says.
        key: What `target_modules` stands under, for the message.

    Raises:
        UsageError: A name in the list fits no linear layer, or no layer is meant.
    """
    layers = linear_layers(model)
    if isinstance(target, str):
        wanted = parts or parts_meant(target)
        chosen = [name for name, part in layers.items() if part in wanted]
    else:
        inside = {n: part for n, part in layers.items() if not parts or part in parts}
        chosen = _named(inside, target, f"{key}target_modules")
    if not chosen:
        raise UsageError(
            f"'{key}target_modules' {target!r} means no layer of {type(model).__name__}",
            kind="bad_config",
        )
    return chosen


def _named(layers: dict[str, str], wishes: Sequence[str], key: str) -> list[str]:
    chosen: list[str] = []
    for wish in wishes:
        fits = [name for name in layers if name == wish or name.endswith(f".{wish}")]
        if not fits:
            kinds = sorted({name.rpartition(".")[2] for name in layers})
            raise UsageError(
                f"'{key}' names {wish!r}, which no linear layer is called",
                hint=f"the layers are called {', '.join(kinds)}",
                kind="bad_config",
            )
        chosen += [name for name in fits if name not in chosen]
    return chosen
