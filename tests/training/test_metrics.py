"""What a run's figures are, from its predictions alone."""

from __future__ import annotations

import random

import pytest

from training.metrics import compute_metrics, is_correct


def line(uid, target, label, task="statement", **more):
    return {
        "uid": f"d/t/{uid}",
        "target": target,
        "label": label,
        "correct": is_correct(task, label, target, more.get("references") or ()),
        "error": None,
    } | more


LABELS = ("true", "false")
# By hand: 10 samples, 5 right, 2 wrong, 1 unparsed, 2 failed.
LINES = [
    *(line(i, "true", "true", kind="count") for i in range(4)),
    line(4, "false", "false", kind="exists"),
    line(5, "false", "true", kind="exists"),
    line(6, "true", "false", kind="count"),
    line(7, "false", None, kind="exists"),
    line(8, "true", None, kind="count", error={"kind": "bad_image", "message": "x"}),
    line(9, "false", None, kind="exists", error={"kind": "prompt_too_long", "message": "y"}),
]


def test_counts_and_accuracy_by_hand():
    document = compute_metrics(LINES, task="statement", labels=LABELS)
    assert document["counts"] == {"total": 10, "done": 10, "unparsed": 1, "failed": 2}
    accuracy = document["metrics"]["accuracy"]
    assert (accuracy["value"], accuracy["n"]) == (0.5, 10)
    assert accuracy["low"] < 0.5 < accuracy["high"]
    answered = document["metrics"]["accuracy_answered"]
    assert (answered["value"], answered["n"]) == (5 / 8, 8)


def test_the_confusion_matrix_has_an_unparsed_column_and_leaves_failed_out():
    table = compute_metrics(LINES, task="statement", labels=LABELS)["confusion"]
    assert table == {
        "labels": ["true", "false"],
        "columns": ["true", "false", "unparsed"],
        "rows": [[4, 1, 0], [1, 1, 1]],
    }


def test_precision_recall_and_f1_by_hand():
    document = compute_metrics(LINES, task="statement", labels=LABELS)
    true = document["per_label"]["true"]
    assert true == {"n": 5, "precision": 4 / 5, "recall": 4 / 5, "f1": pytest.approx(0.8)}
    false = document["per_label"]["false"]
    assert false["precision"] == 1 / 2
    assert false["recall"] == pytest.approx(1 / 3)
    macro = document["metrics"]["macro_f1"]
    assert macro["value"] == pytest.approx((0.8 + 0.4) / 2)
    assert macro["low"] < macro["value"] < macro["high"]


def test_each_kind_has_its_accuracy():
    metrics = compute_metrics(LINES, task="statement", labels=LABELS)["metrics"]
    assert (metrics["accuracy/count"]["value"], metrics["accuracy/count"]["n"]) == (4 / 6, 6)
    assert metrics["accuracy/exists"]["n"] == 4


def test_order_and_repeated_lines_change_nothing():
    shuffled = [dict(x) for x in LINES]
    random.Random(1).shuffle(shuffled)
    stale = line(0, "true", "false", kind="count")
    assert compute_metrics([stale, *LINES], task="statement", labels=LABELS) == compute_metrics(
        shuffled, task="statement", labels=LABELS
    )


def test_a_run_without_samples_has_figures_that_say_nothing():
    document = compute_metrics([], task="statement", labels=LABELS)
    assert document["counts"]["total"] == 0
    assert (document["metrics"]["accuracy"]["low"], document["metrics"]["accuracy"]["high"]) == (
        0,
        1,
    )


def test_unlabelled_samples_are_counted_and_left_out():
    document = compute_metrics([line(0, None, "true"), line(1, "true", "true")], task="statement")
    assert document["counts"]["unlabelled"] == 1
    assert document["metrics"]["accuracy"]["n"] == 1


def test_questions_are_right_after_the_official_normalisation():
    lines = [
        line(0, "2", "Two.", task="question"),
        line(1, "red", "the Red", task="question"),
        line(2, "yes", "no", task="question"),
    ]
    document = compute_metrics(lines, task="question")
    assert document["metrics"]["accuracy"]["value"] == pytest.approx(2 / 3)
    row = dict(zip(document["confusion"]["labels"], document["confusion"]["rows"], strict=True))
    assert sum(row["2"]) == sum(row["red"]) == sum(row["yes"]) == 1
    assert document["confusion"]["columns"][-2:] == ["other", "unparsed"]


def test_ten_answers_give_the_vqa_accuracy():
    answers = ["yes"] * 2 + ["no"] * 8
    lines = [line(0, "no", "yes", task="question", references=answers)]
    metrics = compute_metrics(lines, task="question")["metrics"]
    assert metrics["vqa_accuracy"]["value"] == pytest.approx((2 * (1 / 3) + 8 * (2 / 3)) / 10)
    assert metrics["accuracy"]["value"] == 0.0


def test_label_scores_give_auroc_and_the_accuracy_of_the_best():
    lines = [
        line(i, target, None, scores={"true": a, "false": b})
        for i, (target, a, b) in enumerate(
            [("true", -1, -2), ("true", -3, -2), ("false", -5, -1), ("false", -2.5, -2)]
        )
    ]
    metrics = compute_metrics(lines, task="statement", labels=LABELS)["metrics"]
    # Margins 1, -1 against -4, -0.5: of the four pairs three are in order.
    assert metrics["auroc"]["value"] == pytest.approx(0.75)
    assert metrics["accuracy_by_scores"]["value"] == 0.75


def test_captions_have_bleu_and_rouge_and_no_accuracy():
    lines = [
        line(0, "a red circle", "a red circle", task="caption", references=["a red circle"]),
    ]
    metrics = compute_metrics(lines, task="caption")["metrics"]
    assert set(metrics) == {"bleu4", "rouge_l"}
    assert metrics["rouge_l"]["value"] == 1.0


def test_a_caption_is_neither_right_nor_wrong():
    assert is_correct("caption", "a dog", "a dog", ()) is None
    assert is_correct("statement", None, "true", ()) is False
    assert is_correct("question", "a 2", "two", ()) is True
