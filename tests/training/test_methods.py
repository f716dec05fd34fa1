"""Methods of a training: what they reach, what is refused, runs from end to end."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.workbench.models.make_families import FAMILIES
from training.config_groups import LoraSettings
from training.methods import attach, plan
from training.parts import linear_layers
from training.train import resumed_config, train
from training.train_config import TrainConfig
from workbench.errors import UsageError
from workbench.models.base import load_model
from workbench.models.parts import part_of
from workbench.models.spec import ModelSpec

DEMO = {"train": ("demo_vqa/train[:8]",), "device": "cpu", "threads": 1}


def test_all_linear_never_reaches_the_vision_tower_unasked() -> None:
    loaded = load_model(ModelSpec(device="cpu"))
    layers = linear_layers(loaded.base)
    assert set(layers.values()) == {"language", "projector", "vision"}
    for parts in ((), ("vision",), ("projector", "language")):
        config = TrainConfig(
            **DEMO,
            method="peft",
            parts=parts,
            peft={"peft_type": "LOHA", "target_modules": "all-linear"},
        )
        model = attach(loaded, config, plan(config))
        trained = {part_of(n) for n, p in model.named_parameters() if p.requires_grad}
        assert trained == set(parts or ("language",))
        model.unload()
        vars(loaded.base).pop("peft_config", None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"method": "lroa"}, "did you mean 'lora'"),
        (
            {"method": "p_tuning"},
            "p_tuning is not trained here: its vectors come out of a",
        ),
        ({"num_virtual_tokens": 4}, "'num_virtual_tokens' says nothing to 'method' lora"),
        ({"method": "prefix_tuning", "num_virtual_tokens": 0}, "'num_virtual_tokens' wants"),
        ({"method": "prompt_tuning", "prefix_projection": True}, "'prefix_projection' says noth"),
        ({"method": "prompt_tuning", "parts": ("language",)}, "its vectors are of no part"),
        ({"method": "ia3", "lora": LoraSettings(r=2)}, "'lora' says nothing"),
        ({"method": "full", "adapter": "a"}, "and prompt_tuning, and 'method' is full"),
        ({"method": "peft"}, "'peft.peft_type' is missing"),
        ({"method": "peft", "peft": {"peft_type": "LOHO"}}, "is not a method of PEFT"),
        ({"method": "peft", "peft": {"peft_type": "LOHA", "rank": 2}}, "has no 'peft.rank'"),
        (
            {"method": "peft", "peft": {"peft_type": "LOHA", "alhpa": 2}},
            "did you mean 'peft.alpha'",
        ),
        ({"method": "peft", "peft": {"peft_type": "P_TUNING"}}, "out of a network"),
        ({"method": "peft", "peft": {"peft_type": "PREFIX_TUNING"}}, "not trained here"),
        ({"method": "peft", "peft": {"peft_type": "ADALORA", "total_step": 9}}, "between the st"),
        ({"adapter_style": "houlsby"}, "'adapter_style' says nothing to 'method' lora"),
        ({"method": "adapter", "adapter_style": "houlsbi"}, "'adapter_style' wants"),
        ({"method": "adapter", "adapter_reduction": 0}, "'adapter_reduction' wants"),
        (
            {"method": "peft", "peft": {"peft_type": "LORA", "init_lora_weights": "corda"}},
            "made from data",
        ),
        ({"method": "full", "quantization": "4bit"}, "which are quantised"),
        ({"lora": LoraSettings(init="pissa"), "quantization": "4bit"}, "weights are quantised"),
        ({"lora": {"init": "pisa"}}, "'lora.init' wants"),
        ({"parts": ("head",)}, "'parts' wants"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_loaded(values: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(TrainConfig(train=("-",), model="/there/is/none", **values))


def test_bitfit_of_a_part_without_biases_is_told_from_the_files_alone(tmp_path: Path) -> None:
    made = FAMILIES["llava"](tmp_path / "llava")
    with pytest.raises(UsageError, match="no bias is in its language part; it has some in: proj"):
        plan(TrainConfig(train=("-",), model=str(made), method="bitfit"))


def test_a_part_without_blocks_is_told_from_the_files_alone(
    tmp_path: Path,
) -> None:
    made = FAMILIES["two_stage"](tmp_path / "two")
    settings: dict[str, Any] = {"train": ("-",), "model": str(made), "method": "adapter"}
    with pytest.raises(UsageError, match="is in its vision part; it has some in: language"):
        plan(TrainConfig(**settings, parts=("vision",)))
    plan(TrainConfig(**settings))


def test_a_kind_that_knows_no_conv1d_is_refused_for_a_captioner(tmp_path: Path) -> None:
    made = FAMILIES["captioner"](tmp_path / "captioner")
    settings = {"method": "peft", "peft": {"peft_type": "LOHA"}}
    with pytest.raises(UsageError, match="Conv1D"):
        plan(TrainConfig(train=("-",), model=str(made), **settings))
    plan(TrainConfig(train=("-",), model=str(made), parts=("vision",), **settings))


@pytest.mark.parametrize("method", ["adapter", "prompt_tuning"])
def test_it_is_trained_over_4bit_weights(method: str) -> None:
    run = train(TrainConfig(**DEMO, method=method, quantization="4bit", max_steps=1, batch_size=2))
    adapter = load_model(ModelSpec(adapter=run.id, quantization="4bit", device="cpu"))
    assert adapter.adapters.active is not None


@pytest.mark.parametrize("method", ["full", "adapter", "prefix_tuning"])
def test_a_run_ends_with_what_a_command_takes_and_goes_on_after_a_stop(method: str) -> None:
    config = TrainConfig(
        **DEMO,
        method=method,
        batch_size=4,
        max_steps=4,
        save_every=2,
        learning_rate=1e-3,
        keep="last",
        log_every=1,
    )
    whole = train(config)
    steps = iter([False, False, True, True, True, True, True])
    cut = train(config, cancelled=lambda: next(steps, True))
    assert cut.state == "cancelled"
    assert 0 < cut.metrics()["steps_done"] < 4
    resumed = train(resumed_config(cut), resume=cut.id)
    assert resumed.state == "done"
    folders = [run.path / ("model" if method == "full" else "adapter") for run in (whole, resumed)]
    file = f"{'model' if method == 'full' else 'adapter_model'}.safetensors"
    first, second = (load_file(f / file) for f in folders)
    assert first.keys() == second.keys()
    for key in first:
        torch.testing.assert_close(first[key], second[key], rtol=1e-4, atol=1e-5)
    assert str(tempfile.gettempdir()) not in (folders[0] / "README.md").read_text()
    if method == "full":
        load_model(ModelSpec(str(folders[0]), device="cpu"))
    else:
        load_model(ModelSpec(adapter=whole.id, device="cpu"))


def test_the_page_shows_every_method_and_family_and_no_failure() -> None:
    from tests.training import method_cells, method_matrix

    page = method_matrix.PAGE.read_text("utf-8")
    page = page.split(method_matrix.START)[1].split(method_matrix.END)[0]
    lines = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("|")]
    rows = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in lines}
    assert rows.pop("") == [*FAMILIES]
    rows.pop("---")
    assert [*rows] == [*method_cells.METHODS]
    for method, cells in rows.items():
        for family, cell in zip(FAMILIES, cells, strict=True):
            assert cell == "yes", (method, family)
    assert method_matrix.Results().passed == {}  # what has not run is not green
    assert "FAILS" in method_matrix.table(method_matrix.Results())
