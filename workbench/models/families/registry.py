"""Which family serves which `model_type`; a family's file is imported when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError

if TYPE_CHECKING:
    from workbench.models.families.family import Family

# model_type -> (family, the module under `workbench.models` that holds it as FAMILY); all others go
# through `auto`.
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

# What a family cannot do -> why; here, so that it can be told without loading torch.
LIMITS: dict[str, dict[str, str]] = {
    "qwen2_vl": {},
    "llava": {"image pixels": "its processor makes a square of one size out of every image"},
    "llava_next": {"image pixels": "its tiles are those of its config's image_grid_pinpoints"},
    "idefics3": {"image pixels": "its tiles follow the longest edge in its processor's config"},
    "paligemma": {
        "image pixels": "its processor makes a square of one size out of every image",
        "turns": "it was trained on one prompt and its answer",
        "prompts without an image": "its prompt begins with one",
        "prefix tuning": "what its prompt sees is settled where nothing stands before it",
        "shared prefix": "each token of a prompt sees all of it, so a part is nothing by itself",
    },
    "captioner": {
        "image pixels": "its processor makes a square of one size out of every image",
        "turns": "its text is the beginning of the caption",
        "several images": "it reads one",
        "prompts without an image": "there is nothing else to read",
        "shared prefix": "its prompt is one image and a few words, with nothing to share",
        "image tokens": "images are read by cross-attention",
        "token layers": "heat is taken at the encoder",
        "joining a batch": "what a row sees is not in the cache of keys; it waits for the next",
    },
    "two_stage": {
        "image pixels": "its processor makes a square of one size out of every image",
        "quantized vision": "its encoder and its projector are kept whole",
    },
    "auto": {
        "image pixels": "how its processor chooses a size is not known here",
        "gradcam": "how its patches become tokens is not known here",
        "image tokens": "how its patches become tokens is not known here",
    },
}

# Family -> task -> the template that it is asked in where nobody names one; else the task's.
DEFAULT_TEMPLATES: dict[str, dict[str, str]] = {"captioner": {"caption": "caption/none"}}


def family_for(config: dict[str, Any]) -> Family:
    """The family of a model by its config.

    Raises:
        ModelError: No vision-language model that `transformers` can prompt has that type.
    """
    model_type = config["model_type"]
    if model_type in FAMILIES and not _is_pixtral(config):
        _, module = FAMILIES[model_type]
        return import_module(f"workbench.models.{module}").FAMILY
    from workbench.models.families.auto import FAMILY, serves

    if serves(model_type):
        return FAMILY
    named = ", ".join(config.get("architectures") or ()) or "no architecture named"
    raise ModelError(
        f"model_type {model_type!r} ({named}) is not a vision-language model that can be prompted",
        hint=f"supported by name: {', '.join(FAMILIES)}; others through "
        "AutoModelForImageTextToText",
        kind="wrong_architecture",
    )


def _is_pixtral(config: dict[str, Any]) -> bool:
    """Pixtral calls itself a LLaVA; its images have any shape, with a break after every row."""
    vision = config.get("vision_config")
    return isinstance(vision, dict) and vision.get("model_type") == "pixtral"
