"""`wb similar` and `wb data duplicates`: what they print, and how they end."""

from __future__ import annotations

import pytest

from tests.commands.engine_home import engine_home, home  # noqa: F401  (fixtures)
from tests.workbench.similar.planted import plant


@pytest.fixture
def uids(tmp_path) -> dict[str, str]:
    return plant(tmp_path / "pictures")


def test_the_nearest_are_listed_with_what_they_share(run_wb, uids):
    done = run_wb("similar", uids["jpeg"], "--by", "pixels", "--top", "2")
    assert done.code == 0, done.err
    head, first, second = done.out.splitlines()
    assert head.split() == ["SIMILARITY", "UID", "LABEL", "SHARES", "TEXT"]
    assert "mine/train/t5" in first and "leak: near picture" in first
    assert "leak" not in second
    assert "compared: train: all 12; test: all 7" in done.err
    assert "1 duplicate in another split" in done.err
    assert "1 sample could not be compared" in done.err


def test_the_same_as_json(run_wb, uids):
    body = run_wb("similar", uids["text"], "--by", "text", "--splits", "train[:9]", "--json").json
    assert body["neighbours"][0]["uid"] == "mine/train/t7"
    assert body["neighbours"][0]["same_text"] == "same" and body["neighbours"][0]["leak"]
    assert body["scanned"] == [
        {"split": "train[:9]", "read": 9, "length": 9, "unread_pictures": 0, "whole": True}
    ]


def test_a_sample_without_a_picture_that_can_be_read_says_so(run_wb, uids):
    done = run_wb("similar", uids["broken"], "--by", "pixels")
    assert (done.code, done.out) == (0, "")
    assert "nothing to list: the pictures of this sample cannot be read" in done.err


def test_a_wrong_name_and_a_server_s_model_are_told(run_wb, uids):
    assert run_wb("similar", "mine/test/none").code == 2
    assert run_wb("similar", uids["text"], "--splits", "dev").code == 2
    server = run_wb("similar", uids["text"], "--model", "openai:http://127.0.0.1:9#x")
    assert server.code == 1 and "image features" in server.err


def test_duplicates_are_counted_and_named_across_splits_first(run_wb, uids):
    done = run_wb("data", "duplicates", "mine", "--top", "3")
    assert done.code == 0, done.err
    counts, pairs = done.out.split("\n\n")
    assert "test   train        5 of 7" in counts
    assert "leak: same file" in pairs and "mine/train/t3" in pairs
    assert "and 2 more" in done.err and "1 picture cannot be read" in done.err
    body = run_wb("data", "duplicates", "mine", "--json").json
    assert len(body["pairs"]) == 5 and all(pair["leak"] for pair in body["pairs"])
    only = run_wb("data", "duplicates", "mine", "--by", "texts", "--json").json
    assert [(pair["kind"], pair["same"]) for pair in only["pairs"]] == [("same text", "text")]


def test_a_line_says_what_is_the_same_and_a_split_is_an_option(run_wb, uids):
    lines = run_wb("data", "duplicates", "mine").out.splitlines()
    assert [" ".join(line.split()[:5]) for line in lines if line.startswith("leak: same")] == [
        "leak: same file image alone",
        "leak: same pixels image alone",
        "leak: same text text alone",
    ]
    done = run_wb("data", "duplicates", "mine/test")
    assert done.code == 2 and "mine --splits test" in done.err
    demo = run_wb("data", "duplicates", "demo", "--limit", "60", "--by", "texts")
    assert "were left out: each stands beside 3 or more different pictures" in demo.err


def test_no_duplicates_is_said_and_a_model_wants_its_threshold(run_wb, uids):
    done = run_wb("data", "duplicates", "mine", "--splits", "train")
    assert (done.code, done.out) == (0, "") and "no duplicates" in done.err
    assert run_wb("data", "duplicates", "mine", "--model", "demo").code == 2


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_the_engine_s_features_find_the_planted_picture(run_wb, tmp_path):
    uids = plant(tmp_path / "seen")
    asked = ("similar", uids["jpeg"], "--by", "image", "--model", "demo", "--json")
    body = run_wb(*asked).json
    assert body["neighbours"][0]["uid"] == "mine/train/t5"
    assert body["neighbours"][0]["similarity"] > 0.99 and body["model"]
    assert run_wb(*asked).json["neighbours"] == body["neighbours"]


def test_the_model_of_the_settings_is_the_one_that_looks(run_wb, uids, monkeypatch):
    monkeypatch.setenv("WB_MODEL", "openai:http://127.0.0.1:9#x")
    done = run_wb("similar", uids["text"])
    assert done.code == 1 and "image features" in done.err
