"""`wb infer`: a folder in, a file of captions out, failures on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

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
