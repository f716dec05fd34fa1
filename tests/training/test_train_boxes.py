"""Trainings on boxes: targets in the model's own convention, evaluated by overlap as they go."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from commands.main import cli
from sessions.runs import Run
from tests.training.test_train import config, history
from tests.workbench.models.make_families import FAMILIES
from training.collate import Collator
from training.deciding import figures_there
from training.train import train
from training.train_config import TrainConfig
from training.train_data import open_training
from training.train_eval import look_at_dev
from workbench.data.adding import add_dataset
from workbench.data.source import open_source
from workbench.errors import ModelError, UsageError
from workbench.models.skeleton import load_skeleton
from workbench.models.spec import ModelSpec

BOXES = {
    "train": ("demo_boxes/train[:8]",),
    "eval": "demo_boxes/dev[:4]",
    "eval_samples": 4,
    "eval_new_tokens": 4,
    "batch_size": 4,
    "max_steps": 2,
    "save_every": 0,
}


def table(folder: Path) -> Path:
    """A table of one's own: a phrase and four columns of a box; pictures of two sizes."""
    for name, size in (("wide", (90, 40)), ("high", (40, 90))):
        image = Image.new("RGB", size, (240, 240, 240))
        image.paste((200, 30, 60), (10, 5, 30, 25))
        image.save(folder / f"{name}.png")
    rows = [("wide.png", "the red square", 10, 5, 30, 25), ("high.png", "it", 10, 5, 30, 25)]
    rows += [("wide.png", "outside", 100, 50, 120, 60)]
    path = folder / "mine.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("image", "expression", "x1", "y1", "x2", "y2"), *rows])
    return path


@pytest.mark.slow
@pytest.mark.parametrize("family", ["paligemma", "qwen2_vl", "qwen2_5_vl"])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_table_of_ones_own_trains_is_saved_and_evaluated_by_overlap(
    family: str, method: str, tmp_path: Path
) -> None:
    folder = FAMILIES[family](tmp_path / family)
    add_dataset("mine", table(tmp_path))
    more = {"method": method} | ({"lora": {"r": 2, "alpha": 4.0}} if method == "lora" else {})
    own = {"train": ("mine/mine",), "eval": "mine/mine", "model": str(folder), "batch_size": 3}
    run = train(config(**BOXES | own | more))
    assert run.state == "done"
    left = json.loads((run.path / "left_out.json").read_text())["of"]["train"]
    (why,) = left.values()
    assert "lies outside of the image of 90 x 40 pixels" in why
    (told,) = [line for line in history(run) if "eval_loss" in line][-1:]
    assert told["eval_accuracy"] == 0 and told["step"] == 2
    lines = [json.loads(x) for x in next((run.path / "eval").glob("*.jsonl")).open()]
    assert all(line["grounding"]["gold"] for line in lines)
    adapted = ["--adapter", run.id] if method == "lora" else []
    base = str(folder) if method == "lora" else str(run.path / "model")
    asked = ["run-eval", "--dataset", "mine/mine", "--model", base, *adapted, "--device", "cpu"]
    done = CliRunner().invoke(cli, [*asked, "--max-new-tokens", "4", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["metrics"]["accuracy"]["value"] == 0


def test_what_is_learned_of_a_table_is_in_the_models_own_form(tmp_path: Path) -> None:
    add_dataset("mine", table(tmp_path))
    source = open_source("mine/mine")
    assert (source.task, source.at(0).metadata["objects"]) == (
        "grounding",
        [[{"name": "object", "box": [10, 5, 30, 25]}]],
    )
    wanted = {
        "paligemma": "<loc0128><loc0114><loc0640><loc0341> the red square",
        "qwen2_vl": "the red square(111,125),(333,625)",
        "idefics3": "[0.111, 0.125, 0.333, 0.625]",
    }
    for family, said in wanted.items():
        folder = FAMILIES[family](tmp_path / family)
        data = open_training(config(**BOXES | {"train": ("mine/mine",), "model": str(folder)}))
        assert data.conversation(0, 0)[1] == said


@pytest.mark.parametrize(
    ("family", "more", "why"),
    [
        ("captioner", {}, "is a captioner"),
        ("qwen2_vl", {"templates": ["grounding/fractions"]}, "read as thousandths"),
    ],
)
def test_a_model_or_a_wording_for_which_no_box_can_be_written_is_refused(
    family: str, more: dict, why: str, tmp_path: Path
) -> None:
    folder = FAMILIES[family](tmp_path / family)
    with pytest.raises(UsageError, match=why):
        train(config(**BOXES | {"model": str(folder)} | more))


def test_a_training_on_boxes_can_be_decided_by_their_overlap() -> None:
    made = TrainConfig(**BOXES | {"train": BOXES["train"], "device": "cpu"})
    looked = look_at_dev(made)
    assert looked is not None
    found = figures_there(made, looked)
    assert {"accuracy", "accuracy_iou75", "iou", "box_f1", "pointing", "loss"} <= set(found)
    run = train(config(**BOXES, best_by="iou", keep="best"))
    assert Run.open(run.id).state == "done"


def test_a_processor_that_resizes_otherwise_than_its_config_says_ends_the_training(
    tmp_path: Path,
) -> None:
    folder = FAMILIES["qwen2_5_vl"](tmp_path / "qwen")
    data = open_training(config(**BOXES | {"model": str(folder)}))
    loaded = load_skeleton(ModelSpec(str(folder), device="cpu"))
    assert Collator(loaded, data)([(0, 0)])["labels"].numel()
    other = loaded.processor.image_processor
    other.size = {"shortest_edge": 128 * 128, "longest_edge": 256 * 256}
    with pytest.raises(ModelError, match="resizes in another way"):
        Collator(loaded, data)([(0, 0)])
