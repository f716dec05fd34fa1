"""Are a model's probabilities true? Calibration error, Brier score and the bins of a diagram.

Expected calibration error (Guo et al. 2017, On Calibration of Modern Neural Networks, with 15 bins
as there): the mean gap between confidence and accuracy over bins of confidence, weighted by their
samples. Equal-width bins are (low, high]; adaptive ones hold equally many samples (Nixon et al.
2019), those of one confidence staying together. Brier (1950): the mean squared distance from the
truth, for two labels of the first one's probability (0 to 1), for more summed over all labels
(0 to 2), which is what scikit-learn's `brier_score_loss` gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sessions.clusters import Clusters
from sessions.compare import proportion
from sessions.estimate import Estimate, undefined
from workbench.evaluation.statistics import bootstrap, mean

BINS = 15


@dataclass(frozen=True)
class Bin:
    """Samples of like confidence.

    Attributes:
        low: Confidence above this (the first bin holds its own lower end too).
        high: Up to this.
        n: Samples; the others are `None` where there are none.
        confidence: Mean confidence.
        accuracy: Share of right ones.
        accuracy_low: Wilson's 95% interval of the accuracy.
        accuracy_high: Its upper end.
    """

    low: float
    high: float
    n: int
    confidence: float | None = None
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As `metrics.json` holds it."""
        return asdict(self)


def probabilities(scores: Mapping[str, float]) -> dict[str, float]:
    """Log-likelihoods of labels to probabilities that sum to 1 over these labels."""
    highest = max(scores.values())
    if not np.isfinite(highest):
        return {label: 1 / len(scores) for label in scores}
    raised = {label: float(np.exp(value - highest)) for label, value in scores.items()}
    total = sum(raised.values())
    return {label: value / total for label, value in raised.items()}


def equal_width(count: int = BINS) -> np.ndarray:
    """(count + 1,) edges from 0 to 1."""
    return np.linspace(0.0, 1.0, count + 1)


def equal_mass(confidence: Sequence[float], count: int = BINS) -> np.ndarray:
    """Edges between which about equally many samples lie; at most `count` bins."""
    edges = np.quantile(np.asarray(confidence, dtype=float), np.linspace(0, 1, count + 1))
    edges[0], edges[-1] = 0.0, 1.0
    return np.unique(edges)


def _places(confidence: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(n,) the bin of each sample."""
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2)


def calibration_error(
    confidence: Sequence[float],
    right: Sequence[bool],
    clusters: Clusters | None = None,
    *,
    edges: np.ndarray | None = None,
) -> Estimate:
    """The expected calibration error, with its bootstrap interval.

    The error of few samples is too high on average, and so are those of resamples: compare runs
    of the same samples.

    Args:
        confidence: Of the label that was chosen, 0 to 1.
        right: Whether it was right, in the same order.
        clusters: Of the samples.
        edges: Of the bins; 15 of equal width where not given.
    """
    values, truth = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    if not len(values):
        return undefined()
    bounds = equal_width() if edges is None else edges
    count = len(bounds) - 1
    places = _places(values, bounds)
    features = np.zeros((len(values), count + 1))
    features[np.arange(len(values)), places] = values - truth
    features[:, count] = 1

    def score(sums: np.ndarray) -> np.ndarray:  # (R, count + 1) -> (R,)
        return np.abs(sums[:, :count]).sum(axis=1) / sums[:, count]

    return bootstrap(features, score, clusters=clusters)


def brier(
    probabilities: Sequence[Mapping[str, float]],
    targets: Sequence[str],
    clusters: Clusters | None = None,
) -> Estimate:
    """The Brier score, with its bootstrap interval; lower is better.

    Args:
        probabilities: Of each sample's labels.
        targets: The right label of each.
        clusters: Of the samples.
    """
    if not targets:
        return undefined()
    binary = all(len(each) == 2 for each in probabilities)
    scale = 0.5 if binary else 1.0
    losses = [
        scale * sum((p - (label == target)) ** 2 for label, p in each.items())
        for each, target in zip(probabilities, targets, strict=True)
    ]
    found = mean(losses, clusters)
    return replace(found, definition="two labels: 0 to 1" if binary else "over all labels: 0 to 2")


def reliability(
    confidence: Sequence[float], right: Sequence[bool], edges: np.ndarray | None = None
) -> list[Bin]:
    """The bins of a reliability diagram, from the lowest; empty ones too."""
    bounds = equal_width() if edges is None else edges
    values, truth = np.asarray(confidence, dtype=float), np.asarray(right, dtype=bool)
    places = _places(values, bounds) if len(values) else np.zeros(0, dtype=int)
    out = []
    for i, (low, high) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
        inside = places == i
        found = proportion(truth[inside].tolist())
        middle = float(values[inside].mean()) if found.n else None
        out.append(
            Bin(float(low), float(high), found.n, middle, found.value, found.low, found.high)
        )
    return out
