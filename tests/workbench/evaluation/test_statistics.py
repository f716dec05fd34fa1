"""Intervals and tests against literal values of statsmodels, scikit-learn and scipy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from sessions.clusters import Clusters
from sessions.compare import proportion
from sessions.intervals import clustered_wilson, mcnemar_exact, sign_flips, student95
from workbench.evaluation.statistics import auroc, bootstrap, mean, paired_bootstrap, ratio


def columns(values) -> np.ndarray:
    """(n, 2): values and ones, whose sums give the mean."""
    return np.stack([np.asarray(values, dtype=float), np.ones(len(values))], axis=1)


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
    estimate = proportion([True] * right + [False] * (n - right))
    assert estimate.low == pytest.approx(low, abs=1e-9)
    assert estimate.high == pytest.approx(high, abs=1e-9)
    assert (estimate.value, estimate.n) == (right / n, n)


@pytest.mark.parametrize(
    "found",
    [proportion([]), mean([]), bootstrap(columns([]), ratio), auroc([], []), auroc([1], [True])],
)
def test_a_figure_of_nothing_has_no_value_and_says_why(found):
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.reason in ("no samples", "all samples have one label")
    assert found.to_json()["value"] is None and found.to_json()["reason"]
    assert found.words() == "–" and found.interval() == ""


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
    assert auroc([1, 2], [True, True]).value is None


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
        e = bootstrap(columns(values), ratio, resamples=400, seed=trial)
        covered += e.low <= 0.0 <= e.high
    assert 0.89 <= covered / 200 <= 0.98


def test_the_same_seed_gives_the_same_interval():
    values = [0.1, 0.5, 0.9, 0.3]
    assert mean(values, seed=3) == mean(values, seed=3)


def test_the_paired_bootstrap_sees_a_difference_that_pairing_shows():
    rng = np.random.default_rng(3)
    base = rng.normal(0, 5, size=200)
    better = base + 0.3 + rng.normal(0, 0.1, size=200)
    found = paired_bootstrap(columns(base), columns(better))
    assert found.low > 0
    assert found.p_value is not None and found.p_value < 0.01
    none = paired_bootstrap(columns(base), columns(base))
    assert (none.value, none.p_value) == (0.0, 1.0)


def test_the_paired_bootstrap_agrees_with_mcnemar_on_right_and_wrong():
    first = [1] * 60 + [0] * 25 + [1] * 10 + [0] * 5
    second = [1] * 60 + [1] * 25 + [0] * 10 + [0] * 5
    found = paired_bootstrap(columns(first), columns(second))
    assert found.value == pytest.approx(0.15)
    assert found.p_value == pytest.approx(mcnemar_exact(10, 25), abs=0.01)


def test_the_paired_bootstraps_p_value_is_two_sided_and_never_0():
    """Against all resamples of a few pairs, of which each is as likely."""
    change = np.array([0.5, 0.3, -0.2, 0.4, 0.25])
    value = change.mean()
    means = np.array([np.mean(drawn) for drawn in itertools.product(change, repeat=5)])
    exact = np.mean(np.abs(means - value) >= value - 1e-12)
    assert not 0.4 < np.mean(means - value >= value - 1e-12) / exact < 0.6  # the tails differ
    zeros, resamples = np.zeros(5), 20_000
    spread = (exact * (1 - exact) / resamples) ** 0.5
    for first, second in ((zeros, change), (change, zeros)):
        found = paired_bootstrap(columns(first), columns(second), resamples=resamples)
        assert found.p_value == pytest.approx(exact, abs=4 * spread)
    sure = paired_bootstrap(columns(zeros), columns(zeros + 1), resamples=99)
    assert sure.p_value == 0.01  # add-one: 99 resamples cannot say less


def test_unpaired_scores_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        paired_bootstrap(columns([1, 2]), columns([1]))


# scipy 1.16: stats.t.ppf(0.975, df)
@pytest.mark.parametrize(
    ("df", "t"), [(1, 12.7062), (3, 3.18245), (5, 2.57058), (10, 2.22814), (200, 1.97190)]
)
def test_students_t_is_that_of_scipy(df, t):
    assert student95(df) == pytest.approx(t, abs=4e-4)


def beta_binomial(rng, p: float, icc: float, sizes: np.ndarray, draws: int) -> np.ndarray:
    """(draws, clusters) right ones in clusters whose samples correlate by `icc`."""
    k = (1 - icc) / icc
    return rng.binomial(sizes, rng.beta(p * k, (1 - p) * k, size=(draws, len(sizes))))


def coverage(p: float, icc: float, sizes: np.ndarray, seed: int, draws: int = 1_000):
    """How often the clustered interval, and the one that takes samples for independent, hold p."""
    from sessions.intervals import wilson

    sums = beta_binomial(np.random.default_rng(seed), p, icc, sizes, draws).tolist()
    many, n = sizes.tolist(), int(sizes.sum())
    clustered = [clustered_wilson(row, many) for row in sums]
    plain = [wilson(sum(row), n) for row in sums]
    return tuple(
        sum(low <= p <= high for low, high in found) / draws for found in (clustered, plain)
    )


SIZES = {
    "fives": lambda count: np.full(count, 5),
    "twenties": lambda count: np.full(count, 20),
    "uneven": lambda count: np.random.default_rng(1).integers(1, 15, count),
}


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("icc", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("p", [0.3, 0.5, 0.8])
def test_the_interval_over_clusters_covers_95_percent(sizes, icc, p):
    clustered, plain = coverage(p, icc, SIZES[sizes](50), seed=7)
    # 1,000 draws are good to 1.4% twice over.
    assert 0.93 - 0.005 <= clustered <= 0.97 + 0.01
    assert plain < 0.9


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("icc", [0.05, 0.5, 0.9])
@pytest.mark.parametrize(("p", "count"), [(0.02, 50), (0.98, 50), (0.9, 20), (0.5, 8), (0.1, 8)])
def test_near_0_and_1_and_of_few_clusters_it_is_never_too_narrow(sizes, icc, p, count):
    assert coverage(p, icc, SIZES[sizes](count), seed=8)[0] >= 0.92


def test_clusters_that_are_all_right_still_leave_doubt():
    low, high = clustered_wilson([5.0] * 10, [5] * 10)
    assert 0.6 < low < 0.93 and high == 1.0


def clusters(of: list[int], kind: str = "image") -> Clusters:
    return Clusters(kind, of, max(of) + 1)


def test_an_estimate_over_clusters_says_so_and_one_cluster_has_no_interval():
    found = proportion([True, True, False, False], clusters([0, 0, 1, 1])).to_json()
    assert (found["cluster"], found["clusters"], found["n"]) == ("image", 2, 4)
    alone = proportion([True, True, False], clusters([0, 0, 0]))
    assert (alone.value, alone.low, alone.high) == (pytest.approx(2 / 3), None, None)
    assert "one cluster" in alone.reason
    assert mean([0.1, 0.5], clusters([0, 0])).low is None
    assert "cluster" not in proportion([True, False]).to_json()


def test_the_bootstrap_draws_whole_clusters():
    rng = np.random.default_rng(5)
    covered = {"clustered": 0, "alone": 0}
    of = np.repeat(np.arange(30), 5)
    for trial in range(200):
        values = rng.normal(0, 1, size=30)[of] + rng.normal(0, 0.5, size=150)
        for name, given in (("clustered", clusters(of.tolist())), ("alone", None)):
            e = bootstrap(columns(values), ratio, clusters=given, resamples=400, seed=trial)
            assert e.low is not None and e.high is not None
            covered[name] += e.low <= 0 <= e.high
    assert 0.90 <= covered["clustered"] / 200 <= 0.99
    assert covered["alone"] / 200 < 0.75


def test_flipping_whole_clusters_is_mcnemars_test_where_each_is_one_sample():
    for only_a, only_b in ((1, 9), (10, 25), (100, 140), (7, 7)):
        flips = [1] * only_b + [-1] * only_a + [0] * 3
        assert sign_flips(flips) == pytest.approx(mcnemar_exact(only_a, only_b), rel=1e-9)
    # Two clusters of five: nothing can be shown, whatever McNemar's 0.002 would say.
    assert sign_flips([5, 5]) == pytest.approx(0.5)
    assert mcnemar_exact(0, 10) < 0.01


def test_the_test_of_many_uneven_clusters_is_quick_and_near_the_normal_one():
    rng = np.random.default_rng(6)
    steps = rng.integers(-9, 10, size=20_000)
    steps[:200] += 1
    z = abs(steps.sum()) / math.sqrt((steps**2).sum())
    assert sign_flips(steps.tolist()) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.05)
