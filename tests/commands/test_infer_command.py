"""`wb infer`: a folder in, a file of captions out, failures on stderr."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from sessions.runs import Run
from workbench.evaluation.inference_config import user_folder

FAST = ("--max-new-tokens", "2", "--device", "cpu", "--threads", "1")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    Image.new("RGB", (32, 32), "red").save(root / "a.png")
    (root / "broken.png").write_bytes(b"no picture")
    return root


def test_a_folder_becomes_a_map_of_captions(photos: Path, tmp_path: Path, run_wb):
    out = tmp_path / "captions.json"
    done = run_wb("infer", str(photos), "--out", str(out), *FAST)
    assert done.code == 0 and done.out == ""
    assert list(json.loads(out.read_text())) == ["a.png"]
    assert "failed: broken.png" in done.err and "1 caption, 1 failed" in done.err
    again = run_wb(
        "infer", str(photos), "--out", str(out), *FAST, "--format", "list", "--json"
    ).json
    assert (again["images"], again["captioned"], again["format"]) == (2, 1, "list")
    assert [entry["image"] for entry in again["failed"]] == ["broken.png"]
    assert len(json.loads(out.read_text())) == 2


@pytest.mark.parametrize(
    ("what", "out", "words"),
    [
        ("{photos}", "{tmp}/gone/x.json", "no such folder"),
        ("{photos}/a.png", "{tmp}/x.json", "wb prompt"),
        ("nowhere", "{tmp}/x.json", "nowhere"),
        ("{photos}", "{tmp}/x.xyz", "end it with .json, .jsonl, .csv"),
    ],
)
def test_what_cannot_be_is_refused_before_a_model_is_loaded(
    photos: Path, tmp_path: Path, run_wb, what: str, out: str, words: str
):
    names = {"photos": str(photos), "tmp": str(tmp_path)}
    done = run_wb("infer", what.format(**names), "--out", out.format(**names), "--model", "/gone")
    assert done.code == 2 and words in done.err


def test_a_folder_with_a_datasets_name_is_told_apart(tmp_path: Path, run_wb, monkeypatch):
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    done = run_wb("infer", "demo", "--out", "x.json")
    assert done.code == 2 and "./demo" in done.err


def ask_as(text: str) -> None:
    """An inference config of one's own, called `mine`."""
    user_folder().mkdir(parents=True, exist_ok=True)
    (user_folder() / "mine.toml").write_text(text)


MINE = """
temperature = 0.9
top_k = 7
seed = 5
max_new_tokens = 2
template = "caption/one-sentence"
columns = "file=image, said=caption"
"""


def test_a_config_by_name_is_taken_told_and_kept_and_flags_go_before_it(
    photos: Path, tmp_path: Path, run_wb, monkeypatch
):
    ask_as(MINE)
    monkeypatch.setenv("WB_TEMPERATURE", "0.3")
    out = tmp_path / "said.csv"
    asked = ("infer", str(photos), "--config", "mine", "--out", str(out), "--top-k", "9")
    done = run_wb(*asked, "--device", "cpu", "--threads", "1", "--json")
    said = "taken from mine: temperature 0.9, seed 5, max_new_tokens 2, template caption/one-sent"
    assert said in done.err and "top_k" not in done.err
    config = Run.open(done.json["run"]).config
    decoding = config["decoding"]
    assert [decoding[name] for name in ("temperature", "top_k", "seed")] == [0.9, 9, 5]
    assert (config["template"], config["inference_config"]) == ("caption/one-sentence", "mine")
    rows = list(csv.DictReader(out.open(newline="")))
    assert [row["file"] for row in rows] == ["a.png", "broken.png"]
    assert rows[0]["said"] and not rows[1]["said"]
    again = run_wb(*asked, "--device", "cpu", "--columns", "image", "--json")
    assert again.json["run"] == done.json["run"]  # how the file looks changes no answer
    assert out.read_text().splitlines() == ["image", "a.png", "broken.png"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--out", "x.csv", "--columns", "hypothesis"), "no sample has 'hypothesis'"),
        (("--out", "x.json", "--columns", "image"), "--format csv"),
        (("--out", "x.csv", "--config", "nowhere"), "no inference config is called 'nowhere'"),
    ],
)
def test_columns_and_configs_that_there_are_not_are_refused_before_a_model_is_loaded(
    photos: Path, run_wb, options: tuple[str, ...], words: str
):
    done = run_wb("infer", str(photos), *options, "--model", "/gone")
    assert done.code == 2 and words in done.err
