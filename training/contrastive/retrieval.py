"""Recall of images and texts, and classes without training for them (zero-shot).

Ties are broken as if by chance: what is counted is the expected recall over all orders of what
scores alike, so that a model that gives everything one score has just the recall of chance.
Several captions of an image, and a caption of several images, are all right answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sessions.estimate import Estimate
from workbench.evaluation.statistics import mean

KS = (1, 5, 10)


def expected_recall(scores: np.ndarray, right: np.ndarray, k: int) -> np.ndarray:
    """Whether a right answer is among the first k, expected over the orders of ties.

    Args:
        scores: (Q, C) of each query and candidate, higher is better.
        right: (Q, C) bool; at least one in each row.
        k: How many are looked at.

    Returns:
        (Q,) from 0 to 1; between them only where ties reach over the k-th place.
    """
    best = np.where(right, scores, -np.inf).max(1, keepdims=True)
    above = ((scores > best) & ~right).sum(1)
    tied = (scores == best) & ~right
    wrong, mine = tied.sum(1), ((scores == best) & right).sum(1)
    return np.array([_hit(*row) for row in zip(wrong, mine, k - above, strict=True)], dtype=float)


def _hit(wrong: int, right: int, places: int) -> float:
    """That one of `right` is drawn within `places` out of `wrong + right` in random order."""
    if places <= 0:
        return 0.0
    if places > wrong:
        return 1.0
    return 1.0 - math.comb(int(wrong), int(places)) / math.comb(int(wrong + right), int(places))


def chance_recall(right: Sequence[int], width: int, k: int) -> float:
    """What random scores would reach: the mean over queries.

    Args:
        right: How many right answers each query has.
        width: How many candidates there are.
        k: How many are looked at.
    """
    return float(np.mean([_hit(width - n, n, min(k, width)) for n in right]))


def recalls(
    images: np.ndarray, texts: np.ndarray, captions: Sequence[Sequence[int]]
) -> dict[str, Estimate]:
    """Recall@1, 5 and 10 both ways, their means, and what chance would give at 1.

    Scores are cosines rounded to six places: what single precision cannot tell apart is a tie.

    Args:
        images: (N, d) unit vectors.
        texts: (M, d) unit vectors, each text once.
        captions: Of each image the numbers of its texts, at least one.

    Returns:
        Name -> figure with its interval over the queries; the mean of both ways has none.
    """
    of_text: list[list[int]] = [[] for _ in range(len(texts))]
    for image, numbers in enumerate(captions):
        for number in numbers:
            of_text[number].append(image)
    ways = {
        "image_to_text": (images, texts, captions),
        "text_to_image": (texts, images, of_text),
    }
    found: dict[str, Estimate] = {}
    for way, (queries, candidates, right) in ways.items():
        hits = {k: np.concatenate(rows) for k, rows in _hits(queries, candidates, right).items()}
        for k in KS:
            found[f"{way}_recall_{k}"] = mean(hits[k].tolist())
    out = {f"recall_{k}": _both([found[f"{way}_recall_{k}"] for way in ways]) for k in KS}
    chances = [chance_recall([len(r) for r in right], len(c), 1) for _, c, right in ways.values()]
    chance = Estimate(float(np.mean(chances)), n=len(images), reason="what random scores reach")
    return {**out, **found, "chance_recall_1": chance}


def _hits(
    queries: np.ndarray, candidates: np.ndarray, right: Sequence[Sequence[int]]
) -> dict[int, list[np.ndarray]]:
    hits: dict[int, list[np.ndarray]] = {k: [] for k in KS}
    for start in range(0, len(queries), _ROWS):
        block = queries[start : start + _ROWS]
        scores = np.round(block @ candidates.T, 6)
        truth = np.zeros(scores.shape, dtype=bool)
        for row, numbers in enumerate(right[start : start + _ROWS]):
            truth[row, list(numbers)] = True
        for k in KS:
            hits[k].append(expected_recall(scores, truth, k))
    return hits


def _both(pair: Sequence[Estimate]) -> Estimate:
    values = [figure.value for figure in pair if figure.value is not None]
    return Estimate(float(np.mean(values)), n=sum(f.n for f in pair), reason=_NO_INTERVAL)


_ROWS = 256  # queries at once, which bounds memory
_NO_INTERVAL = "the mean of both ways, which share their pairs"


def zero_shot(scores: np.ndarray, gold: Mapping[int, int]) -> Estimate:
    """Accuracy of naming the class whose text is nearest; ties count their share.

    Args:
        scores: (N, classes) of image i and class c.
        gold: Row -> its class, of the rows that have one.
    """
    right = []
    for row, label in gold.items():
        top = scores[row] == scores[row].max()
        right.append(float(top[label]) / int(top.sum()))
    return mean(right)
