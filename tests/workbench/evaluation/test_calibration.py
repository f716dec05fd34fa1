"""Calibration: against scikit-learn, and against the definition written out."""

from __future__ import annotations

import math
import random

import pytest

from workbench.evaluation.metrics.calibration import (
    brier,
    calibration_error,
    equal_mass,
    equal_width,
    probabilities,
    reliability,
)
from workbench.evaluation.reliability_plot import reliability_lines, reliability_png

rng = random.Random(7)
CONFIDENCE = [round(rng.uniform(0.33, 1.0), 4) for _ in range(300)] + [1.0, 1.0, 0.5]
RIGHT = [rng.random() < c * 0.8 for c in CONFIDENCE]


def written_out(confidence: list[float], right: list[bool], bins: int) -> float:
    """Guo et al. 2017, equation 3, as a loop."""
    total = 0.0
    for m in range(bins):
        inside = [i for i, c in enumerate(confidence) if m / bins < c <= (m + 1) / bins]
        if inside:
            accuracy = sum(right[i] for i in inside) / len(inside)
            middle = sum(confidence[i] for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(accuracy - middle)
    return total


@pytest.mark.parametrize("bins", [5, 15])
def test_the_calibration_error_is_that_of_the_paper(bins):
    found = calibration_error(CONFIDENCE, RIGHT, edges=equal_width(bins))
    assert found.value == pytest.approx(written_out(CONFIDENCE, RIGHT, bins), abs=1e-12)
    assert found.low is not None and found.high is not None and found.low < found.high


def test_adaptive_bins_hold_about_equally_many_samples():
    sizes = [one.n for one in reliability(CONFIDENCE, RIGHT, equal_mass(CONFIDENCE, 10))]
    assert len(sizes) == 10 and min(sizes) >= 25
    # All of one confidence cannot be divided.
    assert len(equal_mass([0.7] * 20, 10)) == 3
    assert calibration_error([0.7] * 20, [True] * 14 + [False] * 6).value == pytest.approx(0)


def test_a_model_that_is_always_sure_and_always_wrong_is_off_by_one():
    assert calibration_error([1.0, 1.0], [False, False]).value == 1.0
    assert calibration_error([], []).value is None


@pytest.mark.parametrize("labels", [("no", "yes"), ("a", "b", "c")])
def test_the_brier_score_is_scikit_learns(labels):
    from sklearn.metrics import brier_score_loss

    truth = [rng.choice(labels) for _ in range(200)]
    odds = [probabilities({label: rng.gauss(0, 2) for label in labels}) for _ in truth]
    rows = [[each[label] for label in labels] for each in odds]
    if len(labels) == 2:
        wanted = brier_score_loss([t == "yes" for t in truth], [row[1] for row in rows])
    else:  # of several labels, as scikit-learn from 1.7 on has it
        hits = [[float(t == label) for label in labels] for t in truth]
        wanted = sum(brier_score_loss(h, r) * 3 for h, r in zip(hits, rows, strict=True)) / 200
    assert brier(odds, truth).value == pytest.approx(wanted, abs=1e-12)


def test_probabilities_sum_to_one_whatever_the_scores_are():
    found = probabilities({"a": -1000.0, "b": -1001.0})
    assert sum(found.values()) == pytest.approx(1)
    assert found["a"] == pytest.approx(1 / (1 + math.exp(-1)))
    assert probabilities({"a": -math.inf, "b": -math.inf}) == {"a": 0.5, "b": 0.5}


def test_the_diagram_is_text_and_a_png():
    bins = [one.to_json() for one in reliability(CONFIDENCE, RIGHT)]
    lines = reliability_lines(bins)
    assert len(lines) == 1 + sum(one["n"] > 0 for one in bins)
    assert all("|" in line for line in lines)
    assert reliability_png(bins, "a $ title").startswith(b"\x89PNG")
