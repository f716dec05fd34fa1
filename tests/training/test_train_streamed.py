"""Trainings on what a hub streams: killed or left alone by the hub, they end as if nothing was."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from sessions.runs import Run, list_runs
from tests.hub_server import Hub
from tests.training.test_train import config, history, weights
from tests.training.test_train_faults import child
from tests.workbench.data.hub_data import SHAPES, add_shapes, drop_blocks, forget, shape_files
from training.reading import Unreached
from training.train import resumed_config, train

STREAMED = {
    "train": ("streamed/train",),
    "eval": "streamed/dev",
    "batch_size": 2,
    "epochs": 1.0,
    "save_every": 2,
    "keep": "last",
    "cache_mb": 0,
    "eval_new_tokens": 1,
    "lora": {"r": 4, "dropout": 0.1},
}


@pytest.fixture
def shapes(hub: Hub) -> Hub:
    """A hub with 16 samples in two row groups, too large for one request."""
    hub.commit(SHAPES, shape_files(16, 2, weight=500_000))
    add_shapes()
    return hub


def nothing_is_here(hub: Hub) -> None:
    forget(hub)
    drop_blocks(Path(os.environ["WB_HOME"]))


def assert_the_same(first: Run, second: Run) -> None:
    one, two = weights(first), weights(second)
    assert all(torch.equal(one[key], two[key]) for key in one)
    names = ("step", "loss", "grad_norm", "eval_loss")
    lines = [[{k: x.get(k) for k in names} for x in history(run)] for run in (first, second)]
    assert lines[0] == lines[1]


def test_a_streamed_training_that_was_killed_ends_bit_for_bit_as_one_that_was_not(shapes: Hub):
    whole = train(config(**STREAMED))
    killed = child(killed_beside=whole.id, **STREAMED)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    [run] = [run for run in list_runs() if run.id != whole.id]
    nothing_is_here(shapes)
    assert_the_same(whole, train(resumed_config(run), resume=run.id))
    assert shapes.ranges("train")  # it was fetched anew


def test_a_hub_that_is_gone_ends_a_training_which_goes_on_when_it_is_back(
    shapes: Hub, monkeypatch: pytest.MonkeyPatch
):
    # What is fetched ahead at the moment when the hub goes must not be found on disk later.
    monkeypatch.setenv("WB_HUB_CACHE_MB", "0")
    whole = train(config(**STREAMED))
    gone = []

    def go() -> bool:
        running = [r for r in list_runs() if r.state == "running"]
        begun = [r for r in running if (r.path / "history.jsonl").is_file()]
        if not gone and begun and len(history(begun[0])) >= 3:
            nothing_is_here(shapes)
            gone.append(shapes.fault("train-", status=403, times=10**6))
        return False

    with pytest.raises(Unreached, match=r"streamed/train/train-\d+ cannot be had now") as info:
        train(config(**STREAMED), cancelled=go)
    [run] = [run for run in list_runs() if run.id != whole.id]
    assert (run.state, "--resume" in info.value.hint) == ("failed", True)
    assert not (run.path / "left_out.json").exists()
    with pytest.raises(Unreached):  # it is left out for no sample that it cannot look at either
        train(config(**STREAMED))
    assert len(list_runs()) == 2
    gone[0].times = 0
    assert_the_same(whole, train(resumed_config(run), resume=run.id))
