"""An adapter that is trained further: of which kind it must be, and what its config may say.

Guarantee: an adapter of another method, or of another form than the config says, is refused before
anything is loaded. Not for putting it on a model: the modules of each method do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.config_groups import OF_BOTTLENECKS
from training.train_config import TrainConfig
from workbench.errors import UsageError
from workbench.models.adapters.bottleneck_config import KIND

_LORA = "lora."
_PLAIN = TrainConfig(train=("-",))
# Our key in the group `lora` -> PEFT's in adapter_config.json.
_OF_LORA = {
    "r": "r",
    "alpha": "lora_alpha",
    "dropout": "lora_dropout",
    "rslora": "use_rslora",
    "dora": "use_dora",
}
# Method -> the kind of what it makes.
KINDS = {
    "lora": "LORA",
    "adapter": KIND,
    "prefix_tuning": "PREFIX_TUNING",
    "prompt_tuning": "PROMPT_TUNING",
}


def refuse_other_adapter(config: TrainConfig) -> None:
    """Refuse an `adapter` that the `method` did not make, or made otherwise.

    Raises:
        UsageError: With the method to take, or the keys and what the adapter has.
        UnknownName, ModelError: There is no such adapter, or it is damaged.
    """
    from workbench.models.catalog import describe_adapter

    kind = describe_adapter(config.adapter).peft_type
    if kind != KINDS[config.method]:
        methods = [method for method, made in KINDS.items() if made == kind]
        raise UsageError(
            f"'adapter' {config.adapter} is of the kind {kind}, which 'method' {config.method} "
            "does not train further",
            hint=f"take method: {methods[0]}"
            if methods
            else "leave 'adapter' out; a training that was cut goes on by --resume",
            kind="unsupported",
        )
    problems = [
        f"'{key}' says {said!r}, and the adapter {config.adapter} has {has!r}"
        for key, has in _form(config).items()
        if (said := _said(config, key)) not in (has, _said(_PLAIN, key))
    ]
    if problems:
        raise UsageError("; ".join(problems), hint="leave that out", kind="bad_config")


def with_form(config: TrainConfig) -> TrainConfig:
    """The config with what its `adapter` has in the keys that it leaves out, for a card."""
    if not config.adapter:
        return config
    form = _form(config)
    lora = {key.removeprefix(_LORA): has for key, has in form.items() if key.startswith(_LORA)}
    plain = {key: has for key, has in form.items() if not key.startswith(_LORA)}
    return config.changed(**plain, lora=config.lora.model_copy(update=lora))


def _said(config: TrainConfig, key: str) -> Any:
    """What a config says under a key; `lora.r` is `r` in its group `lora`."""
    group, _, name = key.rpartition(".")
    return getattr(getattr(config, group) if group else config, name)


def _form(config: TrainConfig) -> dict[str, Any]:
    """What the adapter's folder says of the keys that a config could say of it."""
    from workbench.models.adapters.bottleneck_config import read_bottleneck
    from workbench.models.locate import find_adapter

    folder = find_adapter(config.adapter)
    if config.method == "lora":
        return _form_of_lora(folder)
    if config.method == "adapter" and (made := read_bottleneck(folder)) is not None:
        values = (made.style, made.reduction_factor, made.nonlinearity)
        return dict(zip(OF_BOTTLENECKS, values, strict=True))
    if config.method in ("prefix_tuning", "prompt_tuning"):
        from peft import PeftConfig

        from workbench.models.loading import explained

        with explained(folder):
            return {
                "num_virtual_tokens": getattr(
                    PeftConfig.from_pretrained(str(folder)), "num_virtual_tokens", 0
                )
            }
    return {}


def _form_of_lora(folder: Path) -> dict[str, Any]:
    """Rank, scale and dropout as PEFT's file has them."""
    found = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    return {f"{_LORA}{ours}": found[theirs] for ours, theirs in _OF_LORA.items() if theirs in found}
