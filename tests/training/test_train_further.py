"""Adapters of each method are trained further from where their training ended, or refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sessions.runs import Run
from tests.training.test_train import config, history, weights
from training.methods import plan
from training.train import train
from training.train_config import TrainConfig
from workbench.errors import UsageError

SMALL = {
    "train": ("demo_vqa/train[:8]",),
    "eval_samples": 4,
    "eval_new_tokens": 1,
    "batch_size": 4,
    "epochs": 1.0,
    "keep": "last",
}
HEAD = {"head": {"pooling": "last", "labels": ["yes", "no"]}}
MADE: dict[str, dict[str, Any]] = {
    "houlsby": {
        "method": "adapter",
        "adapter_style": "houlsby",
        "adapter_reduction": 8,
        "parts": ("language", "vision"),
    },
    "lora": {"method": "lora", "lora": {"r": 2, "alpha": 4.0}},
    "prefix": {"method": "prefix_tuning", "num_virtual_tokens": 5, "prefix_projection": True},
    "prompt": {"method": "prompt_tuning", "num_virtual_tokens": 5} | HEAD,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A short training of each method, in a home of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WB_HOME", str(tmp_path_factory.mktemp("first")))
        return {kind: train(config(**SMALL, **more)) for kind, more in MADE.items()}


def adapter(runs: dict[str, Run], kind: str) -> str:
    return str(runs[kind].path / "adapter")


@pytest.mark.parametrize("kind", MADE)
def test_it_goes_on_with_the_loss_that_it_ended_with(runs: dict[str, Run], kind: str) -> None:
    first, more = runs[kind], {"method": MADE[kind]["method"]}
    more |= HEAD if "head" in MADE[kind] else {}
    second = train(config(**SMALL, **more, adapter=adapter(runs, kind), eval_at_start=True))
    ended, began = history(first)[-1], history(second)[0]
    assert (began["step"], ended["step"]) == (0, 2)
    assert began["eval_loss"] == pytest.approx(ended["eval_loss"], rel=1e-6)
    before, after = weights(first), weights(second)
    assert {k: v.shape for k, v in before.items()} == {k: v.shape for k, v in after.items()}
    moved = [k for k in before if not torch.equal(before[k], after[k])]
    assert len(moved) == len(before)
    assert "trained further from another adapter" in (second.path / "adapter/README.md").read_text()


@pytest.mark.parametrize(
    ("kind", "said", "words", "hint"),
    [
        ("houlsby", {"method": "lora"}, "is of the kind BOTTLENECK", "take method: adapter"),
        ("prefix", {"method": "prompt_tuning"}, "kind PREFIX_TUNING", "take method: prefix_tuning"),
        (
            "houlsby",
            {"method": "adapter", "adapter_nonlinearity": "tanh"},
            "'adapter_nonlinearity' says 'tanh', and the adapter .* has 'relu'",
            "leave that out",
        ),
        (
            "lora",
            {"method": "lora", "lora": {"r": 3, "dora": True}},
            "'lora.r' says 3, and the adapter .* has .*'lora.dora' says True",
            "leave that out",
        ),
        (
            "prompt",
            {"method": "prompt_tuning", "num_virtual_tokens": 7},
            "'num_virtual_tokens' says 7, and the adapter .* has 5",
            "leave that out",
        ),
    ],
)
def test_what_is_of_another_form_is_refused_before_anything_is_loaded(
    runs: dict[str, Run], kind: str, said: dict[str, Any], words: str, hint: str
) -> None:
    wanted = TrainConfig(train=("-",), model="/none", adapter=adapter(runs, kind), **said)
    with pytest.raises(UsageError, match=words) as info:
        plan(wanted)
    assert info.value.hint == hint


def test_a_key_of_how_an_adapter_begins_is_refused_where_there_is_one() -> None:
    with pytest.raises(UsageError, match="'virtual_init_text' says nothing to an 'adapter'"):
        config(method="prompt_tuning", adapter="some", virtual_init_text="a")
