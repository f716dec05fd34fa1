"""What a training puts on a model so that it learns: LoRA, bottlenecks, any of PEFT's, or none.

Guarantee: what cannot work is refused with its reason before anything is loaded, as far as the
config and the headers of the files tell; only the parts that the config names train, `all-linear`
included. Not for saving: see `training.lora` and `training.whole`.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.bottleneck import attach_bottleneck, refuse_no_blocks
from training.config_groups import UNUSABLE, VIRTUAL
from training.further import refuse_other_adapter
from training.lora import attach_lora, prepared, save_adapter
from training.parts import PARTS, choose_layers
from training.train_config import TrainConfig
from training.virtual import attach_virtual, refuse_family
from workbench.errors import UsageError
from workbench.models.parts import part_of

if TYPE_CHECKING:
    from training.train_record import Product
    from workbench.models.base import LoadedModel

# Fields of PEFT's configs that are not the user's to set.
_OURS = {
    *("peft_type", "task_type", "inference_mode", "base_model_name_or_path", "revision"),
    *("auto_mapping", "peft_version"),
}
# Kinds whose layers know GPT-2's `Conv1D`.
_CONV1D = {"LORA", "IA3", "VERA", "FOURIERFT", "RANDLORA", "VBLORA", "LN_TUNING"}
_NOT_HERE = {
    "ADALORA": "its ranks are shared out by calls of its own between the steps",
    "XLORA": "it mixes adapters that were trained before",
    "POLY": "it wants a task's number beside each prompt",
    "OSF": "it trains the base's own weights; take method: full",
    "TRAINABLE_TOKENS": "it trains rows of the embedding; take lora.modules_to_save",
}
# What IA3 scales: keys and values, and what goes into the last layer of a feed-forward block.
_IA3 = ("k_proj", "v_proj", "qkv", "c_attn", "key", "value")
_IA3_FEEDFORWARD = ("down_proj", "fc2", "mlp.c_proj", "output.dense")


def plan(config: TrainConfig) -> Any:
    """PEFT's config of a method, its layers not chosen yet; `None` where PEFT has no part in it.

    Imports PEFT, and loads no model.

    Raises:
        UsageError: The method cannot be used so; the reason is in the message.
    """
    planned = None
    if config.adapter:
        refuse_other_adapter(config)
    if config.method == "ia3":
        planned = read_peft({"peft_type": "IA3", **config.peft})
    elif config.method == "peft":
        planned = read_peft(config.peft)
    if config.method in ("bitfit", "full") and config.quantization != "none":
        raise _refused(config, "it trains the base's own weights, which are quantised", "lora")
    if config.method == "bitfit":
        _refuse_no_biases(config)
    if config.method == "adapter" and not config.adapter:
        refuse_no_blocks(config, parts_of(config))
    if config.method in VIRTUAL:
        refuse_family(config)
    if planned is not None and _has_conv1d(config) and planned.peft_type.value not in _CONV1D:
        raise _refused(
            config, f"{planned.peft_type.value} knows no layers like GPT-2's (Conv1D)", "lora"
        )
    return planned


def parts_of(config: TrainConfig) -> tuple[str, ...]:
    """The parts that train; LoRA's own word for them where the config names none."""
    return config.parts or ("language",)


def attach(loaded: LoadedModel, config: TrainConfig, planned: Any) -> Any:
    """The model in training form.

    Args:
        loaded: Without an adapter.
        config: Its method, parts and settings.
        planned: What `plan` gave.

    Raises:
        UsageError: No layer is meant, or PEFT cannot put the method on them.
        ModelError: An adapter to go on with does not fit.
    """
    if config.method == "lora":
        return attach_lora(loaded, config.lora, config.adapter, config.parts)
    if config.method == "bitfit":
        return _bitfit(loaded, parts_of(config))
    if config.method == "full":
        return _full(loaded, parts_of(config))
    if config.method == "head":
        return _full(loaded, ())
    if config.method == "adapter":
        return attach_bottleneck(loaded, config, parts_of(config))
    if config.method in VIRTUAL:
        return attach_virtual(loaded, config)
    base = prepared(loaded)
    _aim(base, planned, parts_of(config))
    return _wrapped(base, planned)


def product(loaded: LoadedModel, config: TrainConfig) -> Product:
    """What a training's run will hold: an adapter or a head, or a whole model (`full`)."""
    from training.joint import bare, head_of, save_head_alone
    from training.train_eval import headlines
    from training.train_record import Product
    from training.whole import save_model

    def write(model: Any, folder: Path, card: str) -> None:
        head = head_of(model)
        if config.method == "full":
            save_model(loaded, folder, card, head)
        elif config.method == "head" and head is not None:
            save_head_alone(head, folder, card)
        else:
            save_adapter(bare(model), folder, config.model, card, head)

    return Product("model" if config.method == "full" else "adapter", write, headlines(config))


