"""Which family serves which `model_type`; a family's file is imported when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError

if TYPE_CHECKING:
    from workbench.models.base import Family

# model_type -> (module under workbench.models, attribute); all others go through `auto`.
FAMILIES: dict[str, tuple[str, str]] = {
    "qwen2_vl": ("qwen2_vl", "FAMILY"),
    "qwen2_5_vl": ("qwen2_vl", "FAMILY"),
}

# What a family cannot do -> why; here, so that it can be told without loading torch.
LIMITS: dict[str, dict[str, str]] = {
    "qwen2_vl": {},
    "auto": {"gradcam": "how its patches become tokens is not known here"},
}


def family_for(config: dict[str, Any]) -> Family:
    """The family of a model by its config.

    Raises:
        ModelError: No vision-language model that `transformers` can prompt has that type.
    """
    model_type = config["model_type"]
    if model_type in FAMILIES:
        module, attribute = FAMILIES[model_type]
        return getattr(import_module(f"workbench.models.{module}"), attribute)
    from workbench.models.auto import FAMILY, serves

    if serves(model_type):
        return FAMILY
    named = ", ".join(config.get("architectures") or ()) or "no architecture named"
    raise ModelError(
        f"model_type {model_type!r} ({named}) is not a vision-language model that can be prompted",
        hint=f"supported by name: {', '.join(FAMILIES)}; others through "
        "AutoModelForImageTextToText",
        kind="wrong_architecture",
    )
