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

Guarantee: standard library only. Not for reading an answer's text or for writing one: see `forms`,
`reading` and `writing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

System = Literal["fractions", "square", "thousandths", "percent", "resized", "grid"]
Form = Literal["brackets", "qwen", "json", "loc", "internvl", "molmo"]


@dataclass(frozen=True)
class BoxConvention:
    """How one kind of model writes places.

    Attributes:
        name: What it is called in records and docs.
        system: What its numbers are of: `fractions` of the image, fractions of a `square` around
            (or in) it, `thousandths`, `percent`, pixels of the `resized` image, a `grid` of 1024.
        template: The template that such a model is asked for a box in.
        form: What stands around its numbers: see `workbench.grounding.writing`.
        decimals: Of its numbers, as they are written.
    """

    name: str
    system: System
    template: str
    form: Form = "brackets"
    decimals: int = 0


FRACTIONS = BoxConvention("fractions", "fractions", "grounding/fractions", decimals=3)
_QWEN3 = BoxConvention("qwen3-vl", "thousandths", "grounding/json", "json")
# By `model_type`.
CONVENTIONS: dict[str, BoxConvention] = {
    "qwen2_vl": BoxConvention("qwen2-vl", "thousandths", "grounding/region", "qwen"),
    "qwen2_5_vl": BoxConvention("qwen2.5-vl", "resized", "grounding/json", "json"),
    "qwen3_vl": _QWEN3,
    "qwen3_vl_moe": _QWEN3,
    "paligemma": BoxConvention("paligemma", "grid", "grounding/paligemma-detect", "loc"),
    "llava": BoxConvention("llava", "square", "grounding/region", decimals=2),
    "llava_next": BoxConvention("llava-next", "square", "grounding/region", decimals=2),
    "internvl": BoxConvention("internvl", "thousandths", "grounding/internvl", "internvl"),
    "molmo": BoxConvention("molmo", "percent", "grounding/molmo-point", "molmo", 1),
}
UNITS: dict[System, tuple[float, float]] = {
    "fractions": (1.0, 1.0),
    "square": (1.0, 1.0),
    "thousandths": (1000.0, 1000.0),
    "percent": (100.0, 100.0),
    "grid": (1024.0, 1024.0),
}


# What a shipped template asks for, where it says so whatever the model.
_ASKS: dict[str, BoxConvention] = {
    "grounding/fractions": FRACTIONS,
    "grounding/point-fractions": FRACTIONS,
    "grounding/internvl": CONVENTIONS["internvl"],
    "grounding/molmo-point": CONVENTIONS["molmo"],
}
# `<loc>` is on its grid with every model, and a JSON template shows the form that it wants.
_ON_ITS_GRID = {"grounding/paligemma-detect": CONVENTIONS["paligemma"]}
_SHOWS: dict[str, Form] = {"grounding/json": "json", "grounding/json-point": "json"}
_FOR_POINTS = frozenset(
    {"grounding/json-point", "grounding/molmo-point", "grounding/point-fractions"}
)


def units_asked(template: str) -> tuple[float, float] | None:
    """The units that a template asks for; `None` where they are the model's own matter."""
    asked = _ASKS.get(template)
    return UNITS[asked.system] if asked is not None else None


def convention_asked(template: str) -> BoxConvention | None:
    """The convention that a template asks for; `None` where it is the model's own matter."""
    return _ASKS.get(template)


def fixed_convention(template: str) -> BoxConvention | None:
    """That of a template whose form says its own units, whatever the model; else `None`."""
    return _ON_ITS_GRID.get(template)


def form_asked(template: str) -> Form | None:
    """The form that a template shows, whatever the model's units; `None` where it shows none."""
    return _SHOWS.get(template)


def asks_for_points(template: str) -> bool:
    """Whether a shipped template wants a point where the gold may be a box."""
    return template in _FOR_POINTS


def convention_of(model_type: str) -> BoxConvention:
    """That of a `model_type`; fractions of the image where none is published."""
    return CONVENTIONS.get(model_type, FRACTIONS)


def square_around(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) in pixels of an image of `size`: the square that it is padded to."""
    side = max(size)
    left, top = (side - size[0]) / 2, (side - size[1]) / 2
    return -left, -top, size[0] + left, size[1] + top
