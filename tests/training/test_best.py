"""Which evaluation is better, by which figure, and when a training has had enough."""

from __future__ import annotations

import pytest

from training.best import (
    evaluations_without_gain,
    is_better,
    less_is_better,
    refuse_unknown,
    score_of,
)


def test_the_direction_of_a_figure_is_known():
    assert score_of("cider", {"cider": 0.4}) == 0.4
    assert score_of("loss", {"loss": 2.0}) == -2.0
    assert less_is_better("loss_class") and not less_is_better("explanation/cider")
    assert score_of("meteor", {"meteor_exact_stem": 0.2, "cider": 1}) == 0.2


def test_a_figure_that_is_undefined_has_no_score():
    assert score_of("cider", {"accuracy": 1.0}) is None


@pytest.mark.parametrize("name", ["", "accuracy", "explanation/cider", "accuracy/yes-no", "loss"])
def test_figures_of_evaluations_are_taken(name):
    assert refuse_unknown(name) == ""


def test_a_figure_that_no_evaluation_has_is_refused_with_the_nearest():
    assert "did you mean 'accuracy'?" in refuse_unknown("acuracy")


def test_equal_scores_are_decided_by_the_loss_and_an_undefined_one_loses():
    old = {"score": 0.5, "loss": 1.0}
    assert is_better({"score": 0.5, "loss": 0.9}, old)
    assert not is_better({"score": 0.5, "loss": 1.0}, old)
    assert not is_better({"score": None, "loss": 0.1}, old)
    assert is_better({"score": 0.0, "loss": 9.0}, {"score": None, "loss": 0.1})
    assert is_better({"score": None, "loss": 0.1}, {"score": None, "loss": 0.2})
    assert is_better({"score": None, "loss": 0.1}, {})


@pytest.mark.parametrize(
    ("scores", "min_delta", "since"),
    [
        ([], 0, 0),
        ([0.5], 0, 0),
        ([0.5, 0.4, 0.45], 0, 2),
        ([0.5, 0.5], 0, 1),
        ([0.5, 0.51, 0.52, 0.53], 0.02, 0),
        ([0.5, 0.51, 0.52], 0.02, 2),
        ([0.5, None, None], 0, 2),
        ([None, None, 0.1], 0, 0),
        ([-2.0, -1.0, -1.5], 0, 1),
    ],
)
def test_patience_counts_evaluations_that_gain_too_little(scores, min_delta, since):
    assert evaluations_without_gain(scores, min_delta) == since
