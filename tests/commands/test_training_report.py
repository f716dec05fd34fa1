"""What a training came to, read from a folder as a training leaves it."""

from __future__ import annotations

import json

import pytest

from sessions.atomic import append_line, write_json
from sessions.runs import Run
from workbench.reports.training import curves_of, training_report


@pytest.fixture
def training() -> Run:
    """A run that was evaluated after each of two epochs, the first time better."""
    config = {
        "train": ["demo/train[:90]"], "eval": "demo/dev", "model": "demo", "method": "lora",
        "lora": {"r": 8, "alpha": 16.0, "dropout": 0.0}, "learning_rate": 5e-4, "adapter": "",
        "seed": 0,
    }  # fmt: skip
    record = {"config": config, "name": "mine", "dataset": "demo/train[:90]", "model": "demo"}
    run = Run.create(record, "k", "train", total=20)
    for step, figures in (
        (5, {"loss": 2.0, "learning_rate": 1e-4}),
        (10, {"loss": 1.0}),
        (10, {"eval_loss": 0.4, "eval_accuracy": 0.9}),
        (20, {"loss": 0.5}),
        (20, {"eval_loss": 0.6, "eval_accuracy": 0.8}),
    ):
        append_line(
            run.path / "history.jsonl", {"v": 1, "step": step, "epoch": step / 10, **figures}
        )
    accuracy = {"value": 0.9, "low": 0.7, "high": 0.97, "n": 20}
    best = {"v": 1, "step": 10, "name": "accuracy", "score": 0.9, "loss": 0.4}
    write_json(run.path / "best.json", best | {"metrics": {"accuracy": accuracy}})
    (run.path / "adapter").mkdir()
    run.write_metrics(
        {
            "metrics": {"accuracy": accuracy},
            "best": best,
            "steps_done": 20,
            "epochs_done": 2.0,
            "saved": str(run.path / "adapter"),
        }
    )
    run.set_state("done", total=20)
    return run


def test_a_training_tells_its_best_step_what_it_saved_and_what_to_type_next(training):
    report = training_report(training)
    assert report.progress() == "20 of 20 steps, 2 epochs"
    assert report.best.words() == "accuracy 0.900 [0.700, 0.970] at step 10"
    assert report.saved == training.path / "adapter"
    assert report.next[0] == f"wb run-eval --model demo --adapter {training.id} --dataset demo/dev"
    settings = dict(report.settings)
    assert settings["lora"] == "r 8, alpha 16" and settings["learning_rate"] == "0.0005"
    assert "adapter" not in settings  # it began from none


def test_a_curve_has_each_evaluation_once_and_a_step_logged_again_as_it_was_last(training):
    curves = training_report(training).curves
    assert curves["eval_accuracy"] == ((10, 0.9), (20, 0.8))
    assert curves["loss"] == ((5, 2.0), (10, 1.0), (20, 0.5))
    assert "epoch" not in curves
    assert curves_of([{"step": 5, "loss": 3.0}, {"step": 5, "loss": 2.5}, {"loss": 1}]) == {
        "loss": ((5.0, 2.5),)
    }


def test_a_training_that_was_cut_off_is_told_how_to_go_on_and_one_without_files_is_no_error():
    run = Run.create({"train": ["demo/train"], "model": "demo"}, "k", "train", total=9)
    run.set_state("cancelled")
    report = training_report(run)
    assert report.next == (f"wb train --resume {run.id}",)
    assert (report.best, report.saved, report.curves) == (None, None, {})
    assert training_report(Run.create({}, "e", "eval")) is None


def test_the_command_shows_a_training_as_one(training, run_wb):
    shown = run_wb("runs", "show", training.id).out
    assert (
        "20 of 20 steps, 2 epochs" in shown and "accuracy 0.900 [0.700, 0.970] at step 10" in shown
    )
    assert f"next      wb run-eval --model demo --adapter {training.id}" in shown
    assert "unparsed" not in shown
    told = json.loads(run_wb("runs", "show", training.id, "--json").out)["training"]
    assert told["best"]["step"] == 10 and told["curves"]["eval_loss"] == [[10.0, 0.4], [20.0, 0.6]]
