"""Precision, recall and F1 of one label, from its counts: the one place that divides them."""

from __future__ import annotations


def label_figures(
    hit: int, wanted: int, said: int
) -> tuple[float | None, float | None, float | None]:
    """(precision, recall, F1) of a label; `None` where undefined, which is not zero.

    F1 is the harmonic mean of the two, 2·hit / (wanted + said) (van Rijsbergen 1979).

    Args:
        hit: Samples that have the label and were read as it.
        wanted: Samples that have it.
        said: Samples that were read as it.
    """
    precision = hit / said if said else None
    recall = hit / wanted if wanted else None
    return precision, recall, 2 * hit / (wanted + said) if wanted + said else None
