"""Would it start? What is here is told from what cannot be and from what only a hub can tell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sessions.paths import runs_dir
from workbench.demo.paths import MODEL_DIR
from workbench.models.offers import adapter_offers, typed_adapter
from workbench.models.spec import ModelSpec
from workbench.models.standing import adapter_standing, model_standing


def adapter(folder: Path, base: str) -> str:
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "base_model_name_or_path": base}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").touch()
    return str(folder)


def other_model(folder: Path, kind: str) -> str:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    (folder / "model.safetensors").touch()
    return str(folder)


@pytest.mark.parametrize(
    ("name", "state", "word"),
    [
        ("demo", "here", "qwen2_vl"),
        ("/nowhere/model", "cannot", "no model '/nowhere/model'"),
        ("no such", "cannot", "no model 'no such'"),
        ("openai:http://lab:8000/v1#q", "not checked", "was not asked"),
        ("openai:nonsense", "cannot", "no http or https URL"),
    ],
)
def test_a_model_is_here_or_cannot_be_or_was_not_checked(name: str, state: str, word: str):
    found = model_standing(name)
    assert (found.state, word in found.said) == (state, True)


def test_a_hub_id_is_never_called_ready_before_the_hub_was_asked(monkeypatch):
    found = model_standing("own/demmo")
    assert found.state == "cannot" and "offline" in found.said
    monkeypatch.delenv("HF_HUB_OFFLINE")
    found = model_standing("own/demmo")
    assert found.state == "not checked" and "would be fetched" in found.said
    found = model_standing("demmo")  # no hub's name: it has no owner
    assert found.state == "cannot" and "OWNER/NAME" in found.said and "demo?" in found.hint


def test_a_model_in_the_hubs_cache_is_here_if_its_snapshot_is_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repo = tmp_path / "models--own--small"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("abc")
    shutil.copytree(MODEL_DIR, repo / "snapshots" / "abc")
    assert model_standing("own/small").state == "here"
    assert model_standing("own/small", "v2").state == "cannot"
    (repo / "snapshots" / "abc" / "model.safetensors").unlink()
    assert model_standing("own/small").state == "cannot"


def test_an_adapter_fits_the_model_that_it_was_trained_over(tmp_path: Path):
    mine = adapter(tmp_path / "lora", str(MODEL_DIR))
    assert adapter_standing(mine, "demo").state == "here"
    llava = other_model(tmp_path / "llava", "llava")
    found = adapter_standing(mine, llava)
    assert found.state == "cannot" and "(qwen2_vl), and llava is llava" in found.said
    twin = other_model(tmp_path / "twin", "qwen2_vl")
    assert adapter_standing(mine, twin).state == "not checked"
    assert adapter_standing(str(tmp_path), "demo").state == "cannot"
    assert adapter_standing("nix", "demo").about == "--adapter"


def test_an_adapter_is_offered_by_its_run_with_its_checkpoints_below(tmp_path: Path):
    run = "01kq3z5h8e0000000000abcdef"
    for name in ("checkpoint-5", "checkpoint-9", "adapter"):
        adapter(runs_dir() / run / name, "demo")
    adapter(runs_dir() / "other" / "adapter", other_model(tmp_path / "llava", "llava"))
    found = {Path(o.spec.adapter or "").parent.name: o for o in adapter_offers("demo")}
    steps = [Path(o.spec.adapter or "").name for o in found[run].under]
    assert steps == ["checkpoint-9", "checkpoint-5"]
    assert not found[run].problem and "llava" in found["other"].problem
    assert typed_adapter(found[run].spec) == run
    assert typed_adapter(found[run].under[0].spec).endswith(f"{run}/checkpoint-9")
    assert typed_adapter(ModelSpec(adapter="/data/lora")) == "/data/lora"
