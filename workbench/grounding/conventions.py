"""How each kind of model writes a place in an image: the units of its numbers, and what they span.

A convention is what a model was trained on; its numbers mean nothing without it. Published sources:

- Qwen2-VL: thousandths of the image's width and height (arXiv:2409.12191, section 2.1;
  github.com/QwenLM/Qwen3-VL/issues/866). So has Qwen3-VL, in JSON (modelscope/ms-swift#6178).
- Qwen2.5-VL: pixels of the image as the processor resized it (QwenLM/Qwen3-VL#676, #866).
- PaliGemma: `<locYYYY>`, a grid of 1024, y before x, over the whole image (arXiv:2407.07726).
- LLaVA-1.5: fractions of the square that the image is padded to (haotian-liu/LLaVA#606). Where a
  processor cuts the middle out instead, they are of what the tower is shown. LLaVA-NeXT was trained
  on the same data; that its tiles are not padded so changed no number (LLaVA#1158, #1833, both
  without an answer of the authors).
- InternVL: thousandths (internvl.readthedocs.io, "Grounding / Detection Data").
- Molmo: percent (huggingface.co/allenai/Molmo-7B-O-0924/discussions/1, by an author).
- Idefics3, SmolVLM and all others: none is published. They are asked for fractions of the image,
  and their numbers are read as such.

Guarantee: standard library only. Not for reading an answer's text: see `forms` and `reading`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

System = Literal["fractions", "square", "thousandths", "percent", "resized", "grid"]


@dataclass(frozen=True)
class BoxConvention:
    """How one kind of model writes places.

    Attributes:
        name: What it is called in records and docs.
        system: What its numbers are of: `fractions` of the image, fractions of a `square` around
            (or in) it, `thousandths`, `percent`, pixels of the `resized` image, a `grid` of 1024.
        template: The template that such a model is asked for a box in.
    """

    name: str
    system: System
    template: str


FRACTIONS = BoxConvention("fractions", "fractions", "grounding/fractions")
# By `model_type`.
CONVENTIONS: dict[str, BoxConvention] = {
    "qwen2_vl": BoxConvention("qwen2-vl", "thousandths", "grounding/region"),
    "qwen2_5_vl": BoxConvention("qwen2.5-vl", "resized", "grounding/json"),
    "qwen3_vl": BoxConvention("qwen3-vl", "thousandths", "grounding/json"),
    "qwen3_vl_moe": BoxConvention("qwen3-vl", "thousandths", "grounding/json"),
    "paligemma": BoxConvention("paligemma", "grid", "grounding/paligemma-detect"),
    "llava": BoxConvention("llava", "square", "grounding/region"),
    "llava_next": BoxConvention("llava-next", "square", "grounding/region"),
    "internvl": BoxConvention("internvl", "thousandths", "grounding/internvl"),
    "molmo": BoxConvention("molmo", "percent", "grounding/molmo-point"),
}
UNITS: dict[System, tuple[float, float]] = {
    "fractions": (1.0, 1.0),
    "square": (1.0, 1.0),
    "thousandths": (1000.0, 1000.0),
    "percent": (100.0, 100.0),
    "grid": (1024.0, 1024.0),
}


# What a shipped template asks for, where it says so whatever the model.
_ASKS: dict[str, System] = {
    "grounding/fractions": "fractions",
    "grounding/point-fractions": "fractions",
    "grounding/internvl": "thousandths",
    "grounding/molmo-point": "percent",
}


def units_asked(template: str) -> tuple[float, float] | None:
    """The units that a template asks for; `None` where they are the model's own matter."""
    system = _ASKS.get(template)
    return UNITS[system] if system is not None else None


def convention_of(model_type: str) -> BoxConvention:
    """That of a `model_type`; fractions of the image where none is published."""
    return CONVENTIONS.get(model_type, FRACTIONS)


def square_around(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) in pixels of an image of `size`: the square that it is padded to."""
    side = max(size)
    left, top = (side - size[0]) / 2, (side - size[1]) / 2
    return -left, -top, size[0] + left, size[1] + top
