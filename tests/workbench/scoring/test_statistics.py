"""Intervals and tests against literal values of statsmodels, scikit-learn and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.scoring.statistics import (
    auroc,
    bootstrap,
    mcnemar_exact,
    mean,
    paired_bootstrap,
    proportion,
)


# statsmodels 0.15: proportion_confint(k, n, method="wilson")
@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.27753279986288926),
        (10, 10, 0.7224672001371106, 1.0),
        (7, 10, 0.39677814746114537, 0.8922087325936989),
        (45, 100, 0.35614537979511973, 0.5475539700255787),
        (450, 500, 0.8705780903680599, 0.9233224372626984),
        (1, 1, 0.2065493143772374, 1.0),
    ],
)
def test_wilson_agrees_with_statsmodels(right, n, low, high):
    estimate = proportion(right, n)
    assert estimate.low == pytest.approx(low, abs=1e-9)
    assert estimate.high == pytest.approx(high, abs=1e-9)
    assert (estimate.value, estimate.n) == (right / n, n)


def test_nothing_known_is_an_interval_of_everything():
    assert (proportion(0, 0).low, proportion(0, 0).high) == (0.0, 1.0)


# statsmodels 0.15: mcnemar(table, exact=True).pvalue
@pytest.mark.parametrize(
    ("b", "c", "p"),
    [
        (0, 0, 1.0),
        (5, 0, 0.0625),
        (1, 9, 0.021484375),
        (10, 25, 0.016673847800120715),
        (100, 140, 0.01166409231767769),
        (7, 7, 1.0),
    ],
)
def test_mcnemar_agrees_with_statsmodels_and_with_the_binomial_tail(b, c, p):
    assert mcnemar_exact(b, c) == pytest.approx(p, rel=1e-9)
    n, k = b + c, min(b, c)
    tail = sum(math.comb(n, i) for i in range(k + 1)) / 2**n
    assert mcnemar_exact(b, c) == pytest.approx(min(1.0, 2 * tail), rel=1e-9)


def test_auroc_agrees_with_scikit_learn_on_scores_with_ties():
    scores = [int(c) for c in "3302433232414121042454120505234023245143"]
    truth = [c == "1" for c in "0010010000001001010101000011110100110111"]
    estimate = auroc(scores, truth)
    assert estimate.value == pytest.approx(0.5191815856777494, abs=1e-12)
    assert estimate.low < estimate.value < estimate.high


def test_auroc_of_perfect_reversed_and_one_class():
    assert auroc([1, 2, 3, 4], [False, False, True, True]).value == 1.0
    assert auroc([4, 3, 2, 1], [False, False, True, True]).value == 0.0
    assert (auroc([1, 2], [True, True]).low, auroc([1, 2], [True, True]).high) == (0.0, 1.0)


def test_the_bootstrap_of_a_mean_has_the_width_of_the_normal_interval():
    rng = np.random.default_rng(1)
    values = rng.normal(2.0, 1.0, size=400)
    estimate = mean(values)
    half = 1.96 * values.std(ddof=1) / 20
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.high - estimate.value == pytest.approx(half, rel=0.15)
    assert estimate.value - estimate.low == pytest.approx(half, rel=0.15)


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(200):
        values = rng.normal(0.0, 1.0, size=60)
        e = bootstrap(60, lambda rows, v=values: v[rows].mean(axis=-1), resamples=400, seed=trial)
        covered += e.low <= 0.0 <= e.high
    assert 0.89 <= covered / 200 <= 0.98


def test_the_same_seed_gives_the_same_interval():
    values = [0.1, 0.5, 0.9, 0.3]
    assert mean(values, seed=3) == mean(values, seed=3)


def test_the_paired_bootstrap_sees_a_difference_that_pairing_shows():
    rng = np.random.default_rng(3)
    base = rng.normal(0, 5, size=200)
    better = base + 0.3 + rng.normal(0, 0.1, size=200)
    found = paired_bootstrap(base, better)
    assert found.low > 0
    assert found.p_value is not None and found.p_value < 0.01
    none = paired_bootstrap(base, base)
    assert (none.value, none.p_value) == (0.0, 1.0)


def test_the_paired_bootstrap_agrees_with_mcnemar_on_right_and_wrong():
    first = [1] * 60 + [0] * 25 + [1] * 10 + [0] * 5
    second = [1] * 60 + [1] * 25 + [0] * 10 + [0] * 5
    found = paired_bootstrap(first, second)
    assert found.value == pytest.approx(0.15)
    assert found.p_value == pytest.approx(mcnemar_exact(10, 25), abs=0.01)


def test_unpaired_scores_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        paired_bootstrap([1, 2], [1])
