"""Choosing the next token: transformers' own logits processors, then one draw per row.

Guarantee: what a row draws depends on its own logits, knobs and seed alone, never on which rows
share the batch. Each row has a generator of its own on the CPU and takes one uniform number per
token, which is looked up in the cumulative distribution; so a seed means the same on every device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from workbench.inference.decoding import Decoding


def processors(decoding: Decoding) -> LogitsProcessorList:
    """The processors of `model.generate` for these knobs, in its order; none for plain greedy."""
    chain = LogitsProcessorList()
    if decoding.repetition_penalty != 1:
        chain.append(RepetitionPenaltyLogitsProcessor(float(decoding.repetition_penalty)))
    if decoding.temperature == 0:
        return chain
    if decoding.temperature != 1:
        chain.append(TemperatureLogitsWarper(float(decoding.temperature)))
    if decoding.top_k > 0:
        chain.append(TopKLogitsWarper(decoding.top_k))
    if decoding.top_p < 1:
        chain.append(TopPLogitsWarper(float(decoding.top_p)))
    if decoding.min_p > 0:
        chain.append(MinPLogitsWarper(float(decoding.min_p)))
    return chain


class Sampler:
    """One request's knobs, made ready, with its random state."""

    def __init__(self, decoding: Decoding) -> None:
        self.chain = processors(decoding)
        self.greedy = decoding.temperature == 0
        self.wants_history = decoding.repetition_penalty != 1
        self.key = (
            decoding.temperature,
            decoding.top_p,
            decoding.top_k,
            decoding.min_p,
            decoding.repetition_penalty,
        )
        self._generator = torch.Generator().manual_seed(decoding.seed)

    def draw(self) -> float:
        """The next number in [0, 1) of this request's own sequence."""
        return float(torch.rand((), generator=self._generator, dtype=torch.float64))


def choose(
    logits: torch.Tensor, samplers: Sequence[Sampler], histories: Sequence[torch.Tensor | None]
) -> torch.Tensor:
    """The next token of each row.

    Args:
        logits: (B, V) float32, unmodified.
        samplers: One per row.
        histories: Per row its ids so far (n,), prompt included, where a sampler wants them.

    Returns:
        (B,) token ids.
    """
    chosen = torch.empty(len(samplers), dtype=torch.long, device=logits.device)
    groups: dict[tuple, list[int]] = {}
    for row, sampler in enumerate(samplers):
        groups.setdefault(sampler.key, []).append(row)
    for rows in groups.values():
        first = samplers[rows[0]]
        index = torch.tensor(rows, device=logits.device)
        scores = logits if len(rows) == len(samplers) else logits[index]
        if first.chain:
            ids = _history([histories[row] for row in rows]) if first.wants_history else index
            scores = first.chain(cast(Any, ids), cast(Any, scores))
        if first.greedy:
            chosen[index] = scores.argmax(-1)
        else:
            draws = torch.tensor([samplers[row].draw() for row in rows], dtype=torch.float64)
            chosen[index] = _invert(scores, draws.to(logits.device))
    return chosen


def _history(rows: Sequence[torch.Tensor | None]) -> torch.Tensor:
    """Ids (n, L), short rows filled up with a token of their own.

    A padding token would be penalised as if the prompt had said it; a repeated one changes
    nothing, since a penalty applies once per token.
    """
    ids = [row for row in rows if row is not None]
    width = max(len(row) for row in ids)
    return torch.stack([torch.cat([row, row[:1].expand(width - len(row))]) for row in ids])


def _invert(scores: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Tokens (n,) at `draws` (n,) of the cumulative distribution of `scores` (n, V)."""
    mass = torch.softmax(scores.double(), dim=-1).cumsum(-1)
    target = (draws * mass[:, -1]).unsqueeze(1)
    # `right` steps over tokens without mass; the last bound is for rounding alone.
    return torch.searchsorted(mass, target, right=True)[:, 0].clamp(max=scores.shape[-1] - 1)