def read_peft(values: Mapping[str, Any]) -> Any:
    """One of PEFT's own configs from a mapping as YAML gives it.

    Raises:
        UsageError: No such kind, unknown keys with the nearest name, or a kind that is not
            trained here with the reason.
    """
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    from workbench.models.adapters.config import why_unserved

    kinds = {kind.value: cls for kind, cls in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    kind = str(values.get("peft_type", "")).upper()
    if kind not in kinds:
        near = difflib.get_close_matches(kind, kinds, n=1)
        raise UsageError(
            f"'peft.peft_type' {values.get('peft_type', '')!r} is not a method of PEFT",
            hint=f"did you mean {near[0]}?" if near else f"they are {', '.join(sorted(kinds))}",
            kind="bad_config",
        )
    cls = kinds[kind]
    known = {f.name for f in fields(cls) if f.init} - _OURS
    given = {key: value for key, value in values.items() if key != "peft_type"}
    problems = []
    for key in sorted(set(given) - known):
        near = difflib.get_close_matches(key, known, n=1)
        problems.append(
            f"{cls.__name__} has no 'peft.{key}'"
            + (f" (did you mean 'peft.{near[0]}'?)" if near else "")
        )
    if problems:
        raise UsageError(
            "; ".join(problems), hint=f"it has {', '.join(sorted(known))}", kind="bad_config"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = cls(**given)
    except (TypeError, ValueError) as error:
        raise UsageError(f"'peft': {error}", kind="bad_config") from error
    why, hint = _NOT_HERE.get(kind, ""), ""
    if made.is_prompt_learning:
        why = UNUSABLE.get(
            kind.lower(), "how its vectors are put before the text is not known here"
        )
        hint = "take method: prefix_tuning or prompt_tuning"
    elif not why and not hasattr(made, "target_modules"):
        why = "which layers it changes is not in its config"
    elif not why:
        why, hint = why_unserved(made)
    if why:
        raise UsageError(
            f"'peft.peft_type' {kind} is not trained here: {why}",
            hint=hint or "take lora, ia3, bitfit or full, or another kind that changes layers",
            kind="unsupported",
        )
    return made


def _refused(config: TrainConfig, why: str, other: str) -> UsageError:
    return UsageError(
        f"'method' {config.method} is refused for {config.model}: {why}",
        hint=f"take another method, such as {other}",
        kind="unsupported",
    )


def _has_conv1d(config: TrainConfig) -> bool:
    from workbench.models.default_prompt import family_of

    return family_of(config.spec) == "captioner" and "language" in parts_of(config)


def _refuse_no_biases(config: TrainConfig) -> None:
    from workbench.models.locate import find_model
    from workbench.models.memory import tensor_bytes

    wanted = parts_of(config)
    names = tensor_bytes(find_model(config.model, config.revision or None))
    biases = {part_of(name) for name in names if name.rpartition(".")[2] == "bias"}
    if not biases & set(wanted):
        has = f"; it has some in: {', '.join(p for p in PARTS if p in biases)}" if biases else ""
        raise _refused(config, f"no bias is in its {' or '.join(wanted)} part{has}", "ia3")


def _wrapped(base: Any, planned: Any) -> Any:
    from peft import get_peft_model

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return get_peft_model(base, planned)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise UsageError(
            f"'method': {planned.peft_type.value} cannot be put on {type(base).__name__}: {error}",
            hint="name other layers in peft.target_modules, or take another method",
            kind="unsupported",
        ) from error


def _aim(base: Any, planned: Any, parts: Sequence[str]) -> None:
    """Write the names of the layers that are meant into PEFT's config: no pattern is left to it."""
    kind, given = planned.peft_type.value, planned.target_modules
    if kind == "IA3" and given is None:
        linear = choose_layers(base, "all", parts, "peft.")
        forward = [n for n in linear if n.endswith(_IA3_FEEDFORWARD)]
        planned.feedforward_modules = forward
        planned.target_modules = forward + [n for n in linear if n.rpartition(".")[2] in _IA3]
    elif kind == "LN_TUNING" and given is None:
        named = dict(base.named_modules())
        planned.target_modules = [
            n
            for n, m in named.items()
            if "norm" in type(m).__name__.lower() and part_of(n) in parts
        ]
    elif given is None or given == "all-linear":
        planned.target_modules = choose_layers(base, "all", parts, "peft.")
    else:
        planned.target_modules = _fitting(base, given, parts)
    if not planned.target_modules:
        raise UsageError(
            f"'peft.target_modules' {given!r} means no layer of the {' or '.join(parts)} part of "
            f"{type(base).__name__}",
            hint="name layers that it has, or other parts",
            kind="bad_config",
        )


def _fitting(base: Any, given: Any, parts: Sequence[str]) -> list[str]:
    inside = [name for name, _ in base.named_modules() if part_of(name) in parts]
    if isinstance(given, str):
        return [name for name in inside if re.fullmatch(given, name)]
    return [n for n in inside if any(n == w or n.endswith(f".{w}") for w in given)]


def _bitfit(loaded: LoadedModel, parts: Sequence[str]) -> Any:
    """Biases alone (Ben Zaken et al. 2022), in the form of a LoRA adapter.

    PEFT has no BitFit, and its LoRA saves biases: a LoRA of rank 1 that stays zero carries them,
    so that every reader of PEFT's adapters takes them.
    """
    from peft import LoraConfig

    first = choose_layers(loaded.base, "all", parts)[:1]
    model = _wrapped(loaded.base, LoraConfig(r=1, target_modules=first, bias="all"))
    for name, parameter in model.named_parameters():
        is_bias = name.rpartition(".")[2] == "bias"
        parameter.requires_grad_(is_bias and part_of(name) in parts)
    return model


def _full(loaded: LoadedModel, parts: Sequence[str]) -> Any:
    """Every weight of the parts."""
    for name, parameter in loaded.base.named_parameters():
        parameter.requires_grad_(part_of(name) in parts and parameter.is_floating_point())
    return loaded.base
