"""Estimates with their intervals, and whether a difference between two runs is real.

Every figure that a run reports carries n and a 95% interval. Proportions: Wilson (1927). Means
and corpus scores: the percentile bootstrap (Efron 1979), seeded, so that a report can be repeated.
Two runs on the same samples: McNemar's exact test and the paired bootstrap. Wilson and McNemar
are those of `sessions.compare`, so that the bench and a report cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sessions.compare import Z95, mcnemar_exact
from sessions.compare import wilson as wilson_bounds

__all__ = [
    "Z95",
    "Estimate",
    "auroc",
    "bootstrap",
    "mcnemar_exact",
    "mean",
    "paired_bootstrap",
    "proportion",
    "wilson_bounds",
]

RESAMPLES = 2_000
# Resamples are drawn in blocks of at most this many indices: bounds memory at any n.
_BLOCK = 4_000_000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% interval.

    Attributes:
        value: The figure itself.
        low: Lower end.
        high: Upper end.
        n: Samples that it is of.
        p_value: Of a test against no difference, where it is one.
    """

    value: float
    low: float
    high: float
    n: int
    p_value: float | None = None

    def to_json(self) -> dict[str, float | int]:
        """`{"value", "low", "high", "n"}`, and `p_value` where there is one."""
        out: dict[str, float | int] = {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
        }
        return out if self.p_value is None else out | {"p_value": self.p_value}


def proportion(right: int, n: int, z: float = Z95) -> Estimate:
    """`right` out of `n` with Wilson's interval; (0, 0..1) where n is 0."""
    low, high = wilson_bounds(right, n, z)
    return Estimate(right / n if n else 0.0, low, high, n)


def mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """The mean with its bootstrap interval."""
    array = np.asarray(values, dtype=float)
    return bootstrap(len(array), lambda rows: array[rows].mean(axis=-1), seed=seed)


def bootstrap(
    n: int,
    score: Callable[[np.ndarray], np.ndarray],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """A score of n samples with its percentile bootstrap interval.

    Args:
        n: Samples.
        score: From indices (R, n) to scores (R,), each row a resample.
        resamples: R in all.
        seed: Of the resampling.
        confidence: Mass between the ends.

    Returns:
        The score of the samples as they are, and the interval; 0 with (0, 0) where n is 0.
    """
    if n == 0:
        return Estimate(0.0, 0.0, 0.0, 0)
    value = float(np.asarray(score(np.arange(n)[None]))[0])
    scores = np.sort(_resampled(n, score, resamples, seed))
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(scores, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), n)


def _resampled(
    n: int, score: Callable[[np.ndarray], np.ndarray], resamples: int, seed: int
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    block = max(1, min(resamples, _BLOCK // n))
    parts = []
    for start in range(0, resamples, block):
        rows = rng.integers(0, n, size=(min(block, resamples - start), n))
        parts.append(np.asarray(score(rows), dtype=float))
    return np.concatenate(parts)


def paired_bootstrap(
    first: Sequence[float],
    second: Sequence[float],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Mean of `second` less mean of `first`, over the same samples in the same order.

    Args:
        first: A score per sample.
        second: The other run's, paired.
        resamples: Of the pairs.
        seed: Of the resampling.

    Returns:
        The difference, its percentile interval, and a two-sided p-value by shifting the resampled
        differences to a mean of zero; add-one, so it is never 0.

    Raises:
        ValueError: The two are not of the same length.
    """
    if len(first) != len(second):
        raise ValueError(f"paired scores differ in length: {len(first)} and {len(second)}")
    deltas = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    n = len(deltas)
    if n == 0:
        return Estimate(0.0, 0.0, 0.0, 0, 1.0)
    value = float(deltas.mean())
    draws = _resampled(n, lambda rows: deltas[rows].mean(axis=-1), resamples, seed)
    low, high = np.quantile(draws, [0.025, 0.975])
    # A tie counts as at least as extreme; the slack is for sums in another order.
    extreme = int((np.abs(draws - value) >= abs(value) - 1e-12).sum())
    return Estimate(value, float(low), float(high), n, (extreme + 1) / (resamples + 1))


def auroc(scores: Sequence[float], positive: Sequence[bool], seed: int = 0) -> Estimate:
    """Area under the ROC curve, ties counted half, with a bootstrap interval.

    Args:
        scores: Higher means more likely positive.
        positive: The truth, in the same order.
        seed: Of the resampling.

    Returns:
        0.5 with (0, 1) where one of the two classes is empty: nothing is known.
    """
    values, truth = np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool)
    if truth.all() or not truth.any():
        return Estimate(0.5, 0.0, 1.0, len(truth))
    resamples = 1_000 if len(values) <= 20_000 else 200
    return bootstrap(
        len(values),
        lambda rows: _auroc_rows(values[rows], truth[rows]),
        resamples=resamples,
        seed=seed,
    )


def _auroc_rows(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(R, n) scores and truths to (R,) areas by the rank sum; nan where a row has one class."""
    order = np.argsort(scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=1)
    is_positive = np.take_along_axis(truth, order, axis=1)
    out = np.empty(len(scores))
    for row in range(len(scores)):
        _, inverse, counts = np.unique(ranked[row], return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        ranks = (ends - (counts - 1) / 2)[inverse]
        pos = int(is_positive[row].sum())
        neg = len(ranks) - pos
        total = float(ranks[is_positive[row]].sum()) - pos * (pos + 1) / 2
        out[row] = total / (pos * neg) if pos and neg else np.nan
    return out
