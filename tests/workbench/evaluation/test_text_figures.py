"""Text metrics of a run's captions and explanations, and making them again."""

from __future__ import annotations

import pytest

from workbench.evaluation.metrics.of_run import compute_metrics
from workbench.evaluation.metrics.texts import TextWish

CAPTIONS = [
    {"uid": f"d/t/{i}", "target": None, "label": said, "text": said, "correct": None, "error": None}
    | {"references": wanted}
    for i, (said, wanted) in enumerate(
        [
            ("a red bus on the street", ["A red bus on the street.", "a bus"]),
            ("two dogs", ["Two dogs play.", "dogs"]),
            ("a cat", ["A horse in a field."]),
        ]
    )
]


def explained(uid, label, explanation, reasons=("the man is outside", "he is outdoors")):
    return {
        "uid": f"d/t/{uid}",
        "target": "entailment",
        "label": label,
        "correct": label == "entailment",
        "error": None,
        "explanation": explanation,
        "explanations": list(reasons),
    }


def figures(lines, task, **wish):
    return compute_metrics(lines, task=task, wish=TextWish(**wish))["metrics"]


def test_captions_have_the_metrics_of_the_field_each_with_its_definition():
    found = compute_metrics(CAPTIONS, task="caption")["metrics"]
    names = {"bleu4", "rouge_l", "coco_bleu1", "coco_bleu4", "coco_rouge_l", "cider", "distinct1"}
    assert names <= set(found) and {"meteor", "meteor_exact_stem"} & set(found)
    for name in names:
        assert found[name]["definition"] and found[name]["n"] == 3, name
    assert found["cider"]["low"] <= found["cider"]["value"] <= found["cider"]["high"]
    # A resample repeats answers, which lowers the figure by itself: there is no interval.
    assert found["distinct1"]["low"] is None


def test_explanations_are_scored_over_all_and_over_those_with_the_right_label():
    lines = [
        explained(0, "entailment", "the man is outside"),
        explained(1, "neutral", "a wholly other text"),
        explained(2, "entailment", "he is outdoors"),
    ]
    found = figures(lines, "entailment")
    every, right = found["explanation/coco_rouge_l"], found["explanation_right/coco_rouge_l"]
    assert (every["n"], right["n"]) == (3, 2)
    assert right["value"] == pytest.approx(1.0) and every["value"] == pytest.approx(2 / 3)


def test_an_answer_without_an_explanation_counts_as_an_empty_one():
    lines = [explained(0, "entailment", "the man is outside"), explained(1, "entailment", "")]
    assert figures(lines, "entailment")["explanation/coco_rouge_l"]["value"] == pytest.approx(0.5)


def test_a_model_that_was_not_asked_for_explanations_has_no_figures_of_them():
    lines = [explained(0, "entailment", ""), explained(1, "neutral", "")]
    assert not [name for name in figures(lines, "entailment") if name.startswith("explanation")]


def test_no_right_label_leaves_the_figures_of_right_ones_undefined():
    found = figures([explained(0, "neutral", "some words")], "entailment")
    entry = found["explanation_right/coco_bleu4"]
    assert entry["value"] is None and entry["reason"]
