"""A metric: how long an answer is beside its references."""

from __future__ import annotations

from workbench.evaluation.metrics.text.registry import TextPairs
from workbench.evaluation.metrics.text.scored import Scored, averaged

DEFINITION = "mean of words in the answer / words in the reference of the nearest length"


def length_ratio(texts: TextPairs) -> list[Scored]:
    """What the entry point names: one figure, with a bootstrap interval over the answers."""
    ratios = []
    for said, wanted in zip(texts.said, texts.wanted, strict=True):
        nearest = min((len(words) for words in wanted), key=lambda n: abs(n - len(said)))
        ratios.append(len(said) / max(nearest, 1))
    return [averaged("length_ratio", DEFINITION, ratios)]
