"""What a run's figures are, from its predictions alone."""

from __future__ import annotations

import random

import pytest

from sessions.verdict import verdict
from workbench.evaluation.metrics.correctness import is_correct
from workbench.evaluation.metrics.of_run import compute_metrics


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
    counts = {"total": 10, "done": 10, "unparsed": 1, "failed": 2, "truncated": 0}
    assert document["counts"] == counts
    accuracy = document["metrics"]["accuracy"]
    assert (accuracy["value"], accuracy["n"]) == (0.5, 10)
    assert accuracy["low"] < 0.5 < accuracy["high"]
    answered = document["metrics"]["accuracy_answered"]
    assert (answered["value"], answered["n"]) == (5 / 8, 8)


@pytest.mark.parametrize(
    ("task", "target"), [("caption", "a dog"), ("caption", None), ("statement", None)]
)
def test_what_is_neither_right_nor_wrong_is_not_unparsed(task, target):
    lines = [line(0, target, None, task=task), line(1, target, "a cat", task=task)]
    assert {verdict(one) for one in lines} == {"none"}
    assert compute_metrics(lines, task=task)["counts"]["unparsed"] == 0


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
    for figure in document["metrics"].values():
        assert (figure["value"], figure["low"], figure["high"]) == (None, None, None)
        assert figure["reason"] == "no samples"
    empty = {"n": 0, "precision": None, "recall": None, "f1": None}
    assert document["per_label"] == {"true": empty, "false": empty}


def test_scores_of_one_label_have_no_auroc_and_say_so():
    lines = [line(i, "true", "true", scores={"true": -1.0 - i, "false": -2.0}) for i in range(3)]
    document = compute_metrics(lines, task="statement", labels=LABELS)
    assert document["metrics"]["auroc"]["value"] is None
    assert document["metrics"]["auroc"]["reason"] == "all samples have one label"
    assert document["per_label"]["false"] == {
        "n": 0,
        "precision": None,
        "recall": None,
        "f1": None,
    }
    assert document["metrics"]["macro_f1"]["left_out"] == ["false"]


def test_captions_that_all_failed_have_no_scores():
    lines = [line(0, "a dog", None, task="caption", error={"kind": "bad_image", "message": "x"})]
    metrics = compute_metrics(lines, task="caption")["metrics"]
    assert metrics["bleu4"]["value"] is metrics["rouge_l"]["value"] is None


def test_the_figures_do_not_depend_on_the_order_of_the_lines():
    lines = [
        line(i, "a dog", f"a dog {'runs ' * (i % 5)}", task="caption", references=["a dog runs"])
        | {"tokens": 3 + i % 4, "share_s": 0.01 * (1 + i % 3)}
        for i in range(40)
    ]
    turned = [lines[(i * 7) % 40] for i in range(40)]
    assert compute_metrics(lines, task="caption") == compute_metrics(turned, task="caption")


def test_intervals_are_over_images_where_several_questions_share_one():
    lines = [
        line(i, "true", "true" if i // 5 % 3 else "false") | {"images": [f"image{i // 5}"]}
        for i in range(60)
    ]
    found = compute_metrics(lines, task="statement", labels=LABELS)["metrics"]
    alone = [{k: v for k, v in x.items() if k != "images"} for x in lines]
    plain = compute_metrics(alone, task="statement", labels=LABELS)["metrics"]
    for name in ("accuracy", "macro_f1"):
        assert (found[name]["cluster"], found[name]["clusters"]) == ("image", 12)
        assert found[name]["value"] == plain[name]["value"] and "cluster" not in plain[name]
    widths = [f["accuracy"]["high"] - f["accuracy"]["low"] for f in (found, plain)]
    assert widths[0] > 1.5 * widths[1]


def test_pairs_that_share_an_image_with_one_another_are_one_cluster():
    lines = [
        line(0, "true", "true") | {"images": ["a", "b"]},
        line(1, "true", "true") | {"images": ["b", "c"]},
        line(2, "true", "true") | {"images": ["c"]},
        line(3, "true", "true") | {"images": ["d"]},
    ]
    accuracy = compute_metrics(lines, task="statement", labels=LABELS)["metrics"]["accuracy"]
    assert (accuracy["cluster"], accuracy["clusters"]) == ("image", 2)


def test_truncated_answers_are_counted():
    lines = [
        line(0, "true", "true") | {"finish_reason": "length"},
        line(1, "true", "true") | {"finish_reason": "stop"},
        line(2, "true", None, error={"kind": "x"}) | {"finish_reason": "length"},
    ]
    assert compute_metrics(lines, task="statement")["counts"]["truncated"] == 1


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
    assert {"bleu4", "rouge_l"} <= set(metrics) and "accuracy" not in metrics
    assert metrics["rouge_l"]["value"] == 1.0


def test_a_caption_is_neither_right_nor_wrong():
    assert is_correct("caption", "a dog", "a dog", ()) is None
    assert is_correct("statement", None, "true", ()) is False
    assert is_correct("question", "a 2", "two", ()) is True


def test_where_what_is_said_and_what_is_scored_disagree_is_counted():
    said = [("true", "true", -1, -2), ("true", "true", -3, -2), ("false", None, -5, -1)]
    lines = [
        line(i, target, label, scores={"true": a, "false": b})
        for i, (target, label, a, b) in enumerate(said)
    ]
    document = compute_metrics(lines, task="statement", labels=LABELS)
    assert document["disagree"] == 2  # one says another label, one none at all
    assert document["metrics"]["agreement"]["value"] == pytest.approx(1 / 3)
    # Answers that are the best score cannot disagree with it.
    by_score = [x | {"answered_by": "score"} for x in lines]
    document = compute_metrics(by_score, task="statement", labels=LABELS)
    assert "disagree" not in document and "accuracy_by_scores" not in document["metrics"]
    assert {"ece", "ece_adaptive", "brier", "auroc"} <= set(document["metrics"])
    assert sum(one["n"] for one in document["reliability"]) == 3
