"""A figure that an evaluation cannot have is refused before anything is loaded."""

from __future__ import annotations

import json

import pytest

from training.best import decides
from training.deciding import check_figure, figures_there
from training.train import train
from training.train_config import TrainConfig
from training.train_eval import look_at_dev
from workbench.errors import UsageError


def config(task: str, **more) -> TrainConfig:
    own = {"train": (f"{task}/train[:4]",), "eval": f"{task}/dev", "eval_samples": 3}
    usual = {"device": "cpu", "threads": 1, "max_steps": 1, "eval_new_tokens": 2}
    return TrainConfig(**own | usual | more)


HEAD = {"head": {"pooling": "last"}}


@pytest.mark.parametrize(
    ("task", "more", "words"),
    [
        ("demo", {"best_by": "cider"}, "'cider' is no figure of demo/dev .statement., which has "),
        ("demo", {"best_by": "cider"}, "accuracy, .*macro_f1, explanation/coco_bleu1, "),
        ("demo", {"best_by": "cider"}, "explanation_right/cider, .*unparsed, loss"),
        ("demo", {"best_by": "explanation/bertscore"}, "did you mean 'explanation/"),
        ("demo", {"best_by": "head_accuracy"}, "which has accuracy, .*, loss .did"),
        ("demo", {"best_by": "vqa_accuracy"}, "did you mean 'accuracy'"),
        ("demo", {"best_by": "accuracy/shape"}, "'accuracy/shape' is no figure"),
        (
            "demo_captions",
            {"best_by": "accuracy"},
            "which has bleu4, rouge_l, coco_bleu1, .*distinct2, loss\n",
        ),
        ("demo_captions", {"best_by": "cider", "eval_metrics": ["meteor"]}, "rouge_l, meteor_"),
        (
            "demo_captions",
            {"best_by": "accuracy", "early_stopping": {"patience": 2}},
            "'accuracy', which 'early_stopping' counts by, is no figure",
        ),
        ("demo_vqa", {"best_by": "macro_f1"}, "which has accuracy, .*loss"),
        ("demo_nli", {"best_by": "head_auroc", **HEAD}, "head_accuracy, .*loss_text, loss_class"),
    ],
)
def test_a_figure_that_the_task_cannot_have_is_refused_before_anything_is_loaded(task, more, words):
    with pytest.raises(UsageError, match=words) as caught:
        train(config(task, model="/there/is/none", **more))
    usual = "bleu4" if task == "demo_captions" else "accuracy"
    assert caught.value.hint == f"take one of them, or leave best_by out: {usual} decides then"


@pytest.mark.parametrize(
    ("task", "more"),
    [
        ("demo", {"best_by": "explanation/meteor"}),
        ("demo", {"best_by": "head_auroc", "eval_samples": 12, **HEAD}),
        ("demo", {"best_by": "explanation/bertscore", "eval_metrics": ["bertscore"]}),
        ("demo_captions", {"best_by": "bertscore", "eval_metrics": ["bertscore"]}),
        ("demo_captions", {"best_by": "loss"}),
        ("demo_vqa", {"best_by": "unparsed"}),
    ],
)
def test_a_figure_that_there_is_is_taken(task, more):
    check_figure(config(task, model="/there/is/none", **more))


@pytest.mark.parametrize("task", ["demo", "demo_captions"])
def test_the_figures_that_are_told_are_those_that_an_evaluation_has(task):
    own = config(task, eval_new_tokens=32, learning_rate=1e-6)
    run = train(own)
    found = json.loads((run.path / "best.json").read_text())
    looked = look_at_dev(own)
    assert looked is not None
    told = set(figures_there(own, looked)) - {"loss", "unparsed"}
    assert told == {name for name in found["metrics"] if decides(name)}
