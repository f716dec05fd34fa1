"""What an explanation is: `HeatMap` per image, `Explanation` per token, and their JSON.

Guarantee: imports numpy at most, so that the bench and the commands read explanations without
torch. Heat is normalised over all images of the prompt together, never per image: of a pair,
the image that did not matter stays cold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

VERSION = 1
# Peaks are searched on a grid of at most this many pixels a side; larger images scale it back.
_MAX_SIDE = 1024


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Where one image is hot.

    Attributes:
        grid: (h, w) float32 in 0..1, one value per cell; the cells tile the image evenly.
        peak: (x, y) of the hottest pixel of the original image, of the map stretched bilinearly
            as the overlay shows it. Where nothing in the image is hot it is the least cold
            place: read it together with `grid.max()`.
        size: (width, height) of the original image in pixels.
        scale: The raw value that 1.0 stands for; the same for all images of a prompt.
    """

    grid: np.ndarray
    peak: tuple[int, int]
    size: tuple[int, int]
    scale: float = 1.0

    def upsampled(self) -> np.ndarray:
        """The grid stretched bilinearly over the image: (height, width) float32 in 0..1."""
        return stretch(self.grid, self.size)

    def to_json(self) -> dict[str, Any]:
        """As `wb gradcam --json` prints it; heat is rounded to five digits."""
        return {
            "grid": list(self.grid.shape),
            "peak": list(self.peak),
            "size": list(self.size),
            "scale": self.scale,
            "heat": [[round(float(v), 5) for v in row] for row in self.grid],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> HeatMap:
        """The reverse of `to_json`."""
        shape = tuple(int(n) for n in body["grid"])
        x, y = body["peak"]
        width, height = body["size"]
        return cls(
            grid=np.asarray(body["heat"], np.float32).reshape(shape),
            peak=(int(x), int(y)),
            size=(int(width), int(height)),
            scale=float(body.get("scale", 1.0)),
        )


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where one token of an answer comes from.

    Attributes:
        method: A name of `workbench.explain.methods`, or `occlusion`.
        layer: The layer it was taken at; empty for methods that look at pixels alone.
        token: Index into the answer's tokens, 0 for the first.
        token_text: Its text as decoded, not cleaned.
        images: One map per image of the prompt, in their order.
        target: What was explained: `logit`, `logprob`, `logodds` or `margin`.
        contrast: The other token of a margin, by its text.
        score: The target's value on the whole images.
        answer: The answer's text that was teacher-forced.
        seconds: How long it took, the loading of the model not counted.
        notes: What the reader should know (nothing was positive, several tokens, ...).
        head: Whether a class of the model's head was explained; `token_text` and `contrast` are
            then its labels.
    """

    method: str
    layer: str
    token: int
    token_text: str
    images: tuple[HeatMap, ...]
    target: str = "logit"
    contrast: str | None = None
    score: float = 0.0
    answer: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    head: bool = False

    @property
    def hottest(self) -> tuple[int, tuple[int, int]]:
        """(image, (x, y)): the hottest point over all images of the prompt."""
        best = max(range(len(self.images)), key=lambda i: float(self.images[i].grid.max()))
        return best, self.images[best].peak

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `json.dumps` takes."""
        image, peak = self.hottest
        return {
            "v": VERSION,
            "token": self.token,
            "token_text": self.token_text,
            "method": self.method,
            "layer": self.layer,
            "target": self.target,
            "contrast": self.contrast,
            "score": self.score,
            "answer": self.answer,
            **({"head": self.token_text} if self.head else {}),
            "seconds": round(self.seconds, 4),
            "notes": list(self.notes),
            "hottest": {"image": image, "peak": list(peak)},
            "images": [image.to_json() for image in self.images],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Explanation:
        """The reverse of `to_json`; keys that it does not know are left aside."""
        return cls(
            method=str(body["method"]),
            layer=str(body["layer"]),
            token=int(body["token"]),
            token_text=str(body.get("token_text", "")),
            images=tuple(HeatMap.from_json(image) for image in body["images"]),
            target=str(body.get("target", "logit")),
            contrast=body.get("contrast"),
            score=float(body.get("score", 0.0)),
            answer=str(body.get("answer", "")),
            head="head" in body,
            seconds=float(body.get("seconds", 0.0)),
            notes=tuple(body.get("notes", ())),
        )


def stretch(grid: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Stretch a grid of cells bilinearly over an image.

    Args:
        grid: (h, w).
        size: (width, height) in pixels.

    Returns:
        (height, width) float32; cell centres keep their values, edges are flat.
    """
    from PIL import Image

    cells = Image.fromarray(np.ascontiguousarray(grid, np.float32))
    return np.asarray(cells.resize(size, Image.Resampling.BILINEAR), np.float32)


def peak_of(raw: np.ndarray, size: tuple[int, int]) -> tuple[int, int]:
    """(x, y) of the hottest pixel of `raw` (h, w), signed, stretched over an image of `size`.

    It lies in the hottest cell (of several the first), also where stretching makes a pixel of
    another as hot. Where several of its pixels share the highest value (cells at an edge are flat
    outwards) it is the one nearest to the cell's centre; of a map that is flat all over, the
    middle.
    """
    if float(raw.max()) <= float(raw.min()):
        return size[0] // 2, size[1] // 2
    shrink = max(1.0, max(size) / _MAX_SIDE)
    small = (max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink)))
    wide = stretch(raw, small)
    row, column = map(int, np.unravel_index(int(np.argmax(raw)), raw.shape))
    top, bottom = _inside(row, raw.shape[0], small[1])
    left, right = _inside(column, raw.shape[1], small[0])
    part = wide[top : bottom + 1, left : right + 1]
    y0, x0 = (row + 0.5) / raw.shape[0] * small[1], (column + 0.5) / raw.shape[1] * small[0]
    ys, xs = np.nonzero(part >= part.max() - 1e-6 * float(wide.max() - wide.min()))
    nearest = int(np.argmin((ys + top + 0.5 - y0) ** 2 + (xs + left + 0.5 - x0) ** 2))
    x = int((xs[nearest] + left + 0.5) * size[0] / small[0])
    y = int((ys[nearest] + top + 0.5) * size[1] / small[1])
    (left, right), (top, bottom) = (
        _inside(column, raw.shape[1], size[0]),
        _inside(row, raw.shape[0], size[1]),
    )
    return min(max(x, left), right), min(max(y, top), bottom)


def _inside(cell: int, cells: int, pixels: int) -> tuple[int, int]:
    """First and last pixel of a side with its centre in a cell; the nearest where none has."""
    first = math.ceil(cell * pixels / cells - 0.5)
    last = math.ceil((cell + 1) * pixels / cells - 0.5) - 1
    if last < first:
        first = last = min(pixels - 1, int((cell + 0.5) * pixels / cells))
    return first, last


def heat_maps(raw: Sequence[np.ndarray], sizes: Sequence[tuple[int, int]]) -> tuple[HeatMap, ...]:
    """Normalise the raw maps of one prompt together.

    Args:
        raw: One signed (h, w) per image; what is below zero speaks against the target and is
            shown cold.
        sizes: (width, height) of each original image.
    """
    scale = max((float(np.nan_to_num(r).max(initial=0.0)) for r in raw), default=0.0)
    maps = []
    for signed, size in zip(raw, sizes, strict=True):
        signed = np.nan_to_num(np.asarray(signed, np.float32))
        grid = np.clip(signed / scale, 0, 1) if scale > 0 else np.zeros_like(signed)
        maps.append(HeatMap(grid.astype(np.float32), peak_of(signed, size), size, scale))
    return tuple(maps)
