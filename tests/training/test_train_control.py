"""What a config says of how a training goes: the optimizer, activations, stopping, memory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path

import pytest
import torch

from sessions.runs import Run, list_runs
from tests.training.test_train import history, steps_of_the_running, weights
from tests.workbench.models.family_cases import ANSWER, prompts
from tests.workbench.models.make_families import FAMILIES
from training.card import Card
from training.checkpoints import last_checkpoint, step_of
from training.fallbacks import with_fallbacks
from training.methods import attach, plan
from training.optimizers import choose_optimizer
from training.train import dry_run, resumed_config, train
from training.train_config import TrainConfig
from training.trainer import answer_loss
from workbench.errors import ModelError, UsageError
from workbench.models.base import load_model

TINY = {
    "train": ("demo_vqa/train[:16]",),
    "batch_size": 4,
    "epochs": 1,
    "learning_rate": 5e-3,
    "lora": {"r": 4, "dropout": 0.2},
    "device": "cpu",
    "threads": 1,
    "log_every": 1,
    "keep": "last",
}


def config(**more) -> TrainConfig:
    return TrainConfig(**TINY | more)


def assert_the_same(first: Run, second: Run) -> None:
    one, two = weights(first), weights(second)
    assert one.keys() == two.keys()
    for key in one:
        torch.testing.assert_close(one[key], two[key], rtol=1e-3, atol=1e-5)


def terminate_after(steps: int):
    """As `cancelled`: nobody cancels, and SIGTERM comes after so many steps."""
    return lambda: bool(steps_of_the_running() >= steps and os.kill(os.getpid(), signal.SIGTERM))


def test_after_sigterm_a_training_goes_on_from_its_checkpoint_with_8_bit_moments():
    settings = config(optimizer="adamw_8bit", activation_checkpointing=True)
    whole = train(settings)
    cut = train(settings, cancelled=terminate_after(2))
    assert (cut.state, cut.reason) == ("cancelled", "cancelled by SIGTERM")
    found = last_checkpoint(cut.path / "checkpoints")
    assert found is not None and step_of(found) == cut.metrics()["steps_done"] < 4
    resumed = train(resumed_config(cut), resume=cut.id)
    assert resumed.metrics()["steps_done"] == 4
    assert_the_same(whole, resumed)


def test_the_card_names_the_optimizer():
    text = Card(config(optimizer="adamw_8bit"), "", 4).text(1, {})
    assert "8-bit AdamW, learning rate" in text


def test_a_paged_optimizer_is_refused_without_a_gpu_before_anything_is_loaded():
    settings = config(optimizer="paged_adamw_8bit", model="/there/is/none")
    with pytest.raises(
        UsageError, match="'optimizer' paged_adamw_8bit is refused on a CPU"
    ) as info:
        train(settings)
    assert "adamw_8bit" in (info.value.hint or "")
    assert choose_optimizer(settings.changed(optimizer_fallback=True)) == "adamw_8bit"
    assert choose_optimizer(config(optimizer="adafactor")) == "adafactor"


def test_flash_kernels_that_cannot_be_had_are_replaced_where_the_config_says_so():
    wanted = config(attention="flash_attention_2", attention_fallback=True)
    taken, said = with_fallbacks(wanted)
    assert taken == wanted.changed(attention="sdpa")
    assert said[0].startswith("attention sdpa in the place of flash_attention_2: ")
    plain = wanted.changed(attention_fallback=False)
    assert with_fallbacks(plain) == (plain, [])
    with pytest.raises(ModelError, match="flash_attention_2 cannot be used"):
        dry_run(plain)


FLAT = {
    "eval": "demo_vqa/dev",
    "eval_samples": 3,
    "eval_new_tokens": 2,
    "train": ("demo_vqa/train[:8]",),
    "batch_size": 8,
    "epochs": 8,
    "learning_rate": 1e-9,
    "early_stopping": {"patience": 2, "min_delta": 0.01},
}


def evaluated(run: Run) -> list[int]:
    return [line["step"] for line in history(run) if "eval_loss" in line]


def test_a_training_ends_when_evaluations_gain_too_little_cut_or_not():
    whole = train(config(**FLAT))
    assert (whole.state, evaluated(whole)) == ("done", [1, 2, 3])
    found = whole.metrics()
    assert (found["stopped_early"], found["steps_done"]) == (True, 3)
    again = train(resumed_config(whole), resume=whole.id)  # as after a kill before the end
    assert (evaluated(again), again.metrics()["steps_done"]) == ([1, 2, 3], 3)
    cut = train(config(**FLAT), cancelled=lambda: steps_of_the_running() >= 3)
    assert cut.metrics()["stopped_early"] is False
    assert cut.metrics()["steps_done"] == 2
    resumed = train(resumed_config(cut), resume=cut.id)
    assert (resumed.state, evaluated(resumed)) == ("done", [1, 2, 3])


@pytest.mark.parametrize(
    ("task", "best_by", "least"), [("demo_captions", "cider", 0.0), ("demo_vqa", "loss", -99.0)]
)
def test_the_best_is_chosen_by_the_figure_that_is_asked_for(task, best_by, least):
    flat = {"train": (f"{task}/train[:4]",), "eval": f"{task}/dev", "early_stopping": {}}
    run = train(config(**FLAT | flat, best_by=best_by, max_steps=1, keep="best"))
    best = json.loads((run.path / "best.json").read_text())
    assert best["name"] == best_by
    assert least <= best["score"] < 99
    if best_by == "loss":
        assert best["score"] == -best["loss"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"best_by": "cyder", "eval": "demo/dev"}, "did you mean 'cider'"),
        ({"best_by": "cider"}, "'best_by' wants 'eval'"),
        ({"early_stopping": {"patience": 2}}, "'early_stopping' wants 'eval'"),
        ({"early_stopping": {"patience": -1}}, "'early_stopping.patience' wants at least 0"),
        ({"on_oom": "shrink"}, "'on_oom' wants one of stop, halve"),
    ],
)
def test_what_cannot_decide_is_refused(more, words):
    with pytest.raises(UsageError, match=words):
        config(**more)


@contextlib.contextmanager
def memory_for(samples: int, where: str, after: int = 0):
    """Memory that holds the tensors of so many samples and no more, from a call on."""
    calls = 0

    def hook(module, first, *_):
        nonlocal calls
        if type(module).__name__ != "Qwen2VLDecoderLayer":
            return
        tensor = first[0] if first else None
        if tensor is None or not module.training or len(tensor) <= samples:
            return
        calls += 1
        if calls > after:
            raise torch.OutOfMemoryError("a GPU has no more")

    register = {
        "forward": torch.nn.modules.module.register_module_forward_pre_hook,
        "backward": torch.nn.modules.module.register_module_full_backward_hook,
    }[where]
    handle = register(hook)
    try:
        yield
    finally:
        handle.remove()


def test_out_of_memory_halves_the_batch_and_the_step_is_the_same_cut_or_not():
    settings = config(gradient_accumulation=2, max_steps=3, lora={"r": 4}, on_oom="halve")
    whole = train(settings)
    with memory_for(2, "backward", after=7):
        halved = train(settings, warn=lambda _: None)
    assert_the_same(whole, halved)
    said: list[str] = []
    with memory_for(2, "forward", after=7):
        cut = train(settings, warn=said.append, cancelled=lambda: steps_of_the_running() >= 1)
    assert cut.state == "cancelled"
    assert cut.metrics()["out_of_memory"] == [{"step": 1, "pieces": 2, "batch_size": 2}]
    assert any("out of memory in step 1: its batches of 4 are taken as 2 of 2" in s for s in said)
    resumed = train(resumed_config(cut), resume=cut.id)
    assert_the_same(whole, resumed)
    losses = [
        [line["loss"] for line in history(run) if "loss" in line]
        for run in (whole, halved, resumed)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] == pytest.approx(losses[2], rel=1e-3)


def test_what_cannot_be_halved_or_is_not_to_be_ends_the_training():
    for more in ({"on_oom": "halve"}, {"on_oom": "stop"}):
        with memory_for(0, "forward"), pytest.raises(ModelError, match="out of memory"):
            train(config(**more, max_steps=1))


def test_a_dry_run_measures_memory_and_time_and_leaves_nothing():
    plain = dry_run(config())
    memory = plain["memory"]
    trained = plain["trainable_parameters"]
    assert (memory["gradients"], memory["optimizer"]) == (4 * trained, 8 * trained)
    kinds = ("weights", "gradients", "optimizer", "activations")
    assert memory["total"] == sum(memory[kind] for kind in kinds)
    assert memory["fits"] is True
    assert plain["time"]["seconds"] == plain["time"]["seconds_per_step"] * plain["steps"]
    other = dry_run(config(activation_checkpointing=True, optimizer="adafactor"))["memory"]
    assert other["activations"] < 0.6 * memory["activations"]
    assert other["optimizer"] == 0
    assert list_runs() == []


@pytest.mark.parametrize("family", FAMILIES)
def test_checkpointed_activations_give_the_gradients_of_kept_ones(family: str, tmp_path: Path):
    torch.set_num_threads(1)
    folder = FAMILIES[family](tmp_path / family)
    settings = TrainConfig(
        train=("-",), model=str(folder), device="cpu", lora={"target_modules": "all"}
    )
    loaded = load_model(settings.spec)
    model = attach(loaded, settings, plan(settings)).train()
    batch = loaded.family.encode(loaded, prompts(family)[:2], answers=[ANSWER, "yes"])
    kept = gradients(model, batch)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    checkpointed = gradients(model, batch)
    assert checkpointed[1] < 0.6 * kept[1]
    assert kept[0].keys() == checkpointed[0].keys()
    for name, gradient in kept[0].items():
        torch.testing.assert_close(checkpointed[0][name], gradient, rtol=1e-4, atol=1e-7)


def gradients(model, batch) -> tuple[dict[str, torch.Tensor], int]:
    """Of a batch, and the bytes that were kept for the backward pass."""
    size = 0

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal size
        size += tensor.numel() * tensor.element_size()
        return tensor

    model.zero_grad()
    torch.manual_seed(0)  # GPT-2 has dropout
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = model(**batch.inputs, use_cache=False).logits
        loss = answer_loss(logits, batch.labels(), None)
    loss.backward()
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return found, size
