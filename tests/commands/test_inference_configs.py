"""Every inference config that comes with wb: its data in their layout, a small twin of its model.

A config falls in by itself: its model's name is looked up in `tests.hub_twins`, its data's name in
`DATA` here. What fits neither says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from commands.inference_option import _words
from sessions.runs import Run
from tests.hub_twins import fetched
from tests.workbench.data.tables import write_lines, write_pictures
from tests.workbench.models.make_families import FAMILIES
from workbench.data.adding import add
from workbench.evaluation.inference_config import SHIPPED, load_inference_config

NAMES = sorted(path.stem for path in SHIPPED.glob("*.toml"))
SMALL = ("--limit", "2", "--max-new-tokens", "2", "--batch-size", "2", "--dtype", "fp32")
SMALL += ("--device", "cpu", "--threads", "1")
POOL = "memes_llava_pool"


def nlvr2(root: Path) -> None:
    rows = [
        {"identifier": f"dev-1-{pair}-0", "sentence": f"Pair {pair} is red.", "label": label}
        for pair, label in enumerate(("True", "False"))
    ]
    (root / "dev.json").write_text("\n".join(map(json.dumps, rows)))
    write_pictures(root / "dev", [f"dev-1-{pair}-img{i}.png" for pair in (0, 1) for i in (0, 1)])
    add("nlvr2", root)


def esnlive(root: Path) -> None:
    labels = ("entailment", "neutral", "contradiction")
    for split in ("train", "test"):
        rows = [f"{i},{split}.jpg#0r{i}e,{split}.jpg,It is {i}.,{w},So {i}." for i, w in
                enumerate(labels)]  # fmt: skip
        head = ",pairID,Flickr30kID,hypothesis,gold_label,explanation"
        (root / f"esnlive_{split}.csv").write_text("\n".join([head, *rows]) + "\n")
    write_pictures(root / "flickr30k_images", ["train.jpg", "test.jpg"])
    add("esnlive", root)


def hateful_memes(root: Path) -> None:
    for split, first in (("train", 1), ("dev_seen", 5)):
        memes = [
            {"id": n, "img": f"img/{n:05}.png", "text": f"look at {n}", "label": n % 2}
            for n in range(first, first + 4)
        ]
        write_lines(root / f"{split}.jsonl", memes)
    write_pictures(root, [f"img/{n:05}.png" for n in range(1, 9)])
    add("hateful_memes", root)


def cifar10(root: Path) -> None:
    write_pictures(root, [f"{part}/{word}/1.png" for part in ("train", "test")
                          for word in ("airplane", "automobile", "bird", "cat", "deer", "dog",
                                       "frog", "horse", "ship", "truck")])  # fmt: skip
    add("cifar10", root)


def captions(root: Path) -> None:
    images = [
        {"filename": f"{n}.jpg", "split": "test", "imgid": n, "sentids": [n]}
        | {"sentences": [{"raw": f"A red {n}.", "tokens": [], "imgid": n, "sentid": n}]}
        for n in (1, 2)
    ]
    (root / "dataset_flickr30k.json").write_text(json.dumps({"images": images}))
    write_pictures(root, ["flickr30k_images/1.jpg", "flickr30k_images/2.jpg"])
    add("captions", root)


def esnlive_exp(root: Path) -> None:
    rows = [f"a.png,Shape {i} is red.,It is red as said {i}." for i in range(2)]
    (root / "test.csv").write_text("\n".join(["image_path,hypothesis,exp", *rows]) + "\n")
    write_pictures(root, ["a.png"])
    add("esnlive_exp", root / "test.csv")


DATA: dict[str, Callable[[Path], None]] = {
    made.__name__: made for made in (nlvr2, esnlive, hateful_memes, cifar10, captions, esnlive_exp)
}


def data_of(name: str, root: Path) -> None:
    """A small twin of a config's data, in the layout that they are published in."""
    dataset = str(load_inference_config(name).values["dataset"])
    assert dataset in DATA, f"say in DATA what {dataset} looks like"
    root.mkdir(parents=True)
    DATA[dataset](root)


