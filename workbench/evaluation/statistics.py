"""Means, corpus scores and areas with their intervals, alone and in clusters; two runs paired.

Percentile bootstrap (Efron 1979), seeded, so that a report can be repeated, its percentiles
widened for few units (Hesterberg 2015, The American Statistician 69:371). Where samples come in
clusters whole clusters are drawn (Davison and Hinkley 1997, 3.8). Proportions have Wilson's
interval: `sessions.compare.proportion`.

Guarantee: a figure of nothing is `undefined`, never 0. The caller brings samples in an order of
their own (that of UIDs): an interval then depends on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist

import numpy as np

from sessions.clusters import Clusters
from sessions.compare import ONE_CLUSTER
from sessions.estimate import Estimate, undefined
from sessions.intervals import Z95, student95

RESAMPLES = 2_000
# Resamples are drawn in blocks of at most this many weights: bounds memory at any n.
_BLOCK = 4_000_000

Score = Callable[[np.ndarray], np.ndarray]


def mean(values: Sequence[float], clusters: Clusters | None = None, seed: int = 0) -> Estimate:
    """The mean with its bootstrap interval."""
    array = np.asarray(values, dtype=float)
    return bootstrap(
        np.stack([array, np.ones_like(array)], axis=1), ratio, clusters=clusters, seed=seed
    )


def ratio(sums: np.ndarray) -> np.ndarray:
    """(R, 2) sums of a value and of what it is divided by, to (R,) quotients; nan for 0 / 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums[:, 0] / sums[:, 1]


def bootstrap(
    features: np.ndarray,
    score: Score,
    *,
    clusters: Clusters | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """A score that is made of sums over samples, with its bootstrap interval.

    Args:
        features: (n, k), what is summed of each sample.
        score: From (R, k) sums to (R,) scores, nan where there is none.
        clusters: Of the samples; `None` or of no kind: each stands alone.
        resamples: R in all.
        seed: Of the resampling.
    """
    n = len(features)
    if n == 0:
        return undefined()
    units = _units(n, clusters)
    sums = np.zeros((units.max() + 1, features.shape[1]))
    np.add.at(sums, units, features)
    value = float(score(sums.sum(axis=0)[None])[0])
    draws = np.concatenate([score(w @ sums) for w in _weights(len(sums), resamples, seed)])
    return _estimate(value, draws, n, clusters)


def _units(n: int, clusters: Clusters | None) -> np.ndarray:
    """(n,) the number of what is drawn together."""
    if clusters is None or not clusters.kind:
        return np.arange(n)
    return np.asarray(clusters.of)


def _weights(units: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Blocks (R, units): how often each unit was drawn in a resample of as many."""
    rng = np.random.default_rng(seed)
    block = max(1, min(resamples, _BLOCK // units))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(0, units, size=(rows, units)) + units * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * units)
        yield counts.reshape(rows, units).astype(float)


def _estimate(value: float, draws: np.ndarray, n: int, clusters: Clusters | None) -> Estimate:
    kind = clusters.kind if clusters else ""
    units = clusters.count if clusters and kind else n
    if np.isnan(value):
        return undefined("not defined for these samples", n)
    if kind and units < 2:
        return Estimate(value, n=n, cluster=kind, clusters=units, reason=ONE_CLUSTER)
    low, high = np.nanquantile(draws, _tails(units))
    return Estimate(value, float(low), float(high), n, cluster=kind, clusters=units if kind else 0)


def _tails(units: int) -> list[float]:
    """The percentiles for 95%, widened for few units.

    The bootstrap's spread is sqrt((g-1)/g) of the right one, and its tails are normal where
    Student's are meant.
    """
    if units < 2:
        return [0.025, 0.975]
    tail = NormalDist().cdf(-student95(units - 1) * (units / (units - 1)) ** 0.5)
    return [tail, 1 - tail]


def paired_bootstrap(
    first: np.ndarray,
    second: np.ndarray,
    score: Score = ratio,
    *,
    clusters: Clusters | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The score of `second` less that of `first`, over the same samples in the same order.

    Args:
        first: (n, k) features, as `bootstrap` wants them.
        second: The other run's, paired.
        score: Of sums of features.
        clusters: Of the samples.
        resamples: Of the pairs.
        seed: Of the resampling.

    Returns:
        The difference, its interval, and a two-sided p-value by shifting the resampled
        differences to a mean of zero; add-one, so it is never 0.

    Raises:
        ValueError: The two are not of the same length.
    """
    if len(first) != len(second):
        raise ValueError(f"paired scores differ in length: {len(first)} and {len(second)}")
    n, width = len(first), first.shape[1] if len(first) else 0
    if n == 0:
        return undefined("the runs share no sample")

    def difference(sums: np.ndarray) -> np.ndarray:
        return score(sums[:, width:]) - score(sums[:, :width])

    units = _units(n, clusters)
    sums = np.zeros((units.max() + 1, 2 * width))
    np.add.at(sums, units, np.concatenate([first, second], axis=1))
    value = float(difference(sums.sum(axis=0)[None])[0])
    draws = np.concatenate([difference(w @ sums) for w in _weights(len(sums), resamples, seed)])
    found = _estimate(value, draws, n, clusters)
    if found.value is None or found.low is None:
        return found
    # A tie counts as at least as extreme; the slack is for sums in another order.
    extreme = int((np.abs(draws - value) >= abs(value) - 1e-12).sum())
    p_value = (extreme + 1) / (resamples + 1)
    return Estimate(
        value, found.low, found.high, n, p_value, cluster=found.cluster, clusters=found.clusters
    )


def auroc(
    scores: Sequence[float],
    positive: Sequence[bool],
    clusters: Clusters | None = None,
    seed: int = 0,
) -> Estimate:
    """Area under the ROC curve, ties counted half, with a bootstrap interval.

    Args:
        scores: Higher means more likely positive.
        positive: The truth, in the same order.
        clusters: Of the samples.
        seed: Of the resampling.
    """
    values, truth = np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool)
    if not len(truth):
        return undefined()
    if truth.all() or not truth.any():
        return undefined("all samples have one label", len(truth))
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
    units, sorted_truth = _units(len(truth), clusters)[order], truth[order].astype(float)

    def area(weights: np.ndarray) -> np.ndarray:  # (R, units) -> (R,)
        each = weights[:, units]
        positives = np.add.reduceat(each * sorted_truth, starts, axis=1)  # (R, distinct scores)
        negatives = np.add.reduceat(each * (1 - sorted_truth), starts, axis=1)
        below = np.cumsum(negatives, axis=1) - negatives / 2
        total = positives.sum(axis=1) * negatives.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (positives * below).sum(axis=1) / total

    count = int(units.max()) + 1
    resamples = 1_000 if len(values) <= 20_000 else 200
    blocks = _BLOCK // max(len(values), 1)
    draws = [
        area(part)
        for w in _weights(count, resamples, seed)
        for part in np.array_split(w, max(1, -(-len(w) // max(blocks, 1))))
    ]
    return _estimate(
        float(area(np.ones((1, count)))[0]), np.concatenate(draws), len(values), clusters
    )


__all__ = ["Z95", "auroc", "bootstrap", "mean", "paired_bootstrap", "ratio"]
