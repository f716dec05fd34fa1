"""Raw maps of one prompt: passes through the model, a method's formula, a grid per image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from workbench.errors import Cancelled, UnknownName, UsageError
from workbench.explain.capture import Captured, capture
from workbench.explain.geometry import lay_out, pool, refine
from workbench.explain.methods import cam, get_method
from workbench.explain.prepare import Prepared
from workbench.explain.settings import ExplainSettings
from workbench.explain.targets import Target
from workbench.models.head import wanted_head

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel

Grids = list[np.ndarray]  # one (h, w) per image
Stop = Callable[[], bool] | None


def check(cancelled: Stop) -> None:
    """Raise `Cancelled` where the user has cancelled; called between passes."""
    if cancelled is not None and cancelled():
        raise Cancelled("the explanation was cancelled")


def layer_names(loaded: LoadedModel, spec: str) -> tuple[list[str], str]:
    """The layers that a spec names and how they combine (`+`, `*` or nothing).

    `patch.last` and `merged.last` stand for the last of their kind that the model has: the last
    vision block whose output is read, and what hands the image to the language model.

    Raises:
        UnknownName: A layer does not exist, naming those that do.
    """
    joint = "*" if "*" in spec else "+" if "+" in spec else ""
    names = [part.strip() for part in (spec.split(joint) if joint else [spec])]
    known = loaded.family.layers(loaded)
    for kind in ("patch.", "merged.", "token."):
        found = [name for name in known if name.startswith(kind)]
        names = [found[-1] if name == f"{kind}last" and found else name for name in names]
    for name in names:
        if name not in known:
            raise UnknownName(f"unknown layer: {name!r}", hint=f"the layers are {', '.join(known)}")
    return names, joint


def refuse_unread(loaded: LoadedModel, names: Sequence[str], method: str) -> None:
    """Refuse the language model's last layer, where a method reads gradients.

    Raises:
        UsageError: Nothing reads what that layer says at an image's tokens: the next token comes
            from the last position alone, and every map of it is zero.
    """
    tokens = [name for name in loaded.family.layers(loaded) if name.startswith("token.")]
    if tokens and tokens[-1] in names and get_method(method).gradients:
        before = f"--layer {tokens[-2]}, or " if len(tokens) > 1 else ""
        raise UsageError(
            f"--layer {tokens[-1]} is the language model's last: the answer is read off its last "
            "position, and nothing reads the images' positions, so the whole map would be cold",
            hint=f"take {before}patch.last",
            kind="bad_knob",
        )


def raw_maps(
    loaded: LoadedModel,
    prepared: Prepared,
    targets: Sequence[tuple[int, Target]],
    settings: ExplainSettings,
    *,
    baseline: torch.Tensor | None = None,
    cancelled: Stop = None,
) -> tuple[list[Grids], Captured]:
    """Signed maps per target and image, and the pass on the whole images.

    Args:
        loaded: The model.
        prepared: The prompt with the answer's tokens before the last explained one.
        targets: (index of the answer's token, what to explain of it).
        settings: Method, layer and the rest.
        baseline: Pixels of the blank images, of the shape of the prompt's own; needed by a
            method that integrates along a path.
        cancelled: Asked between passes.
    """
    names, joint = layer_names(loaded, settings.layer)
    head = wanted_head(loaded) if settings.head is not None else None
    if head is None or head.config.pooling == "last":
        refuse_unread(loaded, names, settings.method)
    flat, whole = flat_maps(
        loaded, prepared, names, targets, settings, baseline=baseline, cancelled=cancelled
    )
    grids = [
        combine([grids_of(loaded, prepared, n, maps[n], settings.coarse) for n in names], joint)
        for maps in flat
    ]
    return grids, whole


def flat_maps(
    loaded: LoadedModel,
    prepared: Prepared,
    names: Sequence[str],
    targets: Sequence[tuple[int, Target]],
    settings: ExplainSettings,
    *,
    baseline: torch.Tensor | None = None,
    cancelled: Stop = None,
) -> tuple[list[dict[str, np.ndarray]], Captured]:
    """As `raw_maps`, but for several layers in the same passes and not laid out.

    Returns:
        Per target, by layer, (n,) over all places of all images; and the pass on the whole
        images.
    """
    method = get_method(settings.method)
    whole = capture(loaded, prepared, names, targets, gradients=method.gradients)
    targets = [(token, t) for (token, _), t in zip(targets, whole.targets, strict=True)]

    def passes(pixels: Iterator[torch.Tensor]) -> Iterator[Captured]:
        for values in pixels:
            check(cancelled)
            yield capture(
                loaded, prepared, names, targets, pixel_values=values, gradients=method.gradients
            )

    if method.path:
        if baseline is None:
            raise ValueError("a path needs its baseline")
        end = prepared.inputs["pixel_values"]
        line = (baseline + (end - baseline) * (k / settings.steps) for k in range(settings.steps))
        return _integrate(passes(line), whole, names), whole
    if settings.smooth:
        return _average(passes(_noisy(prepared, settings)), settings.method, names), whole
    return _average(iter([whole]), settings.method, names), whole


def _noisy(prepared: Prepared, settings: ExplainSettings) -> Iterator[torch.Tensor]:
    pixels = prepared.inputs["pixel_values"]
    spread = settings.noise * float(pixels.max() - pixels.min())
    generator = torch.Generator().manual_seed(settings.seed)
    for _ in range(settings.smooth):
        noise = torch.randn(pixels.shape, generator=generator).to(pixels)
        yield pixels + spread * noise


def _average(
    passes: Iterator[Captured], method: str, names: Sequence[str]
) -> list[dict[str, np.ndarray]]:
    """Mean over passes of a CAM formula: per target, by layer, (n,)."""
    sums: list[dict[str, Any]] = []
    count = 0
    for one in passes:
        # A method without gradients says the same of every target.
        grads = one.gradients or [dict(one.activations)] * len(one.targets)
        maps = [{n: cam(method, one.activations[n], g[n]) for n in names} for g in grads]
        sums = [
            {n: total[n] + m[n] for n in names}
            for total, m in zip(sums or [dict.fromkeys(names, 0)] * len(maps), maps, strict=True)
        ]
        count += 1
    return [{n: m[n] / count for n in names} for m in sums]


def _integrate(
    passes: Iterator[Captured], whole: Captured, names: Sequence[str]
) -> list[dict[str, np.ndarray]]:
    """Gradient times change of activation along a path (trapezoids): per target, by layer, (n,).

    At a layer through which all that the model sees must pass (every vision layer), the sum over
    places is the target's whole change along the path, but for the error of the steps.
    """
    sums = [dict.fromkeys(names, np.float32(0)) for _ in whole.targets]
    before: Captured | None = None

    def add(left: Captured, right: Captured) -> None:
        for total, g0, g1 in zip(sums, left.gradients, right.gradients, strict=True):
            for n in names:
                change = right.activations[n] - left.activations[n]
                total[n] = total[n] + ((g0[n] + g1[n]) * change).sum(axis=1) / 2

    for one in passes:
        if before is not None:
            add(before, one)
        before = one
    if before is not None:
        add(before, whole)
    return [{n: np.asarray(s[n]) for n in names} for s in sums]


def grids_of(
    loaded: LoadedModel, prepared: Prepared, layer: str, flat: np.ndarray, coarse: bool
) -> Grids:
    """A layer's flat map as a grid per image; `coarse` pools patches to merged tokens."""
    grids = lay_out(loaded, prepared, layer, flat)
    if not coarse:
        return grids
    # With a box the cells have left the patches' grid, which is then the tokens' own.
    return [
        pool(g, span.grid) if span.box is None else g
        for g, span in zip(grids, prepared.spans, strict=True)
    ]


def combine(layers: list[Grids], joint: str) -> Grids:
    """Join the layers' positive parts, each scaled to a maximum of 1, on the finest grid."""
    if not joint:
        return layers[0]
    joined: Grids = []
    scales = [max(float(g.max()) for g in grids) or 1.0 for grids in layers]
    for image in range(len(layers[0])):
        shape = max((grids[image].shape for grids in layers), key=np.prod)
        parts = [
            refine(np.maximum(grids[image], 0) / scale, shape)
            for grids, scale in zip(layers, scales, strict=True)
        ]
        stacked = np.stack(parts)
        joined.append(stacked.prod(axis=0) if joint == "*" else stacked.mean(axis=0))
    return joined
