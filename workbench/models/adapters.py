"""PEFT adapters over a base that stays in memory.

Guarantee: an adapter's file fits the model key for key and shape for shape, or it is refused with
the list and the base is as it was. A silent partial load gives plausible wrong answers.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from workbench.errors import ModelError
from workbench.models.loading import explained

_NAME = "wb"  # must not occur in PEFT's own prefixes (`lora_`, ...)


def attach(base: Any, path: Path, device: torch.device) -> Any:
    """Put the adapter in `path` over `base`; returns PEFT's wrapper.

    Raises:
        ModelError: Unknown kind, no fitting modules, keys or shapes that do not fit.
    """
    from peft import PeftConfig, PeftModel, PeftType
    from peft.mapping import PEFT_TYPE_TO_PREFIX_MAPPING

    wrapper = None
    try:
        with explained(path), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it would warn of is checked below, and refused
            config = PeftConfig.from_pretrained(str(path))
            config.inference_mode = True
            prefix = PEFT_TYPE_TO_PREFIX_MAPPING.get(PeftType(config.peft_type), "")
            wrapper = PeftModel(base, config, adapter_name=_NAME)
            result = wrapper.load_adapter(str(path), _NAME, torch_device=str(device))
            wrapper.set_adapter(_NAME)
        _refuse_misfits(path, prefix, result.missing_keys, result.unexpected_keys)
    except Exception:
        detach(base, wrapper)
        raise
    _thaw(base)
    return wrapper.eval()


def _refuse_misfits(path: Path, prefix: str, missing: list[str], unexpected: list[str]) -> None:
    faults = []
    if unexpected:
        faults.append(f"{len(unexpected)} keys fit no module: {_some(unexpected)}")
    if missing:
        faults.append(f"{len(missing)} {prefix} weights are missing: {_some(missing)}")
    if faults:
        raise ModelError(
            f"the adapter {path} does not fit the model: {'; '.join(faults)}",
            hint="is it from another base model? see base_model_name_or_path in its "
            "adapter_config.json",
            kind="adapter_misfit",
        )


def _some(keys: list[str]) -> str:
    shown = ", ".join(sorted(keys)[:5])
    return shown + (", ..." if len(keys) > 5 else "")


def detach(base: Any, wrapper: Any) -> None:
    """Take an adapter out again; the base's own weights were never touched.

    Args:
        base: The model inside the wrapper.
        wrapper: What `attach` returned, or `None`.
    """
    if wrapper is not None and not wrapper.active_peft_config.is_prompt_learning:
        wrapper.base_model.unload()
    _strip(base)


def _strip(base: Any) -> None:
    # What PEFT leaves on the base would make the next adapter look like a second one.
    for name in ("peft_config", "_hf_peft_config_loaded"):
        if name in vars(base):
            delattr(base, name)
    _thaw(base)


def _thaw(base: Any) -> None:
    # PEFT freezes the base; heatmaps want gradients to flow with an adapter as without one.
    for parameter in base.parameters():
        if parameter.is_floating_point():
            parameter.requires_grad_(True)
