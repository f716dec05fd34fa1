"""Which family serves which `model_type`; a family's file is imported when it is needed.

Families of `wb` stand in the tables here; those of other packages are plug-ins of the kind
`family`, each a `FamilyPlugin` under its `model_type`. Guarantee: imports no torch; what a family
cannot do and how it is asked can be told without loading it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError, PluginError
from workbench.models.families.limits import LIMITS
from workbench.plugins import broken, find_plugin, import_plugin, plugin_names

if TYPE_CHECKING:
    from workbench.models.families.decoder import DecoderFamily

# model_type -> (family, the module under `workbench.models` that holds it as FAMILY); all others go
# through plug-ins, then through `auto`.
FAMILIES: dict[str, tuple[str, str]] = {
    "qwen2_vl": ("qwen2_vl", "families.qwen2_vl"),
    "qwen2_5_vl": ("qwen2_vl", "families.qwen2_vl"),
    "llava": ("llava", "families.llava"),
    "llava_next": ("llava_next", "families.llava_next"),
    "paligemma": ("paligemma", "families.paligemma"),
    "idefics3": ("idefics3", "families.idefics3"),
    "smolvlm": ("idefics3", "families.idefics3"),
    "vision-encoder-decoder": ("captioner", "families.captioner"),
    "wb_two_stage": ("two_stage", "two_stage.family"),
}

# Family -> task -> the template that it is asked in where nobody names one; else the task's.
DEFAULT_TEMPLATES: dict[str, dict[str, str]] = {"captioner": {"caption": "caption/none"}}


@dataclass(frozen=True)
class FamilyPlugin:
    """What an entry point in `wb.families` names: a family, as far as is told before torch loads.

    Attributes:
        family: Where the `DecoderFamily` is, `module:ATTRIBUTE`; imported when a model is loaded.
        limits: What it cannot do -> why; the keys are those of `LIMITS`.
        templates: Task -> the shipped template that it is asked in; see `DEFAULT_TEMPLATES`.
    """

    family: str
    limits: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)


def family_name(model_type: str, default: str = "auto") -> str:
    """What the family of a `model_type` is called here; imports no family.

    Args:
        model_type: Of a model's config.
        default: For one that neither `wb` nor a plug-in serves by name.
    """
    if model_type in FAMILIES:
        return FAMILIES[model_type][0]
    return model_type if model_type in plugin_names("family") else default


def limits_of(family: str) -> Mapping[str, str]:
    """What a family cannot do, by `family_name`; nothing of one that cannot be imported."""
    if family in LIMITS:
        return LIMITS[family]
    plugin = _plugin_or_none(family)
    return plugin.limits if plugin else {}


def templates_of(family: str) -> Mapping[str, str]:
    """Task -> the template that a family is asked in, by `family_name`."""
    if family in DEFAULT_TEMPLATES:
        return DEFAULT_TEMPLATES[family]
    plugin = _plugin_or_none(family)
    return plugin.templates if plugin else {}


def may_have_template(task: str) -> bool:
    """Whether any family may be asked in a template of its own about a task."""
    return any(task in own for own in DEFAULT_TEMPLATES.values()) or bool(plugin_names("family"))


def plugin_of(model_type: str) -> FamilyPlugin | None:
    """The plug-in that serves a `model_type`, `None` where none does.

    Raises:
        PluginError: It cannot be imported, or is no `FamilyPlugin`.
    """
    if model_type in FAMILIES or (plugin := find_plugin("family", model_type)) is None:
        return None
    found = import_plugin(plugin)
    if not isinstance(found, FamilyPlugin):
        raise broken(plugin, f"{plugin.value} is {type(found).__name__} and no FamilyPlugin")
    return found


def family_for(config: dict[str, Any]) -> DecoderFamily:
    """The family of a model by its config.

    Raises:
        ModelError: No vision-language model that `transformers` can prompt has that type.
        PluginError: A plug-in serves that type, and cannot be imported.
    """
    model_type = config["model_type"]
    if model_type in FAMILIES and not _is_pixtral(config):
        _, module = FAMILIES[model_type]
        return import_module(f"workbench.models.{module}").FAMILY
    if (found := _family_of_plugin(model_type)) is not None:
        return found
    from workbench.models.families.auto import FAMILY, serves

    if serves(model_type):
        return FAMILY
    named = ", ".join(config.get("architectures") or ()) or "no architecture named"
    raise ModelError(
        f"model_type {model_type!r} ({named}) is not a vision-language model that can be prompted",
        hint=f"supported by name: {', '.join((*FAMILIES, *plugin_names('family')))}; others "
        "through AutoModelForImageTextToText; see docs/plugins.md for a family of your own",
        kind="wrong_architecture",
    )


def _family_of_plugin(model_type: str) -> DecoderFamily | None:
    """The family that a plug-in names, imported. Raises `PluginError`."""
    known = plugin_of(model_type)
    plugin = find_plugin("family", model_type)
    if known is None or plugin is None:
        return None
    module, _, attribute = known.family.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (Exception, SystemExit) as error:  # whatever its code raises at import
        raise broken(plugin, f"{known.family}: {type(error).__name__}: {error}") from error


def _plugin_or_none(family: str) -> FamilyPlugin | None:
    """The plug-in of that name; what is wrong with one is told where its model is loaded."""
    with suppress(PluginError):
        return plugin_of(family)
    return None


def _is_pixtral(config: dict[str, Any]) -> bool:
    """Pixtral calls itself a LLaVA; its images have any shape, with a break after every row."""
    vision = config.get("vision_config")
    return isinstance(vision, dict) and vision.get("model_type") == "pixtral"
