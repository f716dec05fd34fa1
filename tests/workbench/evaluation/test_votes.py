"""Several answers to a sample: who wins the vote, and the figures by hand."""

from __future__ import annotations

from itertools import combinations

import pytest

from workbench.errors import UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.document import document
from workbench.evaluation.metrics.votes import pass_at, vote_figures, voted
from workbench.evaluation.runner import evaluate
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec

WARM = Decoding(max_new_tokens=3, temperature=1.5, seed=4)


def said(label: str | None, target: str = "yes", error: object = None) -> dict:
    return {
        "uid": "d/t/0",
        "target": target,
        "label": label,
        "text": str(label),
        "error": error,
    } | {
        "correct": label == target,
        "tokens": 2,
        "latency_s": 0.5,
        "share_s": 0.25,
    }


@pytest.mark.parametrize(
    ("labels", "winner"),
    [
        (["no", "yes", "yes"], "yes"),
        (["no", "yes"], "no"),  # equal votes: who spoke first
        ([None, None, "yes"], "yes"),  # an unparsed answer has no vote
        ([None, None], None),
        (["Two", "2", "three"], "Two"),  # the same after normalising
    ],
)
def test_the_label_that_most_answers_say_wins(labels, winner):
    line = voted([said(label) for label in labels])
    assert line["label"] == winner
    assert [one["label"] for one in line["samples"]] == labels
    assert (line["tokens"], line["latency_s"]) == (2 * len(labels), 0.5 * len(labels))


def test_a_failed_answer_has_no_vote_and_all_failed_is_a_failed_sample():
    broken = said(None, error={"kind": "crash", "message": "x"})
    assert voted([broken, said("yes")])["error"] is None
    assert voted([broken, broken]) == broken


def test_pass_at_k_is_the_share_of_draws_that_hold_a_right_one():
    for right in range(6):
        answers = [i < right for i in range(5)]
        for k in (1, 2, 5):
            draws = list(combinations(answers, k))
            assert pass_at(k, 5, right) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_the_figures_of_two_samples_by_hand():
    lines = [voted([said(x) for x in row]) for row in (["yes"] * 4, ["no", "no", "yes", "no"])]
    figures = vote_figures([lines[0], lines[1] | {"uid": "d/t/1"}])
    assert figures["expected_accuracy"].value == pytest.approx((1 + 1 / 4) / 2)
    assert figures["pass_at_2"].value == pytest.approx((1 + 1 / 2) / 2)
    assert figures["pass_at_4"].value == 1.0
    assert figures["self_agreement"].value == pytest.approx((1 + 3 / 4) / 2)
    assert vote_figures([said("yes")]) == {}


def test_each_answer_is_the_one_that_its_seed_gives_alone():
    spec, base = ModelSpec(device="cpu"), {"limit": 3, "threads": 1}
    many = evaluate(EvalConfig("demo/test", spec=spec, decoding=WARM, samples=2, **base))
    later = Decoding(max_new_tokens=3, temperature=1.5, seed=5)
    alone = evaluate(EvalConfig("demo/test", spec=spec, decoding=later, **base))
    texts = {line["uid"]: line["text"] for line in alone.predictions()}
    for line in many.predictions():
        assert line["samples"][1].get("text", "") == texts[line["uid"]]
    assert {"expected_accuracy", "pass_at_2"} <= set(document(many)["metrics"])
    assert many.key != alone.key


@pytest.mark.parametrize(
    "more", [{"samples": 0}, {"samples": 2}, {"samples": 2, "decoding": WARM, "answer": "score"}]
)
def test_answers_that_are_not_drawn_are_refused(more):
    with pytest.raises(UsageError, match="--samples"):
        EvalConfig("demo/test", **more)
