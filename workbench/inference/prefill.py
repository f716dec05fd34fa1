"""Read prompts, whole or behind a beginning that has been read before.

Guarantee: the logits are those of the whole prompt, to rounding: what was read before is the same
tokens and pictures through the same model, positions go on where it ended, and where any of that
is not certain the prompt is read whole. A prompt that fails leaves nothing behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from workbench.inference.batch import Prefill, prefill
from workbench.inference.prefix_cache import CachedPrefix, PrefixCache, head_of, keeps_all, stacked
from workbench.inference.prefix_split import SplitPlan, SplitPoint
from workbench.models.base import LoadedModel
from workbench.models.batch import Batch
from workbench.models.chat import check_length
from workbench.models.prompt import text_ids
from workbench.sample import Conversation, CoordinateFrame

# How far a model that nobody knows may be off where it reads a prompt in two parts.
_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3}
_HALF_TOLERANCE = 0.05
# Of prompts, so many different sets of pictures are worth a forward of their own.
_MOST_DIFFERENT = 0.75


@dataclass
class PrefilledPrompts:
    """Prompts that the model has read.

    Attributes:
        state: Logits, cache, mask and positions of their rows.
        ids: The tokens of each, image tokens included, without padding.
        frames: What coordinates are of in the answer to each, image by image.
    """

    state: Prefill
    ids: list[list[int]]
    frames: list[tuple[CoordinateFrame, ...]]


def read(
    loaded: LoadedModel,
    conversations: Sequence[Conversation],
    new: Sequence[int],
    prefixes: PrefixCache | None = None,
) -> PrefilledPrompts:
    """Read prompts in one forward, and before it beginnings that several share.

    Args:
        loaded: The model.
        conversations: Each ends before the assistant's turn.
        new: How many tokens may follow on each.
        prefixes: What has been read before; `None` reads every prompt whole.

    Raises:
        PromptTooLong: A prompt with what may follow does not fit the context.
        ImageError: An image cannot be read.
    """
    if prefixes is None or not prefixes.serves(loaded):
        batch = loaded.family.encode(loaded, conversations)
        return _forward(loaded, batch, [None] * len(conversations), new)
    plans = [SplitPlan(loaded, conversation, prefixes.memo) for conversation in conversations]
    return _read_plans(loaded, plans, new, prefixes)


def _read_plans(
    loaded: LoadedModel, plans: Sequence[SplitPlan], new: Sequence[int], prefixes: PrefixCache
) -> PrefilledPrompts:
    if (found := _read_behind_pictures(loaded, plans, new, prefixes)) is not None:
        return found
    cuts = [plan.last or next(reversed(plan.cuts), None) for plan in plans]
    wanted = {cut.key: (cut, plan) for cut, plan in zip(cuts, plans, strict=True) if cut}
    ready = {key for key in wanted if prefixes.holds(key)}
    heads = _heads(
        loaded,
        # Where all are at hand nobody asks for shorter ones, and no template is rendered for them.
        [(cut, () if key in ready else plan.cuts) for key, (cut, plan) in wanted.items()],
        prefixes,
    )
    found = [heads.get(cut.key) if cut else None for cut in cuts]
    prompts = [
        cut.behind(plan.prompt) if cut and head else plan.prompt
        for plan, cut, head in zip(plans, cuts, found, strict=True)
    ]
    out = _forward(loaded, loaded.family.encode_prompts(loaded, prompts), found, new)
    if any(found) and not prefixes.proven:
        whole = prefill(loaded, loaded.family.encode_prompts(loaded, [p.prompt for p in plans]))
        if not _same(whole.logits, out.state.logits, loaded.base.dtype):
            prefixes.refuse("read in two parts its prompts give other logits")
            return PrefilledPrompts(whole, out.ids, out.frames)
        prefixes.prove()
    prefixes.count([(c.key, h) for c, h in zip(cuts, found, strict=True) if c and h], ready)
    return out


def _read_behind_pictures(
    loaded: LoadedModel, plans: Sequence[SplitPlan], new: Sequence[int], prefixes: PrefixCache
) -> PrefilledPrompts | None:
    """Read the pictures that prompts share once, and the words of each prompt behind them.

    Within this batch alone: what is read depends on the batch and on nothing before it.

    Returns:
        `None` where the pictures differ too much, or a prompt cannot be cut behind them, or only
        where it can be cut later.
    """
    most = _MOST_DIFFERENT * len(plans)
    if not prefixes.proven or len({_refs(plan) for plan in plans}) > most:
        return None
    cuts = [cut for plan in plans if (cut := plan.behind_pictures) is not None]
    wanted = {cut.key: (cut, plan.cuts) for cut, plan in zip(cuts, plans, strict=False)}
    if len(cuts) < len(plans) or len(wanted) > most:
        return None
    # Questions without a picture of their own: the turns before them are the longer beginning.
    if any(plan.last and plan.last.rest >= cut.rest for cut, plan in zip(cuts, plans, strict=True)):
        return None
    heads = _heads(loaded, list(wanted.values()), prefixes, keep=False)
    if not heads:
        return None
    rest = [cut.behind(plan.prompt) for cut, plan in zip(cuts, plans, strict=True)]
    own = [heads[cut.key] for cut in cuts]
    out = _forward(loaded, loaded.family.encode_prompts(loaded, rest), own, new)
    prefixes.count([(cut.key, head) for cut, head in zip(cuts, own, strict=True)], ())
    return out


def _refs(plan: SplitPlan) -> tuple[object, ...]:
    """What tells a prompt's pictures from others without reading them."""
    return tuple((image.path, image.url, image.data) for image in plan.prompt.images)


