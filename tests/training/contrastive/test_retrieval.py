"""Recall: several right answers, ties as if by chance, and classes by their texts."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from training.contrastive.retrieval import chance_recall, expected_recall, recalls, zero_shot


def by_all_orders(scores: np.ndarray, right: np.ndarray, k: int) -> float:
    """The mean over every order of the candidates, the better first among unequal ones."""
    hits = []
    for order in permutations(range(len(scores))):
        ranked = sorted(order, key=lambda c: -scores[c])  # stable: ties as the order has them
        hits.append(any(right[c] for c in ranked[:k]))
    return float(np.mean(hits))


def test_ties_count_as_the_mean_over_all_orders_of_them():
    rng = np.random.default_rng(0)
    for _ in range(12):
        scores = rng.integers(0, 3, size=(1, 6)).astype(float)
        right = rng.random((1, 6)) < 0.4
        right[0, 0] = True
        for k in (1, 2, 5, 6, 10):
            found = expected_recall(scores, right, k)[0]
            assert found == pytest.approx(by_all_orders(scores[0], right[0], k))


def test_any_of_an_images_captions_will_do_and_any_image_of_a_caption():
    scores = np.array([[0.1, 0.9, 0.3, 0.2], [0.5, 0.8, 0.2, 0.1]])
    right = np.array([[True, True, False, False], [False, True, True, False]])
    right[1, 3] = True
    found = recalls(scores, np.eye(4), [np.flatnonzero(row).tolist() for row in right])
    assert found["image_to_text_recall_1"].value == 1.0  # the second caption is of both
    assert found["text_to_image_recall_1"].value == 0.25  # either image of text 1
    assert found["text_to_image_recall_5"].value == 1.0
    assert found["recall_1"].value == pytest.approx(0.625)
    assert found["image_to_text_recall_1"].n == 2
    assert found["text_to_image_recall_1"].n == 4


def test_one_score_for_everything_is_chance():
    found = recalls(np.zeros((50, 2)), np.ones((50, 2)), [[n] for n in range(50)])
    assert found["image_to_text_recall_1"].value == pytest.approx(1 / 50)
    assert found["image_to_text_recall_10"].value == pytest.approx(10 / 50)
    assert found["chance_recall_1"].value == pytest.approx(chance_recall([1] * 50, 50, 1))


def test_classes_are_named_by_the_nearest_text_and_ties_share():
    scores = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.3], [1.0, 0.0]])
    found = zero_shot(scores, {0: 0, 1: 1, 2: 0})  # the last has no class
    assert (found.value, found.n) == (pytest.approx(0.5), 3)
    assert zero_shot(scores, {}).value is None
