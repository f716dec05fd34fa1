"""What a processor makes of a picture's size, by its config: before it is loaded, and after.

Guarantee: imports no torch; of each family that it knows, the sizes are those that the processor
itself comes to (`tests/workbench/models/test_box_writer.py` holds both together). Not for pixels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Box = tuple[float, float, float, float]
_QWEN_MERGE = 2  # what `qwen-vl-utils` is made for


@dataclass(frozen=True)
class ProcessorFacts:
    """Of an image processor what says how large a picture becomes; defaults are CLIP's.

    Attributes:
        kind: The name of its class.
        size: `shortest_edge` and `longest_edge`, or `height` and `width`; of Qwen areas.
        patch: Side of a patch in pixels.
        merge: Patches along a side of a token.
    """

    kind: str = ""
    do_resize: bool = True
    do_pad: bool = False
    do_center_crop: bool = False
    size: Mapping[str, int] = field(default_factory=dict)
    crop_size: Mapping[str, int] = field(default_factory=dict)
    patch: int = 14
    merge: int = 2


def facts_of(processor: Any) -> ProcessorFacts:
    """Of an image processor that is loaded."""
    return ProcessorFacts(
        kind=type(processor).__name__,
        do_resize=bool(processor.do_resize),
        do_pad=bool(getattr(processor, "do_pad", False)),
        do_center_crop=bool(getattr(processor, "do_center_crop", False)),
        size=_sizes(processor.size),
        crop_size=_sizes(getattr(processor, "crop_size", None)),
        patch=int(getattr(processor, "patch_size", 14)),
        merge=int(getattr(processor, "merge_size", 2)),
    )


def read_facts(folder: Path) -> ProcessorFacts | None:
    """Of the processor in a model's folder; `None` where its config is not there or says nothing.

    What a config leaves out is the class's own default, of CLIP's and Qwen's.
    """
    for name in ("processor_config.json", "preprocessor_config.json"):
        try:
            body = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        own = body.get("image_processor", body) if isinstance(body, dict) else None
        if isinstance(own, dict) and ("image_processor_type" in own or "size" in own):
            return _from_config(own)
    return None


def _from_config(body: Mapping[str, Any]) -> ProcessorFacts:
    kind = str(body.get("image_processor_type") or "")
    clip = kind.startswith(("CLIP", "Llava"))
    size = _sizes(body.get("size"))
    if not clip:
        for key, own in (("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge")):
            if body.get(key) is not None:
                size[own] = int(body[key])
        size.setdefault("shortest_edge", 56 * 56)
        size.setdefault("longest_edge", 28 * 28 * 1280)
    elif not size:
        size = {"shortest_edge": 224}
    crop = _sizes(body.get("crop_size"), both=True) or {"height": 224, "width": 224}
    return ProcessorFacts(
        kind=kind,
        do_resize=body.get("do_resize", True) is not False,
        do_pad=bool(body.get("do_pad", False)),
        do_center_crop=bool(body.get("do_center_crop", clip)),
        size=size,
        crop_size=crop,
        patch=int(body.get("patch_size") or 14),
        merge=int(body.get("merge_size") or 2),
    )


def _sizes(value: Any, *, both: bool = False) -> dict[str, int]:
    """A size as older and newer configs write it: a number, or a mapping."""
    if isinstance(value, int):
        return {"height": value, "width": value} if both else {"shortest_edge": value}
    if value is None:
        return {}
    value = dict(value)
    return {str(key): int(one) for key, one in value.items() if isinstance(one, int)}


def qwen_size(facts: ProcessorFacts, size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) that Qwen2-VL's processors bring a picture of `size` to.

    As `workbench.models.families.qwen2_vl` does: by `qwen-vl-utils`, then by the processor.
    """
    if not facts.do_resize:
        return size
    factor = facts.patch * facts.merge
    low, high = facts.size["shortest_edge"], facts.size["longest_edge"]
    if facts.merge == _QWEN_MERGE:
        prepared = _scaled(size, factor, low, high, least=factor, floor=0)
        size = size if 0 in prepared else prepared
    return _scaled(size, factor, low, high, least=0, floor=factor)


def _scaled(
    size: tuple[int, int], factor: int, low: int, high: int, *, least: int, floor: int
) -> tuple[int, int]:
    """`smart_resize` of both libraries, which differ in what a side is at least.

    Args:
        size: (width, height).
        factor: What sides are multiples of.
        low: Least area.
        high: Most area.
        least: Of a side that is rounded.
        floor: Of a side that is scaled down.
    """
    wide, high_side = (max(least, round(side / factor) * factor) for side in size)
    if wide * high_side > high:
        beta = math.sqrt(size[0] * size[1] / high)
        wide, high_side = (max(floor, math.floor(side / beta / factor) * factor) for side in size)
    elif wide * high_side < low:
        beta = math.sqrt(low / (size[0] * size[1]))
        wide, high_side = (math.ceil(side * beta / factor) * factor for side in size)
    return wide, high_side


def seen_box(facts: ProcessorFacts, size: tuple[int, int]) -> Box | None:
    """The part of an image of `size` (width, height) that LLaVA's tower sees; `None` is all."""
    if facts.kind.startswith("LlavaImageProcessor") and facts.do_pad:
        side = max(size)  # to a square, before anything else
        left, top = (side - size[0]) / 2, (side - size[1]) / 2
        return -left, -top, size[0] + left, size[1] + top
    resized = size
    if facts.do_resize and facts.size.get("shortest_edge"):
        scale = facts.size["shortest_edge"] / min(size)
        resized = (int(size[0] * scale), int(size[1] * scale))
    elif facts.do_resize and facts.size.get("height"):
        resized = (facts.size["width"], facts.size["height"])
    if not facts.do_center_crop:
        return None
    crop = facts.crop_size
    left, top = (resized[0] - crop["width"]) // 2, (resized[1] - crop["height"]) // 2
    if (left, top) == (0, 0):
        return None
    return resized_box(size, resized, (left, top, left + crop["width"], top + crop["height"]))


def resized_box(size: Sequence[int], resized: Sequence[int], window: Sequence[int]) -> Box:
    """A window in a resized image, in pixels of the image before.

    Args:
        size: (width, height) before.
        resized: (width, height) after.
        window: (x0, y0, x1, y1) after; may reach beyond the image.
    """
    across, down = size[0] / resized[0], size[1] / resized[1]
    x0, y0, x1, y1 = window
    return x0 * across, y0 * down, x1 * across, y1 * down
