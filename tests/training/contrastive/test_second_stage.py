"""Stage two starts from stage one's run by name, and is a model like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from commands.main import cli
from sessions.runs import Run
from tests.training.contrastive.tiny_pairs import captioned
from tests.workbench.models.make_two_stage import phi
from training.composing import composed
from training.config_groups import LoraSettings
from training.train import train
from training.train_config import TrainConfig, load_config
from workbench.errors import UnknownName, UsageError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.runner import evaluate
from workbench.explain.explain import explain
from workbench.inference.decoding import Decoding
from workbench.inference.generate import generate
from workbench.models.base import load_model
from workbench.models.catalog import describe, list_models
from workbench.models.spec import ModelSpec
from workbench.models.two_stage.aligned_model import load_aligned
from workbench.prompts.pool import get_template

HERE = Path(__file__).parent


def second(encoder: str, words: Path, source: str, **more) -> TrainConfig:
    values = {
        "encoder": encoder,
        "model": str(words),
        "quantization": "4bit",
        "train": (source,),
        "lora": LoraSettings(r=4, rslora=True, modules_to_save=("image_projector",)),
        "templates": ("classification/labels",),
        "batch_size": 4,
        "max_steps": 4,
        "learning_rate": 1e-2,
        "scheduler": "cosine",
        "keep": "last",
        "log_every": 1,
        "threads": 1,
        "device": "cpu",
    }
    return TrainConfig(**values | more)


def wb(*words: str) -> str:
    """What a command prints; it must succeed."""
    done = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def trained(config: str, *changes: str) -> Run:
    words = [word for change in changes for word in ("--set", change)]
    return Run.open(json.loads(wb("train", str(HERE / config), *words, "--json"))["run"])


def test_a_qlora_over_an_encoder_by_name_is_asked_evaluated_and_explained(tmp_path: Path) -> None:
    """The published configs, small, by the commands that a user types."""
    torch.set_num_threads(1)
    words, name = phi(tmp_path / "phi"), captioned(tmp_path / "pictures")
    first = trained("cifar10_siglip_tiny.yaml", f"text_encoder={words}")
    assert "recall" not in first.metrics()["metrics"]
    assert "train" in wb("runs", "show", first.id) and first.state == "done"
    assert json.loads(wb("runs", "list", "--json"))[0]["model"] == "resnet18"
    run = trained("cifar10_phi2_qlora_tiny.yaml", f"model={words}")
    model = run.config["model"]
    assert model.startswith("cifar10-siglip-phi-") and str(tmp_path) not in model
    assert run.config["config"]["encoder"] == ""
    assert run.metrics()["steps_done"] == 4
    # Made for a GPU, and what stands in for that on a CPU is told.
    published = load_config("cifar10_phi2_qlora")
    assert (published.optimizer, published.attention) == ("paged_adamw_8bit", "flash_attention_2")
    assert published.activation_checkpointing and published.scheduler == "cosine"
    facts = run.metrics()
    assert (facts["optimizer"], facts["attention"]) == ("adamw_8bit", "sdpa")
    assert [line.split(":")[0] for line in facts["warnings"]][:2] == [
        "no GPU",
        "attention sdpa in the place of flash_attention_2",
    ]

    spec = ModelSpec(model, adapter=run.id, quantization="4bit", device="cpu")
    loaded = load_model(spec)
    aligned, _ = load_aligned(first.path / "encoder")
    mine = loaded.base.image_encoder.state_dict()
    for key, value in aligned.image_encoder.state_dict().items():
        torch.testing.assert_close(mine[key], value)
    sample_of = get_template("classification/labels").render
    from workbench.data.source import open_source

    asked = sample_of(open_source(name).at(0))
    (answer,) = generate(loaded, [asked], Decoding(max_new_tokens=4))
    assert answer.new_tokens
    for layer in ("patch.stage1", "patch.stage4", "merged.projector"):
        heat = explain(loaded, asked, "cat", layer=layer).images[0].grid
        assert heat.ndim == 2
    config = EvalConfig(
        dataset=f"{name}[:6]", spec=spec, decoding=Decoding(max_new_tokens=4), threads=1
    )
    assert evaluate(config).metrics()["metrics"]["accuracy"]["n"] == 6

    assert model in [info.name for info in list_models()]
    assert describe(model).where == "made here"
    # The same parts are composed once; another projector is another model.
    again = composed(second(first.id, words, name))
    assert again.model == model
    other = composed(second("cifar10-siglip", words, name, image_tokens="pooled", pooled_tokens=2))
    assert other.model != model


def test_an_encoder_that_is_not_there_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    words = phi(tmp_path / "phi")
    with pytest.raises(UnknownName, match="no-such-run"):
        train(second("no-such-run", words, "demo_vqa/train[:4]"))
    with pytest.raises(UsageError, match="'adapter' is of a model that is there already"):
        second("any", words, "demo/train", adapter="other")
