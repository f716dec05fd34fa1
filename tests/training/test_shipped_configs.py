"""Every config that comes with wb: it parses, its plan is shown, its small twin trains and serves.

A config falls in by itself: its model's name is looked up in `TWINS`, its data's task is told by
its templates. What fits neither says so.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from huggingface_hub import constants
from PIL import Image

from commands.main import cli
from sessions.runs import Run
from tests.hub_twins import fetched, twin_of
from tests.workbench.models.make_families import FAMILIES
from training.config_file import shipped
from training.tasks import load_config as load_any
from training.train_config import load_config

# Those whose small twin is made of two runs, which other tests take.
ELSEWHERE = {"cifar10_siglip", "cifar10_phi2_qlora"}  # tests/training/contrastive
NAMES = [config.name for config in shipped() if config.name not in ELSEWHERE]
DEMO = {
    "statement": "demo",
    "question": "demo_vqa",
    "entailment": "demo_nli",
    "caption": "demo_captions",
    "grounding": "demo_boxes",
}
SMALL = {
    "device": "cpu",
    "threads": 1,
    "max_steps": 2,
    "epochs": 1,
    "batch_size": 2,
    "gradient_accumulation": 1,
    "eval_samples": 2,
    "eval_batch_size": 2,
    "eval_new_tokens": 2,
    "save_every": 0,
    "dtype": "fp32",
    "optimizer_fallback": True,
    "report": "",
    "overlap": "warn",
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The small model of a family, made once."""
    made: dict[str, Path] = {}

    def find(family: str) -> Path:
        if family not in made:
            made[family] = FAMILIES[family](tmp_path_factory.mktemp("twins") / family)
        return made[family]

    return find


@pytest.fixture(scope="module")
def cache(folders: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hub's cache after the small models were fetched under the names of the configs."""
    models = (c.model for c in map(load_config, NAMES) if "/" in c.model)
    return fetched(models, folders, tmp_path_factory.mktemp("hub"))


def small_model(model: str, folders: Callable[[str], Path]) -> str:
    """Under which name the small twin of a config's model is loaded: a hub's name is kept."""
    return model if model == "demo" or "/" in model else str(folders(twin_of(model)))


def explained(folder: Path) -> str:
    """A table as the explanations of e-SNLI-VE are published, made a dataset as the config says."""
    for name in ("train", "dev"):
        Image.new("RGB", (40, 40), (200, 30, 60)).save(folder / f"{name}.png")
        rows = [(f"{name}.png", f"Shape {i} is red.", f"It is red as said {i}.") for i in range(8)]
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("image_path", "hypothesis", "exp"), *rows])
    files = [f"{name}={folder / name}.csv" for name in ("train", "dev")]
    result = CliRunner().invoke(cli, ["data", "add", "esnlive_exp", *files])
    assert result.exit_code == 0, result.output
    return "esnlive_exp"


def data_for(config: Any, folder: Path) -> tuple[str, str]:
    """Small data of a config's task: to train on, and to evaluate on."""
    if config.train[0].startswith("esnlive_exp/"):
        name = explained(folder)
    else:
        captioner = "vit-gpt2" in config.model
        task = config.templates[0].partition("/")[0] if config.templates else ""
        of = {name: task for task, name in DEMO.items()}.get(config.train[0].partition("/")[0])
        task = task or of or ("caption" if captioner else "statement")
        assert task in DEMO, f"no small data is known here for the task {task}"
        name = DEMO[task]
    return f"{name}/train[:8]", f"{name}/dev[:4]"


def answered_as_published(dev: str, run: str, folder: Path) -> None:
    """The inference config of that recipe draws and writes the answers as its scripts did."""
    out = folder / "explanations.csv"
    asked = ["infer", dev, "--config", "esnlive_paligemma", "--adapter", run, "--out", str(out)]
    here = ["--device", "cpu", "--dtype", "fp32", "--threads", "1", "--max-new-tokens", "3"]
    done = CliRunner().invoke(cli, [*asked, *here, "--json"])
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(out.open(newline="")))
    assert list(rows[0]) == ["img_path", "hypothesis", "explanation"]
    assert [row["img_path"] for row in rows] == ["dev.png"] * 4
    assert [row["hypothesis"] for row in rows] == [f"Shape {i} is red." for i in range(4)]
    said = Run.open(json.loads(done.stdout)["run"])
    texts = {str(line["text"]).strip() for line in said.predictions()}
    assert {row["explanation"].removeprefix("'") for row in rows} == texts
    drawn = {"temperature": 1.2, "repetition_penalty": 1.5, "top_p": 0.9, "top_k": 50}
    assert drawn.items() <= said.config["decoding"].items()
    assert said.config["decoding"]["max_new_tokens"] == 3  # a flag goes before the config
    assert (said.config["model"], said.config["template"]) == (
        "google/paligemma-3b-pt-224",
        "caption/explain-en",
    )


def sets(values: dict[str, Any]) -> list[str]:
    return [word for k, v in values.items() for word in ("--set", f"{k}={json.dumps(v)}")]


def test_each_has_a_name_and_says_in_its_first_line_what_it_is():
    for config in shipped():
        assert config.about and not config.about.startswith("#"), config.path
        assert load_any(config.name).name, config.path


@pytest.mark.parametrize("name", NAMES)
def test_its_plan_is_shown_and_its_small_twin_trains_is_saved_and_evaluated(
    name: str,
    cache: Path,
    folders: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    config = load_config(name)
    train, dev = data_for(config, tmp_path)
    model = small_model(config.model, folders)
    here = {"train": train, "eval": dev, "report": "", "model": model, "device": "cpu"}

    plan = CliRunner().invoke(
        cli, ["train", name, "--dry-run", "--json", *sets(here | {"optimizer_fallback": True})]
    )
    assert plan.exit_code == 0, plan.output
    facts = json.loads(plan.stdout)
    assert facts["samples"] == 8
    assert 0 < facts["trainable_parameters"] <= facts["parameters"]

    done = CliRunner().invoke(cli, ["train", name, "--json", *sets(SMALL | here)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["state"], found["steps_done"]) == ("done", 2)
    assert Run.open(found["run"]).config["asked"]["config"] == name

    adapter = ["--model", model, "--adapter", found["run"]] if found["adapter"] else []
    base = adapter or ["--model", found["saved"]]
    quantized = ["--quantization", config.quantization]
    again = CliRunner().invoke(
        cli,
        ["run-eval", "--dataset", dev, *base, *quantized, "--device", "cpu", "--json"]
        + ["--threads", "1", "--limit", "2", "--max-new-tokens", "2"],
    )
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["counts"]["done"] == 2
    if name == "esnlive_paligemma_lora":
        answered_as_published(dev, found["run"], tmp_path)
