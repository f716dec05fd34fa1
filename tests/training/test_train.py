"""Fine-tuning: an adapter that is used at once, resumed to the same end, the base untouched."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from sessions.runs import Run, list_runs
from tests.tables import add_rows
from training.checkpoints import last_checkpoint
from training.config_groups import LoraSettings
from training.parts import choose_layers, linear_layers
from training.train import dry_run, resumed_config, train
from training.train_config import TrainConfig
from workbench.errors import UsageError
from workbench.models.base import load_model
from workbench.models.spec import ModelSpec

TINY = {
    "train": ("demo_vqa/train[:24]",),
    "eval": "demo_vqa/dev",
    "eval_samples": 6,
    "eval_new_tokens": 3,
    "batch_size": 8,
    "epochs": 2.0,
    "learning_rate": 5e-3,
    "scheduler": "constant",
    "warmup": 0.0,
    "device": "cpu",
    "threads": 1,
    "log_every": 1,
}


def config(**more) -> TrainConfig:
    return TrainConfig(**TINY | more)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.path / "adapter" / "adapter_model.safetensors")


def history(run: Run) -> list[dict]:
    return [json.loads(x) for x in (run.path / "history.jsonl").read_text().splitlines()]


def steps_of_the_running() -> int:
    """How many steps the training that runs now has logged."""
    running = [run for run in list_runs() if run.state == "running"]
    file = running[0].path / "history.jsonl" if running else None
    return len(file.read_text().splitlines()) if file and file.is_file() else 0


@pytest.fixture(scope="module")
def demo():
    torch.set_num_threads(1)
    return load_model(ModelSpec(device="cpu"))


@pytest.fixture
def odd(tmp_path) -> str:
    """Questions with one answer that no model gives unless it was taught to."""
    from PIL import Image

    for i in range(16):
        Image.new("RGB", (32, 32), (15 * i, 0, 200 - 10 * i)).save(tmp_path / f"{i}.png")
    rows = [f"{i},what is this number {i}?,{i}.png,red green blue" for i in range(16)]
    return add_rows("odd", tmp_path, rows, "question")


def test_a_training_learns_and_its_adapter_is_used_by_the_runs_id(odd):
    from workbench.evaluation.config import EvalConfig
    from workbench.evaluation.document import document
    from workbench.evaluation.runner import evaluate
    from workbench.inference.decoding import Decoding

    settings = {"train": (odd,), "eval": odd, "epochs": 10.0, "learning_rate": 1e-2}
    run = train(config(**settings, eval_new_tokens=12))
    assert run.state == "done"
    adapter = json.loads((run.path / "adapter" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == "demo"
    assert list((run.path / "tensorboard").glob("events.*"))
    assert last_checkpoint(run.path / "checkpoints") is not None
    assert (run.path / "config.yaml").is_file()
    losses = [line["loss"] for line in history(run) if "loss" in line]
    assert len(losses) == 20
    assert losses[-1] < 0.3 * losses[0]
    assert len([line for line in history(run) if "eval_accuracy" in line]) == 10
    found = run.metrics()
    assert found["steps_done"] == found["steps"] == 20
    assert run.progress() == (20, 20)
    assert found["metrics"]["accuracy"]["n"] == 6
    assert found["trainable_parameters"] < 0.2 * found["parameters"]
    assert len(list((run.path / "eval").glob("*.jsonl"))) == 10

    common = {"dataset": odd, "threads": 1, "decoding": Decoding(max_new_tokens=12)}
    base = evaluate(EvalConfig(spec=ModelSpec(device="cpu"), **common))
    tuned = evaluate(EvalConfig(spec=ModelSpec(adapter=run.id, device="cpu"), **common))
    assert tuned.key != base.key
    assert document(base)["metrics"]["accuracy"]["value"] == 0.0
    assert {line["label"] for line in tuned.predictions()} == {"red green blue"}


def test_a_cancelled_training_goes_on_to_the_end_of_an_uninterrupted_one():
    settings = config(lora=LoraSettings(r=4, dropout=0.2), eval="", keep="last")
    whole = train(settings)
    cut = train(settings, cancelled=lambda: steps_of_the_running() >= 2)
    assert cut.state == "cancelled"
    done = cut.metrics()["steps_done"]
    assert 2 <= done < 6
    assert (cut.path / "adapter" / "adapter_model.safetensors").is_file()
    resumed = train(resumed_config(cut), resume=cut.id)
    assert resumed.id == cut.id
    assert resumed.state == "done"
    assert resumed.metrics()["steps_done"] == 6
    first, second = weights(whole), weights(resumed)
    assert first.keys() == second.keys()
    for key in first:
        torch.testing.assert_close(first[key], second[key], rtol=1e-3, atol=1e-5)


def test_a_checkpoint_in_pieces_is_passed_over(tmp_path):
    for step, whole in ((3, True), (6, False)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if whole:
            (folder / "complete").write_text("")
    found = last_checkpoint(tmp_path)
    assert found is not None
    assert found.name == "checkpoint-3"


def test_accumulated_gradients_are_those_of_the_whole_batch():
    common = {"train": ("demo_vqa/train[:8]",), "eval": "", "max_steps": 1, "max_grad_norm": 1e6}
    first = [
        history(train(config(batch_size=size, gradient_accumulation=8 // size, **common)))[0]
        for size in (8, 2)
    ]
    assert first[0]["loss"] == pytest.approx(first[1]["loss"], rel=1e-4)
    assert first[0]["grad_norm"] == pytest.approx(first[1]["grad_norm"], rel=1e-3)


def test_the_base_is_not_changed_by_training(demo):
    from workbench.models.identity import hash_file

    before = hash_file(demo.path / "model.safetensors")
    run = train(config(eval="", max_steps=2))
    assert hash_file(demo.path / "model.safetensors") == before
    assert all("lora_" in key for key in weights(run))


def test_language_layers_alone_are_the_default(demo):
    layers = linear_layers(demo.base)
    language = choose_layers(demo.base, "language")
    vision = choose_layers(demo.base, "vision")
    assert language
    assert vision
    assert set(language) | set(vision) == set(layers)
    assert all("language_model" in name for name in language)
    assert all("visual" in name for name in vision)
    assert not any("lm_head" in name for name in layers)
    chosen = choose_layers(demo.base, ["q_proj", "v_proj"])
    assert len(chosen) == 2 * 5
    with pytest.raises(UsageError, match="nothing_like_it"):
        choose_layers(demo.base, ["nothing_like_it"])


def test_the_best_adapter_is_kept_and_says_which_it_was():
    run = train(config(epochs=3.0))
    best = json.loads((run.path / "best.json").read_text())
    scores = {
        x["step"]: (x["eval_accuracy"], -x["eval_loss"]) for x in history(run) if "eval_loss" in x
    }
    assert len(scores) == 3
    assert best["step"] == max(scores, key=lambda step: scores[step])
    assert best["score"] == scores[best["step"]][0]
    assert run.metrics()["best"]["step"] == best["step"]


def test_an_adapter_can_be_trained_further():
    first = train(config(eval="", max_steps=2, keep="last"))
    second = train(config(eval="", max_steps=2, keep="last", adapter=first.id))
    a, b = weights(first), weights(second)
    assert a.keys() == b.keys()
    assert any(not torch.equal(a[key], b[key]) for key in a)
    load_model(ModelSpec(device="cpu", adapter=second.id))


def test_time_ends_a_training_as_done():
    run = train(config(max_minutes=1e-6, epochs=50.0))
    assert run.state == "done"
    assert run.metrics()["steps_done"] < 20
    assert (run.path / "adapter" / "adapter_config.json").is_file()


def test_resuming_with_another_config_is_refused():
    run = train(config(eval="", max_steps=1))
    with pytest.raises(UsageError, match="cannot be resumed"):
        train(config(eval="", max_steps=2), resume=run.id)


def test_a_dry_run_counts_and_writes_nothing():
    facts = dry_run(config())
    assert (facts["samples"], facts["steps_per_epoch"], facts["steps"]) == (24, 3, 6)
    assert 0 < facts["trainable_parameters"] < facts["parameters"]
    assert list_runs() == []
