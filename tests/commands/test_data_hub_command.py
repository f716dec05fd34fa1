"""`wb data cache`, `verify`, `mode` and `--mode`: datasets of a hub as a user types them."""

from __future__ import annotations

import pytest

from tests.workbench.data.hub_data import REPO, files, forget


@pytest.fixture
def pairs(hub, monkeypatch, run_wb):
    """The hub with a repository, added as `pairs`."""
    from workbench.data.hub import http_requests, state

    monkeypatch.setattr(http_requests, "pause", lambda seconds: None)
    forget(hub)
    state.wish_mode(None)
    hub.commit(REPO, files(train=100, weight=20_000))
    assert run_wb("data", "add", "pairs", f"hub:{REPO}").code == 0
    yield hub
    state.wish_mode(None)


def test_adding_says_what_it_took(hub, run_wb):
    forget(hub)
    hub.commit(REPO, files())
    done = run_wb("data", "add", "pairs", f"hub:{REPO}", "--split", "dev", "--id", "identifier")
    assert done.out == "pairs: dev 15 samples\n"
    assert "taken  image: image0, image1" in done.err


def test_caching_verifying_and_info(pairs, run_wb):
    body = run_wb("data", "cache", "pairs", "--split", "dev", "--json").json
    assert body["splits"] == {"dev": {"cached": 15, "rows": 15}}
    assert body["fetched"] == body["size"] > 0
    words = run_wb("data", "cache", "pairs", "--split", "train", "--limit", "10")
    assert "pairs/train: 10 of 100 samples" in words.out
    assert "fetched" in words.out
    assert "nothing had to be fetched" in run_wb("data", "cache", "pairs", "--split", "dev").out
    assert "3 files are as they were fetched" in run_wb("data", "verify", "pairs").out
    info = run_wb("data", "info", "pairs").out
    assert "15 samples, 15 of them cached" in info
    assert "100 samples, 10 of them cached" in info
    assert f"hub:{REPO}" in info


def test_verify_names_what_differs_and_fails(pairs, run_wb):
    folder = run_wb("data", "cache", "pairs", "--json").json["folder"]
    path = f"{folder}/data/dev-00000-of-00001.parquet"
    with open(path, "r+b") as file:  # noqa: PTH123
        file.write(b"\0")
    done = run_wb("data", "verify", "pairs", "--json")
    assert done.code == 1
    assert [p["path"] for p in done.json["problems"]] == [path]
    assert run_wb("data", "cache", "pairs").code == 0
    assert run_wb("data", "verify", "pairs").code == 0


def test_verify_without_a_cache_is_told(pairs, run_wb):
    done = run_wb("data", "verify", "pairs")
    assert done.code == 1
    assert "wb data cache" in done.err


def test_the_mode_is_shown_chosen_and_remembered(pairs, run_wb):
    assert run_wb("data", "mode", "pairs").out == "auto\n"
    shown = run_wb("gallery", "pairs/dev", "--limit", "1", "--mode", "streamed", "--json")
    assert shown.json[0]["uid"] == "pairs/dev/dev-0-0-0"
    assert run_wb("data", "mode", "pairs").out == "streamed\n"
    assert run_wb("data", "mode", "pairs", "cached").code == 0
    failed = run_wb("inspect", "pairs/dev/dev-0-0-0", "--json")
    assert failed.code == 1
    assert "pairs/dev is not cached" in failed.json["error"]["message"]
    assert "wb data cache pairs --split dev" in failed.json["error"]["hint"]
    assert run_wb("inspect", "pairs/dev/dev-0-0-0", "--mode", "auto", "--json").code == 0


def test_a_refusal_of_the_hub_is_one_message(hub, run_wb):
    forget(hub)
    hub.commit("a/secret", {"train.csv": b"id\n1\n"}, token="right")
    done = run_wb("data", "add", "mine", "hub:a/secret", "--json")
    assert done.code == 1
    assert done.json["error"]["kind"] == "hub"
    assert "HF_TOKEN" in done.json["error"]["hint"]


def test_removing_a_dataset_leaves_its_files(pairs, run_wb):
    from pathlib import Path

    folder = run_wb("data", "cache", "pairs", "--split", "dev", "--json").json["folder"]
    assert run_wb("data", "rm", "pairs").code == 0
    assert (Path(folder) / "data/dev-00000-of-00001.parquet").is_file()


def test_the_bar_says_how_far_it_is():
    from commands.data_hub import Bar, size

    words = Bar.words(50_000_000, 200_000_000, 1_000_000, "data/\x1b[31mtrain")
    assert words.startswith("[######..................] 50.0 MB of 200.0 MB  1.0 MB/s  2m30s left")
    assert "\x1b" not in words
    assert size(1_500_000_000) == "1.5 GB"


def test_a_detached_evaluation_is_told_the_mode_too(monkeypatch):
    import click

    from commands import run_eval

    seen: list[str] = []
    monkeypatch.setattr(run_eval, "_detach", lambda ctx, *_: seen.extend(run_eval.typed(ctx)))
    monkeypatch.setattr("workbench.data.hub.state._wish", None)
    words = ["--dataset", "demo", "--mode", "cached", "--detach"]
    with click.Context(run_eval.command):
        run_eval.command.main(words, standalone_mode=False)
    assert seen == ["--dataset", "demo", "--mode", "cached"]
