"""Each method on each family: it learns, and what it saved gives a fresh base equal logits."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.workbench.models.conftest import folder, name  # noqa: F401  (fixtures)
from tests.workbench.models.family_cases import ANSWER, prompts
from tests.workbench.models.make_families import FAMILIES
from training.lora import save_adapter
from training.methods import attach, plan
from training.parts import linear_layers, part_of
from training.train import resumed_config, train
from training.train_config import LoraSettings, TrainConfig
from training.trainer import answer_loss
from training.whole import save_model
from workbench.errors import UsageError
from workbench.models.base import load_model
from workbench.models.spec import ModelSpec

VERA = {"peft_type": "VERA", "r": 16}
METHODS: dict[str, dict[str, Any]] = {
    "lora": {"method": "lora", "lora": LoraSettings(r=4, rslora=True)},
    "dora": {"method": "lora", "lora": LoraSettings(r=4, dora=True)},
    "pissa": {"method": "lora", "lora": LoraSettings(r=4, init="pissa")},
    "ia3": {"method": "ia3"},
    "bitfit": {"method": "bitfit", "parts": ("language", "projector", "vision")},
    "full": {"method": "full"},
    "vera": {"method": "peft", "peft": VERA},
}

RATES = {"full": 3e-3, "pissa": 3e-3}


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_and_a_fresh_base_has_equal_logits(
    name: str,  # noqa: F811
    folder: Path,  # noqa: F811
    method: str,
    tmp_path: Path,
) -> None:
    torch.set_num_threads(1)
    config = TrainConfig(train=("-",), model=str(folder), device="cpu", **METHODS[method])
    planned = plan(config)
    loaded = load_model(config.spec)
    before = {n: p.detach().clone() for n, p in loaded.base.named_parameters()}
    model = attach(loaded, config, planned)
    asked = prompts(name)[:2]
    batch = loaded.family.encode(loaded, asked, answers=[ANSWER, "yes"])
    labels = batch.labels()
    train = [p for p in model.parameters() if p.requires_grad]
    assert train
    optimizer = torch.optim.AdamW(train, lr=RATES.get(method, 3e-2), weight_decay=0.0)
    losses = []
    for _ in range(6):
        logits = model(**batch.inputs, use_cache=False).logits
        loss = answer_loss(logits, labels, None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.97 * losses[0]
    model.eval()
    with torch.no_grad():
        taught = model(**batch.inputs).logits
    if method == "full":
        save_model(loaded, tmp_path / "out")
        fresh = load_model(ModelSpec(str(tmp_path / "out"), device="cpu"))
        others = {n for n in before if part_of(n) != "language"}
        assert others and all(
            torch.equal(before[n], p) for n, p in fresh.base.named_parameters() if n in others
        )
    else:
        save_adapter(model, tmp_path / "out", str(folder))
        fresh = load_model(ModelSpec(str(folder), adapter=str(tmp_path / "out"), device="cpu"))
    with torch.no_grad():
        found = fresh.model(**batch.inputs).logits
    torch.testing.assert_close(found, taught, rtol=1e-4, atol=1e-4)


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
        ({"method": "prompt_tuning"}, "before the text"),
        ({"method": "prefix_tuning"}, "positions"),
        ({"method": "ia3", "lora": LoraSettings(r=2)}, "'lora' says nothing"),
        ({"method": "full", "adapter": "some"}, "'adapter' is trained further as a LoRA"),
        ({"method": "peft"}, "'peft.peft_type' is missing"),
        ({"method": "peft", "peft": {"peft_type": "LOHO"}}, "none of PEFT's"),
        ({"method": "peft", "peft": {"peft_type": "LOHA", "rank": 2}}, "has no 'peft.rank'"),
        (
            {"method": "peft", "peft": {"peft_type": "LOHA", "alhpa": 2}},
            "did you mean 'peft.alpha'",
        ),
        ({"method": "peft", "peft": {"peft_type": "P_TUNING"}}, "before the text"),
        ({"method": "peft", "peft": {"peft_type": "ADALORA", "total_step": 9}}, "between the st"),
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


def test_a_kind_that_knows_no_conv1d_is_refused_for_a_captioner(tmp_path: Path) -> None:
    made = FAMILIES["captioner"](tmp_path / "captioner")
    settings = {"method": "peft", "peft": {"peft_type": "LOHA"}}
    with pytest.raises(UsageError, match="Conv1D"):
        plan(TrainConfig(train=("-",), model=str(made), **settings))
    plan(TrainConfig(train=("-",), model=str(made), parts=("vision",), **settings))


@pytest.mark.parametrize("method", ["full", "bitfit", "ia3"])
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