def pool(model: str) -> Run:
    """A run of `memes_llava_pool` that has a hateful meme and another one right."""
    head = {"dataset": "hateful_memes", "split": "train", "task": "classification"}
    with Run.create(head | {"model": model, "adapter": None, "inference_config": POOL}, "k") as run:
        for n, right in ((1, True), (2, True), (3, False), (4, False)):
            label = "hateful" if n % 2 else "not hateful"
            line = {"uid": f"hateful_memes/train/{n}", "target": label, "correct": right}
            run.append(line | {"label": label if right else None})
        run.set_state("done")
    return run


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hub's cache after the small models were fetched under the names of the configs."""

    def folder_of(family: str) -> Path:
        folder = FAMILIES[family](tmp_path_factory.mktemp("twins") / family)
        config = json.loads((folder / "config.json").read_text())
        if family == "llava_next":  # four pictures in tiles, and words by letters
            config["text_config"]["max_position_embeddings"] = 2048
            (folder / "config.json").write_text(json.dumps(config))
        return folder

    models = (str(load_inference_config(name).values["model"]) for name in NAMES)
    return fetched(models, folder_of, tmp_path_factory.mktemp("hub"))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_its_small_twin_is_asked_about_its_data_and_every_setting_is_recorded(
    name: str, cache: Path, tmp_path: Path, run_wb, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    data_of(name, tmp_path / "data")
    config = load_inference_config(name)
    values = config.values
    drawn_from = pool(str(values["model"])) if "shots_right_in" in values else None
    done = run_wb("run-eval", "--config", name, *SMALL, "--json")
    assert done.code == 0, done.err
    assert f"taken from {name}: dataset {values['dataset']}, split {values['split']}" in done.err
    found = done.json
    assert found["counts"]["done"] == 2 and found["counts"]["failed"] == 0
    run = Run.open(found["run"])
    assert run.config["inference_config"] == name
    flags = {"limit", "max_new_tokens", "batch_size", "dtype", "columns"}  # typed, or infer's own
    resolved = {"shots", "shots_from", "shots_right_in"}
    for key in set(values) - flags - resolved:
        said = run.config["decoding"] if key in run.config["decoding"] else run.config
        assert said[key] == values[key], key
    shots = run.config["shot_uids"]
    assert len(shots) == {"esnlive_llava_3shot": 3, "memes_llava_2shot": 2}.get(name, 0)
    if drawn_from:  # one of each label, of those answered right
        assert sorted(shots) == ["hateful_memes/train/1", "hateful_memes/train/2"]
        assert run.config["drawn"]["right_in"] == drawn_from.id
    if "bertscore" in str(values.get("metrics")) and values["dataset"] == "captions":
        figure = found["metrics"]["bertscore_f1"]
        assert figure["value"] is None and "roberta-large" in figure["reason"]


def test_the_list_says_of_each_what_it_is(run_wb):
    listed = {entry["name"]: entry for entry in run_wb("run-eval", "--list", "--json").json}
    assert set(NAMES) <= set(listed)
    assert all(entry["description"] and entry["dataset"] for entry in listed.values())
    assert all(entry["needs"].startswith("wb data add ") for entry in listed.values())
    shown = run_wb("run-eval", "--list").out
    assert "nlvr2_qwen2vl" in shown and "nlvr2/dev" in shown and "zero-shot" in shown


def test_data_that_are_not_there_are_told_with_the_command_that_adds_them(run_wb):
    done = run_wb("run-eval", "--config", "nlvr2_qwen2vl", "--dry-run")
    assert done.code == 2 and "no dataset 'nlvr2'" in done.err
    assert "nlvr2_qwen2vl wants it added: wb data add nlvr2 ~/data/nlvr2" in done.err
    other = run_wb("run-eval", "--config", "nlvr2_qwen2vl", "--dataset", "gone/x", "--dry-run")
    assert "wants it added" not in other.err


def test_a_dry_run_shows_the_first_prompt_with_its_examples_and_loads_nothing(
    tmp_path: Path, run_wb
):
    data_of("esnlive_llava_3shot", tmp_path / "data")
    found = run_wb("run-eval", "--config", "esnlive_llava_3shot", "--dry-run", "--json").json
    assert (found["dataset"], found["split"], found["samples"]) == ("esnlive", "test", 3)
    assert found["model"]["quantization"] == "4bit" and "bertscore" in found["metrics"]
    assert len(found["shot_uids"]) == 3
    assert [turn["role"] for turn in found["prompt"]["turns"]] == ["user", "assistant"] * 3 + [
        "user"
    ]
    assert all(f"--shot {uid}" in found["command"].replace("'", "") for uid in found["shot_uids"])
    assert "--batch-size 2" in found["command"]  # as the config says
    plain = run_wb("run-eval", "--config", "esnlive_llava_3shot", "--dry-run", "--shots", "0")
    assert "examples  none" in plain.out and "Hypothesis: It is 0." in plain.out
    assert "shots" not in plain.err


def test_what_belongs_to_a_typed_flag_is_not_taken_from_the_config(tmp_path: Path, run_wb):
    (tmp_path / "mine.toml").write_text(
        'dataset = "nowhere/dev"\nmodel = "gone"\nadapter = "gone"\nshots = 2\n'
        'shots_from = "nowhere/train"\ntemplate = "statement/yes-no"\n'
    )
    asked = ("run-eval", "--config", str(tmp_path / "mine.toml"), "--dry-run", "--json")
    done = run_wb(*asked, "--dataset", "demo/test", "--model", "demo", "--shot", "demo/train/3")
    assert done.code == 0, done.err
    assert (done.json["split"], done.json["model"].get("adapter")) == ("test", None)
    assert done.json["shot_uids"] == ["demo/train/000003"]
    assert done.err.strip().endswith("mine.toml: template statement/yes-no")
    split = run_wb(*asked, "--split", "x")
    assert split.code == 2 and "nowhere" in split.err


def test_examples_of_a_config_that_has_no_run_yet_say_which_command_makes_one(
    tmp_path: Path, run_wb
):
    data_of("memes_llava_2shot", tmp_path / "data")
    pool("another/model")
    done = run_wb("run-eval", "--config", "memes_llava_2shot", "--dry-run")
    assert done.code == 2
    assert "make one: wb run-eval --config memes_llava_pool --model llava-hf/" in done.err


def test_a_number_of_examples_is_told_with_what_it_counts():
    values = {"shots": 1, "limit": 3}
    assert _words("shots", values) == "shots 1 per label (in all for open answers)"
    assert _words("limit", values) == "limit 3"