def _heads(
    loaded: LoadedModel,
    wanted: Sequence[tuple[SplitPoint, Sequence[SplitPoint]]],
    prefixes: PrefixCache,
    *,
    keep: bool = True,
) -> dict[str, CachedPrefix]:
    """Heads by their key, those that are not there read together.

    Args:
        loaded: The model.
        wanted: Cuts, each with all the cuts of its prompt.
        prefixes: Where heads are found, and kept.
        keep: Keep these; those that they stand behind are kept in any case.

    Returns:
        All of them; none where this model's cannot be kept.
    """
    heads = {cut.key: head for cut, _ in wanted if (head := prefixes.get(cut.key)) is not None}
    missing = [
        (cut, [c for c in cuts if c.rest < cut.rest])
        for cut, cuts in wanted
        if cut.key not in heads
    ]
    if not missing:
        return heads
    shared = Counter(c.key for cut, shorter in missing for c in (cut, *shorter))
    if not keep:  # the turns before stand before every other prompt too
        shared.update(c.key for _, shorter in missing for c in shorter)
    bases = [_base(loaded, cut, shorter, shared, prefixes) for cut, shorter in missing]
    for cut, shorter in missing if keep else ():
        prefixes.see([c.key for c in (*shorter, cut)], cut.key)
    pairs = [(base, short) for base, (_, short) in zip(bases, missing, strict=True) if base]
    inner = _heads(loaded, list({b.key: (b, short) for b, short in pairs}.values()), prefixes)
    if prefixes.refused:
        return {}
    before = [inner.get(base.key) if base else None for base in bases]
    prompts = [
        base.behind(cut.head) if base else cut.head
        for base, (cut, _) in zip(bases, missing, strict=True)
    ]
    batch = loaded.family.encode_prompts(loaded, prompts)
    found = _forward(loaded, batch, before, [0] * len(missing))
    if not keeps_all(found.state):
        prefixes.refuse(
            "its cache is no list of all tokens: windows that slide, a state that is carried on, "
            "or an adapter's own beginning"
        )
        return {}
    for row, (cut, _) in enumerate(missing):
        heads[cut.key] = head_of(found.state, row, found.ids[row], found.frames[row])
        if keep:
            prefixes.put(cut.key, heads[cut.key])
    return heads


def _base(
    loaded: LoadedModel,
    cut: SplitPoint,
    shorter: Sequence[SplitPoint],
    shared: Mapping[str, int],
    prefixes: PrefixCache,
) -> SplitPoint | None:
    """The longest cut before another that more prompts than this one have."""
    for base in reversed(shorter):
        if shared[base.key] > 1 or prefixes.was_seen(base.key, cut.key):
            between = base.behind(cut.head)
            ids = tuple(text_ids(loaded, between.text, starts=False))
            if base.ids + ids == cut.ids:
                return base
    return None


def _forward(
    loaded: LoadedModel, batch: Batch, heads: Sequence[CachedPrefix | None], new: Sequence[int]
) -> PrefilledPrompts:
    """Read what follows on each head, or whole prompts where there are none."""
    ids = [list(head.ids) if head else [] for head in heads]
    for row, mask in enumerate(batch.attention_mask.bool()):
        ids[row] += batch.input_ids[row][mask].tolist()
    for row, more in zip(ids, new, strict=True):
        check_length(loaded, len(row), more)
    after = stacked(heads, batch.input_ids.device)
    frames = [
        (*(head.frames if head else ()), *own)
        for head, own in zip(heads, batch.frames or [()] * len(heads), strict=True)
    ]
    return PrefilledPrompts(prefill(loaded, batch, after), ids, frames)


def _same(a: torch.Tensor, b: torch.Tensor, dtype: torch.dtype) -> bool:
    tolerance = _TOLERANCE.get(dtype, _HALF_TOLERANCE)
    return bool((a - b).abs().max() <= tolerance * a.abs().max())
