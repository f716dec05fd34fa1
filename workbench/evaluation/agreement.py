"""How far raters agree with each other, and with a metric: alpha and rank correlations.

Krippendorff's alpha (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability) over the
coincidence matrix, so that answers that one rater left out cost nothing. Intervals: the percentile
bootstrap over the rated answers. Guarantee: what is not defined (no answer rated twice, all ratings
equal) has a reason in place of a value, never 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np

from sessions.estimate import Estimate, undefined
from workbench.evaluation.statistics import bootstrap

Level = Literal["nominal", "ordinal", "interval"]
LEVELS: tuple[Level, ...] = get_args(Level)
Correlation = Literal["kendall", "spearman"]
RESAMPLES = 1_000


def alpha(units: Sequence[Sequence[float]], level: Level, seed: int = 0) -> Estimate:
    """Krippendorff's alpha with its 95% interval.

    Args:
        units: Of each answer the values that it was given, one for each rater who rated it. Those
            with fewer than two say nothing about agreement and are left out.
        level: How far apart two values are: equal or not, by rank, or by difference.
        seed: Of the resampling.
    """
    rated = [list(unit) for unit in units if len(unit) > 1]
    if not rated:
        return undefined("no answer was rated by two raters")
    values = sorted({value for unit in rated for value in unit})
    if len(values) < 2:
        return undefined(
            "all ratings are the same, so nothing tells agreement from habit", len(rated)
        )
    matrices = np.array([_coincidences(unit, values) for unit in rated])
    size = len(values)

    def score(sums: np.ndarray) -> np.ndarray:
        return _alpha(sums.reshape(-1, size, size), np.array(values, dtype=float), level)

    found = bootstrap(matrices.reshape(len(rated), -1), score, resamples=RESAMPLES, seed=seed)
    return _honest(replace(found, definition=f"Krippendorff's alpha, {level}"))


def _honest(found: Estimate) -> Estimate:
    """Without an interval of no width: no resample can show what these answers do not."""
    if found.low is None or found.low != found.high:
        return found
    reason = "no interval: these answers hold nothing that a resample could vary"
    return replace(found, low=None, high=None, reason=reason)


def _coincidences(unit: Sequence[float], values: Sequence[float]) -> np.ndarray:
    """(V, V): each pair of values that an answer was given, over its raters less one."""
    counts = np.array([unit.count(value) for value in values], dtype=float)
    return (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)


def _alpha(matrices: np.ndarray, values: np.ndarray, level: Level) -> np.ndarray:
    """(R, V, V) summed coincidences to (R,) alphas; nan where nothing could disagree."""
    margins = matrices.sum(axis=2)
    n = margins.sum(axis=1)
    distances = _distances(margins, values, level)
    observed = (matrices * distances).sum(axis=(1, 2))
    expected = (margins[:, :, None] * margins[:, None, :] * distances).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        out = 1 - (n - 1) * observed / expected
    return np.where(expected > 0, out, np.nan)


def _distances(margins: np.ndarray, values: np.ndarray, level: Level) -> np.ndarray:
    """(R, V, V) squared distances between values."""
    if level == "nominal":
        return np.broadcast_to(1 - np.eye(len(values)), (len(margins), *(2 * values.shape)))
    if level == "interval":
        squared = (values[:, None] - values[None, :]) ** 2
        return np.broadcast_to(squared, (len(margins), *squared.shape))
    # By rank: how many values lie between two, their own by half.
    upto = margins.cumsum(axis=1) - margins / 2
    return (upto[:, :, None] - upto[:, None, :]) ** 2


def correlation(
    first: Sequence[float], second: Sequence[float], kind: Correlation, seed: int = 0
) -> Estimate:
    """A rank correlation with its 95% interval: Kendall's tau-b, or Spearman's rho.

    Args:
        first: A value of each answer.
        second: Another one of each, in the same order.
        kind: Which.
        seed: Of the resampling.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    n = len(a)
    measure = _measure(kind)
    if n < 3:
        return undefined("a correlation wants at least three answers", n)
    if len(set(a)) < 2 or len(set(b)) < 2:
        return undefined("one side is the same for all answers", n)
    rng = np.random.default_rng(seed)
    draws = [measure(a[rows], b[rows]) for rows in rng.integers(0, n, size=(RESAMPLES, n))]
    low, high = np.nanquantile(np.array(draws), [0.025, 0.975])
    name = "Kendall's tau-b" if kind == "kendall" else "Spearman's rho"
    return _honest(Estimate(measure(a, b), float(low), float(high), n, definition=name))


def _measure(kind: Correlation) -> Callable[[np.ndarray, np.ndarray], float]:
    import warnings

    from scipy import stats

    function = stats.kendalltau if kind == "kendall" else stats.spearmanr

    def measure(a: np.ndarray, b: np.ndarray) -> float:
        with warnings.catch_warnings():  # a resample may hold one value alone: it is nan then
            warnings.simplefilter("ignore")
            found: Any = function(a, b)
            return float(found.statistic)

    return measure
