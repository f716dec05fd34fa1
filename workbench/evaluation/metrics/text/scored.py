"""One text metric of a list of answers: features that sum up, and the score of the sums.

Guarantee: a resample is scored from the same features as the answers themselves, so that an
interval costs one matrix product and no second look at the texts. Not for choosing metrics:
`registry` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sessions.clusters import Clusters
from sessions.estimate import Estimate, undefined
from workbench.evaluation.statistics import Score, bootstrap, ratio


@dataclass(frozen=True)
class Scored:
    """One metric.

    Attributes:
        name: The key in `metrics.json`.
        definition: Which published definition it follows, in one line.
        features: (n, k), what is summed of each answer, in their order.
        score: From (R, k) sums to (R,) scores.
        value_alone: The value of a metric that has no interval, in place of features.
        reason: Why there is no value; empty where there is one.
    """

    name: str
    definition: str
    features: np.ndarray
    score: Score = ratio
    value_alone: float | None = None
    reason: str = ""

    @property
    def value(self) -> float | None:
        """The score of all answers; `None` where it is undefined."""
        if self.reason or len(self.features) == 0:
            return None
        if self.value_alone is not None:
            return self.value_alone
        return float(self.score(self.features.sum(axis=0)[None])[0])

    def estimate(self, clusters: Clusters | None = None) -> Estimate:
        """The figure with its bootstrap interval.

        Args:
            clusters: Of the answers, in their order.
        """
        n = len(self.features)
        if self.reason or n == 0:
            found = undefined(self.reason or "no samples", n)
        elif self.value_alone is not None:
            found = Estimate(self.value_alone, n=n)
        else:
            found = bootstrap(self.features, self.score, clusters=clusters, resamples=1_000)
        return replace(found, definition=self.definition)


def averaged(name: str, definition: str, scores: list[float]) -> Scored:
    """A metric that is the mean of one score per answer."""
    column = np.asarray(scores, dtype=float).reshape(-1, 1)
    return Scored(name, definition, np.concatenate([column, np.ones_like(column)], axis=1))


def without_value(name: str, definition: str, reason: str, n: int = 0) -> Scored:
    """A metric without a value, and why."""
    return Scored(name, definition, np.zeros((n, 1)), reason=reason)


def without_interval(name: str, definition: str, value: float, n: int) -> Scored:
    """A metric of the whole list, which no resample can have."""
    return Scored(name, definition, np.zeros((n, 1)), value_alone=value)
