"""Secrets inside URLs: no command repeats or keeps them."""

from __future__ import annotations

import json

import pytest

from tests.sessions.test_redact import CANARY, URLS, files


def test_no_setting_keeps_it(run_wb, tmp_path):
    done = run_wb("config", "set", "model", f"openai:{URLS[0]}#m")
    assert done.code == 2 and CANARY not in done.out + done.err
    assert not (tmp_path / "wb").exists() or CANARY not in files(tmp_path / "wb")


@pytest.mark.parametrize("url", [URLS[0], URLS[4]])
def test_no_command_repeats_what_a_dataset_or_a_typed_line_holds(url, run_wb, tmp_path):
    from workbench.data.adding import add_dataset

    path = tmp_path / "rows.jsonl"
    row = {"id": "0", "sentence": "a", "image": url, "page": url}
    path.write_text(json.dumps(row) + "\n")
    add_dataset("linked", [str(path)], id="id", texts={"sentence": "sentence"}, image=["image"])
    host = url.split("?")[0].replace(f"me:{CANARY}@", "")
    add_dataset("made", [str(path)], id="id", texts={"sentence": "sentence"},
                image=[f"{url}&n={{id}}" if "?" in url else f"{url}/{{id}}"])  # fmt: skip
    uid = "linked/rows/0"
    seen = ""
    for typed in (
        *(("inspect", uid), ("inspect", uid, "--json"), ("gallery", "linked")),
        *(("gallery", "linked", "--json"), ("gallery", "linked", "--out", str(tmp_path / "out"))),
        *(("data", "info", "made"), ("data", "info", "made", "--json"), ("data", "list", "--json")),
        *(("data", "add", "other", url), ("prompt", uid, "--no-such", url), ("train", url)),
        *(("runs", "show", url), ("inspect", url), ("prompt", "x.png", "--model", f"openai:{url}")),
    ):
        done = run_wb(*typed)
        assert CANARY not in done.out + done.err, typed
        seen += done.out
    assert "***" in seen and host.split("/")[2].split("@")[-1] in seen
    assert CANARY not in files(tmp_path / "out")
