"""The parts of a vision-language model, by the names of its modules and of its files' tensors.

Guarantee: torch-free; every name is of exactly one part.
"""

from __future__ import annotations

# How the parts are called in `transformers` and in our two-stage models.
_PROJECTOR = frozenset(
    {
        *("multi_modal_projector", "connector", "merger", "image_newline"),
        *("enc_to_dec_proj", "image_projector", "text_projection"),
    }
)
_VISION = frozenset(
    {
        *("visual", "vision_tower", "vision_model", "vision", "vision_encoder"),
        *("encoder", "image_encoder"),
    }
)
_SEEING = "|".join(sorted(_PROJECTOR | _VISION))
# The layers that give the logits, which bitsandbytes leaves whole where nobody names any.
_OUTPUTS = ("lm_head", "embed_out", "output_layer")


def part_of(name: str) -> str:
    """`language`, `projector` or `vision`; `head` for a classification head over a model."""
    words = set(name.split("."))
    if "class_head" in words:
        return "head"
    if words & _PROJECTOR:
        return "projector"
    return "vision" if words & _VISION else "language"


def is_quantized(name: str, parts: str) -> bool:
    """Whether `--quantize-parts` means a module of that name; `vision` has the projector too."""
    return parts == "all" or (part_of(name) == "language") == (parts == "language")


def left_whole(parts: str) -> list[str] | None:
    """What `--quantize-parts` leaves whole, as patterns that transformers matches from the start.

    Returns:
        `None` for all parts: transformers' own choice.
    """
    if parts == "all":
        return None
    seeing = rf"(?:.*\.)?(?:{_SEEING})"
    if parts == "language":
        return [*_OUTPUTS, seeing]
    return [*_OUTPUTS, rf"(?!{seeing}(?:\.|$)).*"]
