"""`explain`: where in the images a token of an answer comes from.

Guarantee: the model is left as it was found (no gradient kept, no hook, no dropout switched);
the map of a token depends on the prompt and the answer's tokens before it, on nothing after.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.explain.blank import blank
from workbench.explain.label import label
from workbench.explain.maps import Stop, layer_names, raw_maps
from workbench.explain.methods import get_method
from workbench.explain.occlusion import occlude
from workbench.explain.prepare import (
    Prepared,
    answer_tokens,
    encode,
    images_of,
    prepare,
    with_images,
)
from workbench.explain.result import Explanation, heat_maps
from workbench.explain.settings import (
    DEFAULT_LAYER,
    DEFAULT_METHOD,
    DEFAULT_TARGET,
    ExplainSettings,
)
from workbench.explain.targets import Target, contrast_token
from workbench.models.head import wanted_head

if TYPE_CHECKING:
    import torch

    from workbench.models.base import LoadedModel
    from workbench.sample import Message

__all__ = [
    "DEFAULT_LAYER",
    "DEFAULT_METHOD",
    "DEFAULT_TARGET",
    "ExplainSettings",
    "explain",
    "explain_tokens",
]


def explain(
    loaded: LoadedModel,
    messages: Sequence[Message],
    answer_text: str,
    *,
    token: int = 0,
    method: str | None = None,
    layer: str | None = None,
    target: str | None = None,
    contrast: str | None = None,
    settings: ExplainSettings | None = None,
    answer_ids: Sequence[int] | None = None,
    cancelled: Stop = None,
) -> Explanation:
    """Explain one token of an answer.

    Args:
        loaded: The model.
        messages: The prompt as it was asked, images in it.
        answer_text: What was answered, or what might have been.
        token: Which of its tokens, 0 for the first; negative counts from the end.
        method: See `workbench.explain.methods`, or `occlusion`; default `DEFAULT_METHOD`.
        layer: A name of the model's layers; default `DEFAULT_LAYER`.
        target: `logit`, `logprob`, `logodds` or `margin`; default `DEFAULT_TARGET`.
        contrast: The other answer of a margin; default the most probable other token.
        settings: All knobs at once; the four above, where given, stand over it.
        answer_ids: The answer's tokens as they were generated; default those of its text.
        cancelled: Asked between passes through the model.

    Raises:
        UsageError: No image, no such token, method, layer, target or contrast.
        Cancelled: `cancelled` said so.
    """
    return explain_tokens(
        loaded,
        messages,
        answer_text,
        tokens=[token],
        settings=_settings(settings, method, layer, target, contrast),
        answer_ids=answer_ids,
        cancelled=cancelled,
    )[0]


def explain_tokens(
    loaded: LoadedModel,
    messages: Sequence[Message],
    answer_text: str,
    *,
    tokens: Sequence[int] | None = None,
    settings: ExplainSettings | None = None,
    answer_ids: Sequence[int] | None = None,
    cancelled: Stop = None,
) -> list[Explanation]:
    """Explain several tokens of an answer (all, where `tokens` is `None`) in shared passes.

    A language model looks back only, so that one pass over the longest prefix serves all.
    Each token's maps are normalised over its images; see `explain` for the rest. With a `head` in
    the settings it is one class of the model's head that is explained, on the prompt alone.
    """
    settings = settings or ExplainSettings()
    start = time.monotonic()
    if settings.head is not None:
        ids, answer_text = (), ""
        targets = [(0, _class_target(loaded, settings.head, settings))]
    else:
        ids = answer_tokens(loaded, answer_text, answer_ids)
        chosen = [_index(token, ids) for token in (range(len(ids)) if tokens is None else tokens)]
        targets = [(token, _target(loaded, ids, token, settings)) for token in chosen]
    if settings.method == "occlusion":
        made = [
            occlude(loaded, messages, ids, token, target, settings, cancelled=cancelled)
            for token, target in targets
        ]
    else:
        made = _by_gradient(loaded, messages, ids, targets, settings, cancelled)
    seconds = (time.monotonic() - start) / len(made)
    return [replace(e, answer=answer_text, seconds=seconds) for e in made]


def _by_gradient(
    loaded: LoadedModel,
    messages: Sequence[Message],
    ids: tuple[int, ...],
    targets: list[tuple[int, Target]],
    settings: ExplainSettings,
    cancelled: Stop,
) -> list[Explanation]:
    images_of(messages)
    method = get_method(settings.method)
    upto = max(token for token, _ in targets)
    prepared = prepare(loaded, messages, ids, upto)
    baseline = None
    if method.path:
        baseline = blank_pixels(loaded, messages, prepared, settings.baseline)
    grids, whole = raw_maps(
        loaded, prepared, targets, settings, baseline=baseline, cancelled=cancelled
    )
    sizes = [span.size for span in prepared.spans]
    names, joint = layer_names(loaded, settings.layer)
    return [
        label(
            Explanation(
                method=settings.method,
                layer=joint.join(names),
                token=token,
                token_text="",
                images=heat_maps(grid, sizes),
                score=score,
            ),
            loaded,
            target,
        )
        for (token, _), grid, score, target in zip(
            targets, grids, whole.scores, whole.targets, strict=True
        )
    ]


def blank_pixels(
    loaded: LoadedModel, messages: Sequence[Message], prepared: Prepared, kind: str
) -> torch.Tensor:
    """The pixels of the prompt's images blanked, of the shape and type of the prompt's own."""
    blanks = [blank(ref.load(), kind) for ref in images_of(messages)]
    inputs, _ = encode(loaded, [with_images(messages, blanks)], ())
    return inputs["pixel_values"].to(prepared.inputs["pixel_values"])


def _settings(
    settings: ExplainSettings | None,
    method: str | None,
    layer: str | None,
    target: str | None,
    contrast: str | None,
) -> ExplainSettings:
    given = {"method": method, "layer": layer, "target": target, "contrast": contrast}
    changed = {name: value for name, value in given.items() if value is not None}
    return replace(settings or ExplainSettings(), **changed)


def _index(token: int, ids: Sequence[int]) -> int:
    if not -len(ids) <= token < len(ids):
        raise UsageError(
            f"the answer has {len(ids)} tokens, --token {token} is none of them",
            hint=f"choose 0 to {len(ids) - 1}",
        )
    return token % len(ids)


def _class_target(loaded: LoadedModel, label: str, settings: ExplainSettings) -> Target:
    head, other = wanted_head(loaded), settings.contrast
    _check_contrast(settings)
    if other == label:
        raise UsageError(f"--contrast {other!r} is the class that is explained")
    contrast = None if other is None else head.index(other)
    return Target(settings.target, head.index(label), contrast, head=True)


def _check_contrast(settings: ExplainSettings) -> None:
    if settings.contrast is not None and settings.target != "margin":
        raise UsageError(
            f"--contrast goes with --target margin, not {settings.target}",
            hint="leave one of them out",
        )


def _target(
    loaded: LoadedModel, ids: Sequence[int], token: int, settings: ExplainSettings
) -> Target:
    contrast = None
    _check_contrast(settings)
    if settings.contrast is not None:
        from workbench.models.chat import text_ids

        contrast = contrast_token(ids, text_ids(loaded, settings.contrast), token)
    return Target(settings.target, ids[token], contrast)
