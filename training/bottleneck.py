"""Bottleneck adapters in a training: which layers they stand behind, and put on.

Guarantee: a part of a model that has no such layers is refused by the names in its files, before
anything is loaded. Not for the layers themselves: `workbench.models.adapters.bottleneck`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from training.lora import prepared
from training.parts import PARTS
from training.train_config import TrainConfig
from workbench.errors import UsageError
from workbench.models.adapters.bottleneck_config import BottleneckConfig, places, read_bottleneck
from workbench.models.parts import part_of

if TYPE_CHECKING:
    from workbench.models.adapters.bottleneck import Bottleneck
    from workbench.models.base import LoadedModel


def refuse_no_blocks(config: TrainConfig, parts: Sequence[str]) -> None:
    """Refuse parts without a transformer's blocks, told from the files' headers.

    Raises:
        UsageError: There is nothing to stand behind.
    """
    from workbench.models.locate import find_model
    from workbench.models.memory import tensor_bytes

    names = tensor_bytes(find_model(config.model, config.revision or None))
    layers = (n.removesuffix(".weight") for n in names if n.endswith(".weight"))
    have = {part_of(name) for name in places(layers, config.adapter_style)}
    if not have & set(parts):
        raise _nothing(config.model, parts, have)


def attach_bottleneck(loaded: LoadedModel, config: TrainConfig, parts: Sequence[str]) -> Any:
    """The base with bottlenecks in it, which alone train: new ones, or those of an adapter.

    Raises:
        UsageError: No layer is meant.
        ModelError: The adapter to go on with does not fit.
    """
    base = prepared(loaded)
    for parameter in base.parameters():
        parameter.requires_grad_(False)
    made = _read(base, config.adapter) if config.adapter else _new(base, config, parts)
    for bottleneck in made.values():
        bottleneck.train(base.training)
    if loaded.spec.quantization != "none":
        # `Trainer` trains nothing over quantised weights without an adapter, and asks this.
        vars(base)["_hf_peft_config_loaded"] = True
    return base


def _new(base: Any, config: TrainConfig, parts: Sequence[str]) -> dict[str, Bottleneck]:
    from workbench.models.adapters.bottleneck import put_on

    found = places((name for name, _ in base.named_modules()), config.adapter_style)
    layers = [name for name in found if part_of(name) in parts]
    if not layers:
        raise _nothing(config.model, parts, {part_of(name) for name in found})
    return put_on(
        base,
        BottleneckConfig(
            style=config.adapter_style,
            reduction_factor=config.adapter_reduction,
            nonlinearity=config.adapter_nonlinearity,
            layers=tuple(layers),
        ),
    )


def _read(base: Any, adapter: str) -> dict[str, Bottleneck]:
    from workbench.models.adapters.bottleneck import read_onto
    from workbench.models.locate import find_adapter

    folder = find_adapter(adapter)
    config = read_bottleneck(folder)
    assert config is not None  # `training.further` has looked
    return read_onto(base, folder, config)


def _nothing(model: str, parts: Sequence[str], have: set[str]) -> UsageError:
    others = ", ".join(part for part in PARTS if part in have)
    return UsageError(
        f"'method' adapter is refused for {model}: no block of a transformer is in its "
        f"{' or '.join(parts)} part" + (f"; it has some in: {others}" if have else ""),
        hint="name other parts" if have else "take another method, such as lora",
        kind="unsupported",
    )
