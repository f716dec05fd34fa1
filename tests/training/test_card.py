"""An adapter's model card: true, without paths of the machine, and its three lines work."""

from __future__ import annotations

import re

import torch

from tests.training.test_train import config
from training.card import Card, public_name
from training.train import train
from workbench.demo.paths import MODEL_DIR


def test_the_card_of_a_trained_adapter_says_what_it_is_and_loads_in_plain_peft(tmp_path):
    run = train(config(name="Red circles"))
    folder = run.path / "adapter"
    card = (folder / "README.md").read_text("utf-8")
    assert str(tmp_path) not in card
    assert str(MODEL_DIR) not in card
    assert "# Red circles" in card
    assert "LoRA of rank 16" in card
    assert "`demo_vqa/train[:24]` | `demo-1`" in card
    assert "`demo_vqa/dev` | `demo-1`" in card
    assert "chosen on" in card
    found = run.metrics()
    accuracy = found["metrics"]["accuracy"]["value"]
    assert f"| accuracy | {accuracy:.4f} |" in card
    assert f"{found['best']['step']} steps of 8" in card
    code = re.search(r"```python\n(.*?)```", card, re.S)
    assert code is not None
    assert len(code[1].strip().splitlines()) == 3
    names: dict = {}
    exec(code[1].replace('"DEMO"', repr(str(MODEL_DIR))).replace("THIS_FOLDER", str(folder)), names)
    assert any("lora_" in name for name, _ in names["model"].named_parameters())
    assert all(bool(torch.isfinite(p).all()) for p in names["model"].parameters())


def test_a_checkpoint_has_no_card_that_names_a_path():
    run = train(config(eval="", max_steps=1))
    assert list((run.path / "checkpoints").glob("*/adapter_model.safetensors"))
    assert not list((run.path / "checkpoints").glob("*/README.md"))


def test_a_model_in_a_folder_is_called_by_the_folders_name():
    assert public_name("/home/someone/models/Qwen2-VL-2B/") == "Qwen2-VL-2B"
    assert public_name("~/models/q") == "q"
    assert public_name("./q") == "q"
    assert public_name("C:\\models\\q") == "q"
    assert public_name("Qwen/Qwen2-VL-2B-Instruct") == "Qwen/Qwen2-VL-2B-Instruct"


def test_a_hub_model_is_the_cards_base_and_nothing_evaluated_is_no_figure():
    settings = config(eval="").changed(model="Qwen/Qwen2-VL-2B-Instruct", revision="abc")
    card = Card(settings, "transformers.Qwen2VLForConditionalGeneration", 24).text(3, {})
    assert "base_model: Qwen/Qwen2-VL-2B-Instruct" in card
    assert "at revision `abc`" in card
    assert "None: it was not evaluated" in card
    assert "not known" in card
