"""What ends a training that cannot go on: figures that are not finite, a full disk, kill -9."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import torch

from sessions.errors import RecordError
from sessions.runs import Run, list_runs
from tests import warm
from tests.training.test_train import config, history, weights
from training.checkpoints import last_checkpoint
from training.finite import Diverged
from training.train import resumed_config, train
from workbench.errors import ModelError
from workbench.models.base import load_model
from workbench.models.spec import ModelSpec

# Ends before its time in a process of its own: where a file grows too large, or by a kill -9 as
# soon as it has a checkpoint. It kills itself: somebody else may come when it is done.
CHILD = """
import os, resource, signal, sys, threading, time
from tests.training.test_train import config
from training.checkpoints import last_checkpoint
from training.train import resumed_config, train
from sessions.runs import Run, list_runs
limit, resume = int(sys.argv[1]), sys.argv[2]
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
def kill_at_a_checkpoint(others):
    while not any(last_checkpoint(r.path / "checkpoints") for r in list_runs() if r.id != others):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[4]:
    threading.Thread(target=kill_at_a_checkpoint, args=(sys.argv[4],), daemon=True).start()
settings = resumed_config(Run.open(resume)) if resume else config(**eval(sys.argv[3]))
train(settings, resume=resume)
"""


def child(
    limit: int = 0, resume: str = "", killed_beside: str = "", **settings
) -> subprocess.CompletedProcess[str]:
    """Train in a process; `killed_beside`: the id of the run that is not its own."""
    argv = [sys.executable, "-c", CHILD, str(limit), resume, repr(settings), killed_beside]
    return warm.run(argv, timeout=120)


def the_run() -> Run:
    [run] = list_runs()
    return run


def all_finite(tensors) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors.values())


def test_a_training_that_diverges_fails_and_keeps_its_last_good_checkpoint():
    settings = config(
        learning_rate=9.9, max_grad_norm=0.0, eval="", epochs=20.0, save_every=1, keep="last"
    )
    with pytest.raises(Diverged) as caught:
        train(settings)
    run = the_run()
    assert run.state == "failed"
    assert "not finite" in caught.value.message or "nan" in caught.value.message
    assert "9.9" in caught.value.hint
    assert caught.value.message in run.reason
    assert caught.value.uids
    assert set(caught.value.uids) <= {f"demo_vqa/train/{i:06d}" for i in range(24)}
    assert json.loads((run.path / "diverged.json").read_text())["uids"] == caught.value.uids
    kept = last_checkpoint(run.path / "checkpoints")
    assert kept is not None
    assert str(kept) in caught.value.hint
    assert not (run.path / "adapter").exists()
    loaded = load_model(ModelSpec(device="cpu", adapter=str(kept)))
    assert all_finite(dict(loaded.model.named_parameters()))


def test_a_loss_that_a_sample_makes_nan_stops_before_the_weights_are_touched(monkeypatch):
    from training.collate import Collator

    whole = Collator.__call__

    def poisoned(self, batch):
        out = whole(self, batch)
        if any(index == 5 for _, index in batch) and len(batch) == 4:
            out["pixel_values"] = out["pixel_values"] * float("nan")
        return out

    monkeypatch.setattr(Collator, "__call__", poisoned)
    with pytest.raises(Diverged) as caught:
        train(config(eval="", batch_size=4, max_steps=12, save_every=1))
    assert "demo_vqa/train/000005" in caught.value.uids
    assert len(caught.value.uids) == 4
    run = the_run()
    assert run.state == "failed"
    kept = last_checkpoint(run.path / "checkpoints")
    done = max((line["step"] for line in history(run)), default=0)
    assert caught.value.step == done + 1
    if done:
        assert kept is not None
        assert kept.name == f"checkpoint-{done}"


def test_an_adapter_that_is_not_finite_is_not_saved(tmp_path):
    from training.config_groups import LoraSettings
    from training.lora import attach_lora, save_adapter

    model = attach_lora(load_model(ModelSpec(device="cpu")), LoraSettings(r=2))
    good = tmp_path / "adapter"
    save_adapter(model, good, "demo", "# card\n")
    before = (good / "adapter_model.safetensors").read_bytes()
    with torch.no_grad():
        next(p for p in model.parameters() if p.requires_grad)[0, 0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        save_adapter(model, good, "demo")
    assert (good / "adapter_model.safetensors").read_bytes() == before


def test_a_full_disk_is_one_error_and_the_last_good_checkpoint_stays():
    settings = {"eval": "", "epochs": 2.0, "save_every": 2, "keep": "last", "keep_checkpoints": 1}
    first = train(config(**settings), cancelled=lambda: steps_logged() >= 2)
    kept = last_checkpoint(first.path / "checkpoints")
    assert kept is not None
    files = {path.name: path.read_bytes() for path in kept.iterdir()}
    # The adapter's weights are larger than this, and nothing before them is.
    ended = child(300_000, first.id)
    assert ended.returncode != 0
    last = [line for line in ended.stderr.splitlines() if "cannot write" in line]
    assert last, ended.stderr
    assert "checkpoint-" in last[-1]
    run = Run.open(first.id)
    assert run.state == "failed"
    assert "cannot write" in run.reason
    assert last_checkpoint(run.path / "checkpoints") == kept
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == files
    done = train(resumed_config(run), resume=run.id)
    assert done.state == "done"


def steps_logged(beside: str = "") -> int:
    runs = [run for run in list_runs() if run.id != beside]
    file = runs[0].path / "history.jsonl" if runs else None
    return len(file.read_text().splitlines()) if file and file.is_file() else 0


def test_curves_that_cannot_be_written_are_one_error_too(monkeypatch):
    from torch.utils.tensorboard import SummaryWriter

    def full(*_, **__):
        raise OSError(28, "No space left on device", "events.out")

    monkeypatch.setattr(SummaryWriter, "add_scalar", full)
    with pytest.raises(RecordError, match=r"cannot write .*events.out.*No space left"):
        train(config(eval="", max_steps=1))
    assert the_run().state == "failed"


def test_what_was_killed_goes_on_to_the_same_losses_and_each_step_is_logged_once():
    settings = {
        "eval": "demo_vqa/dev",
        "epochs": 3.0,
        "save_every": 2,
        "log_every": 3,
        "keep": "last",
        "head": {"pooling": "last", "labels": ["yes", "no"], "dropout": 0.1},
    }
    whole = train(config(**settings))
    killed = child(killed_beside=whole.id, **settings)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    [run] = [run for run in list_runs() if run.id != whole.id]
    resumed = train(resumed_config(run), resume=run.id)
    assert resumed.state == "done"
    first, second = history(whole), history(resumed)
    kinds = [(line["step"], "loss" in line) for line in second]
    assert len(kinds) == len(set(kinds))
    assert kinds == [(line["step"], "loss" in line) for line in first]
    for mine, theirs in zip(first, second, strict=True):
        for key in ("loss", "loss_text", "loss_class", "eval_loss", "grad_norm"):
            assert (key in mine) == (key in theirs)
            if key in mine:
                assert theirs[key] == pytest.approx(mine[key], rel=1e-5), (mine, theirs)
    for key, tensor in weights(whole).items():
        torch.testing.assert_close(tensor, weights(resumed)[key], rtol=1e-4, atol=1e-6)


def curves(run) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard reads of a run, every file as it lies there."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(run.path / "tensorboard"), purge_orphaned_data=False)
    read.Reload()
    return {
        tag: [(event.step, event.value) for event in read.Scalars(tag)]
        for tag in read.Tags()["scalars"]
    }


def test_after_a_resume_tensorboard_draws_each_step_once_as_the_history_has_it():
    settings = config(epochs=2.0, eval_at_start=True)
    cut = train(settings, cancelled=lambda: steps_logged() >= 3)
    done = cut.metrics()["steps_done"]
    # As a kill leaves it: a step after the checkpoint, here and in the curves.
    with (cut.path / "history.jsonl").open("a") as stream:
        stream.write(json.dumps({"v": 1, "step": done + 1, "loss": 99.0}) + "\n")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(cut.path / "tensorboard")) as torn:
        torn.add_scalar("train/loss", 99.0, done + 1)
    run = train(resumed_config(cut), resume=cut.id)
    lines = history(run)
    assert len({line["step"] for line in lines if "loss" in line}) == 6
    for tag, name in (
        ("train/loss", "loss"),
        ("eval/loss", "eval_loss"),
        ("train/grad_norm", "grad_norm"),
    ):
        wanted = [
            (line["step"], pytest.approx(line[name], rel=1e-5)) for line in lines if name in line
        ]
        assert curves(run)[tag] == wanted
        assert wanted


def test_the_start_is_evaluated_by_the_same_samples_and_changes_no_step():
    plain, started = train(config()), train(config(eval_at_start=True))
    assert [line for line in history(started) if line["step"]] == history(plain)
    first = history(started)[0]
    assert (first["step"], "eval_accuracy" in first) == (0, True)
    found = started.metrics()
    assert found["start"]["loss"] == first["eval_loss"]
    assert found["start"]["metrics"]["accuracy"]["n"] == found["metrics"]["accuracy"]["n"]
    assert found["best"]["step"] > 0
    names = {file.name for file in (started.path / "eval").iterdir()}
    assert names == {"00000000.jsonl", "00000003.jsonl", "00000006.jsonl"}


def test_a_few_samples_are_shown_with_their_images_after_each_evaluation():
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(config(epochs=2.0))
    read = EventAccumulator(str(run.path / "tensorboard"))
    read.Reload()
    pictures = read.Tags()["images"]
    assert len(pictures) == 4
    assert all([event.step for event in read.Images(tag)] == [3, 6] for tag in pictures)
    texts = [tag for tag in read.Tags()["tensors"] if tag.startswith("samples/")]
    assert len(texts) == 4
    said = read.Tensors(texts[0])[0].tensor_proto.string_val[0].decode()
    assert [row.split(":")[0].strip() for row in said.splitlines()] == ["wanted", "read as", "said"]
    off = train(config(eval="", tensorboard=False, max_steps=1))
    assert not (off.path / "tensorboard").exists()


def test_what_was_logged_after_the_last_checkpoint_is_logged_anew():
    settings = config(eval="", save_every=0, epochs=2.0, keep="last")
    cut = train(settings, cancelled=lambda: steps_logged() >= 2)
    done = cut.metrics()["steps_done"]
    with (cut.path / "history.jsonl").open("a") as stream:
        stream.write(json.dumps({"v": 1, "step": done + 1, "loss": 99.0}) + "\n")
    resumed = train(resumed_config(cut), resume=cut.id)
    steps = [line["step"] for line in history(resumed)]
    assert steps == list(range(1, 7))
    assert all(line["loss"] < 99 for line in history(resumed))


def test_an_epoch_whose_evaluation_was_cut_is_evaluated_when_it_goes_on():
    whole = train(config())
    first = history(whole)
    cut = train(config(), cancelled=lambda: steps_logged(whole.id) >= 2)
    assert cut.metrics()["steps_done"] == 3
    assert not any("eval_loss" in line for line in history(cut))
    second = history(train(resumed_config(cut), resume=cut.id))
    assert [(line["step"], "eval_loss" in line) for line in second] == [
        (line["step"], "eval_loss" in line) for line in first
    ]
