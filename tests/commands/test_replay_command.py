"""`wb replay`: the same is called the same, and a difference is shown where it begins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from sessions.records import NoteRecord, PromptRecord
from sessions.session_log import SessionLog, current_session
from tests.commands.engine_home import engine_home, home  # noqa: F401

pytestmark = pytest.mark.slow

UID = "demo/test/000012"
HOT = ("--temperature", "3", "--max-new-tokens", "8")


@pytest.fixture
def wb(run_wb, home):  # noqa: F811
    return run_wb


def asked(wb, *args: str) -> dict:
    return wb("prompt", *args, "--device", "cpu", "--json").json


def test_the_same_model_and_seed_say_the_same(wb, tmp_path):
    Image.new("RGB", (64, 32), "green").save(tmp_path / "green.png")
    asked(wb, UID)
    asked(wb, UID, "Say something.", *HOT, "--seed", "4")
    asked(wb, str(tmp_path / "green.png"), "What is it?", *HOT, "--seed", "9", "--system", "Hm.")
    asked(wb, UID, "--shots", "1", "--label-scores")
    current_session().append(NoteRecord(text="not a prompt"))
    done = wb("replay", current_session().id, "--json")
    assert done.code == 0, done.err
    assert (done.json["asked"], done.json["same"], done.json["changed"]) == (4, 4, 0)
    assert all(r["same"] and r["difference"] is None for r in done.json["records"])
    plain = wb("replay", current_session().id)
    assert plain.out.count("same") == 4
    assert len(current_session().records()) == 5  # nothing was added


def test_a_difference_is_shown_at_its_first_token(wb):
    record = asked(wb, UID)  # greedy, a label and a line of explanation
    log = SessionLog.open("tampered")
    line = next(r for r in current_session().records() if r.id == record["id"])
    assert isinstance(line, PromptRecord)
    tokens = [dict(t) for t in line.tokens]
    tokens[2] |= {"id": 99999, "text": "ELSE"}
    log.append(replace(line, tokens=tuple(tokens), text="ELSE", label="Other"))
    done = wb("replay", "tampered", "--json")
    (found,) = done.json["records"]
    assert not found["same"]
    assert found["difference"]["position"] == 2
    assert found["difference"]["before"] == "ELSE"
    assert found["difference"]["after"] == record["tokens"][2]["text"]
    assert done.json["labels_changed"] == 1
    shown = wb("replay", "tampered")
    assert "token 2" in shown.out and "ELSE" in shown.out
    assert "label: Other" in shown.out


def test_another_precision_is_asked_and_named_as_what_differs(wb):
    asked(wb, UID, "Say something.", "--temperature", "40", "--max-new-tokens", "30")
    session = current_session().id
    done = wb("replay", session, "--quantization", "4bit", "--device", "cpu", "--json")
    assert done.code == 0, done.err
    (found,) = done.json["records"]
    assert any(line.startswith("quantization: none") for line in found["environment"])
    assert any(line.startswith("weights:") for line in found["environment"])


@pytest.fixture(scope="module")
def adapter(tmp_path_factory) -> str:
    """A LoRA over the demo model, drawn at random: it says something else."""
    from transformers import Qwen2VLForConditionalGeneration

    from tests.workbench.models.make_adapters import build_adapter, configs
    from workbench.demo.paths import MODEL_DIR

    base = Qwen2VLForConditionalGeneration.from_pretrained(MODEL_DIR)
    return str(build_adapter(base, configs()["lora"], tmp_path_factory.mktemp("lora")))


def test_an_adapter_is_laid_beside_the_base_and_its_labels_are_counted(wb, adapter):
    base = asked(wb, UID)
    session = current_session().id
    done = wb("replay", session, "--adapter", adapter, "--out", "with-adapter", "--json")
    assert done.code == 0, done.err
    (found,) = done.json["records"]
    assert found["before"] == base["text"] != found["after"]
    assert f"adapter: none → {adapter}" in found["environment"]
    assert any(line.startswith("weights:") for line in found["environment"])
    labels = (base["label"], found["label_after"])
    assert done.json["labels_changed"] == int(labels[0] != labels[1]) == int(found["label_changed"])
    assert done.json["now_wrong"] == int(found["label_changed"] and labels[0] == base["target"])
    # Replayed as recorded it is the adapter that answers again; without it the base does.
    again = wb("replay", "with-adapter", "--json").json["records"][0]
    assert again["same"] and again["environment"] == []
    off = wb("replay", "with-adapter", "--adapter", "none", "--json").json["records"][0]
    assert off["after"] == base["text"]


def test_only_some_records_and_kept_elsewhere(wb):
    first, second = asked(wb, UID), asked(wb, UID, "Why?", *HOT)
    session = current_session().id
    done = wb("replay", session, "--only", second["id"], "--out", "again", "--json")
    assert [r["id"] for r in done.json["records"]] == [second["id"]]
    (kept,) = SessionLog.open("again").records()
    assert isinstance(kept, PromptRecord)
    assert kept.replay_of == second["id"] and kept.text == second["text"]
    assert done.json["records"][0]["new_id"] == kept.id
    assert first["id"] != second["id"]


def test_an_image_of_ones_own_is_shown_again_after_its_file_changed_or_is_gone(wb, tmp_path):
    changed, gone = tmp_path / "changed.png", tmp_path / "gone.png"
    for path, colour in ((changed, "green"), (gone, "blue")):
        Image.new("RGB", (64, 64), colour).save(path)
        asked(wb, str(path), "What is it?", *HOT)
    Image.new("RGB", (64, 64), "red").save(changed)
    gone.unlink()
    done = wb("replay", current_session().id, "--out", "shown-again", "--json")
    assert done.code == 0, done.err
    assert (done.json["same"], done.json["changed"]) == (2, 0)
    for old, new in zip(
        current_session().records(), SessionLog.open("shown-again").records(), strict=True
    ):
        assert isinstance(old, PromptRecord) and isinstance(new, PromptRecord)
        assert old.images == new.images  # its hash, and where it lay then


def test_an_image_that_changed_and_was_not_kept_is_no_replay(wb, tmp_path, monkeypatch):
    monkeypatch.setenv("WB_KEEP_IMAGES_MB", "0")
    path = tmp_path / "picture.png"
    Image.new("RGB", (64, 60), "green").save(path)
    told = wb("prompt", str(path), "What is it?", "--device", "cpu")
    assert "not kept" in told.err and told.code == 0
    asked(wb, UID)
    Image.new("RGB", (64, 60), "red").save(path)
    done = wb("replay", current_session().id, "--json")
    assert done.code == 1
    assert (done.json["failed"], done.json["same"]) == (1, 1)  # the others are asked all the same
    assert "not the one that was shown" in done.json["records"][0]["error"]["message"]


def test_where_an_answer_was_computed_is_on_record_and_a_difference_is_told(wb):
    record = asked(wb, UID)
    assert {"wb", "python", "torch", "transformers", "dtype", "device"} <= set(
        record["environment"]
    )
    line = current_session().records()[-1]
    assert isinstance(line, PromptRecord)
    then = dict(line.environment) | {"torch": "1.0.0"}
    SessionLog.open("then").append(replace(line, environment=then, text="Nothing."))
    done = wb("replay", "then", "--json")
    assert done.code == 0 and wb("replay", "then", "--check").code == 1
    (found,) = done.json["records"]
    assert found["environment"] == [f"torch: 1.0.0 → {record['environment']['torch']}"]
    shown = wb("replay", "then").out
    assert "was: [-Nothing.-]" in shown and "now: {+" in shown and "torch: 1.0.0" in shown
    assert wb("replay", current_session().id, "--check").code == 0


# Written by hand as the versions of then wrote them: before lines had a `v`, and version 1.
BEFORE_VERSIONS = {
    "kind": "prompt",
    "id": "a",
    "ts": "2024-05-01T10:00:00Z",
    "model": "demo",
    "messages": [{"role": "user", "content": "Is a circle round?"}],
    "decoding": {"max_new_tokens": 12},
}
VERSION_1 = {
    "v": 1,
    "kind": "prompt",
    "id": "01jxyzabcdefghjkmnpqrstvwx",
    "ts": "2025-06-01T10:00:00.000Z",
    "wb_version": "0.0.1",
    "uid": UID,
    "images": [{"sha256": None, "name": "left"}, {"sha256": None, "name": "right"}],
    "dataset_revision": None,
    "model": "demo",
    "revision": None,
    "identity": "0" * 64,
    "adapter": None,
    "quantization": "none",
    "dtype": "fp32",
    "device": "cpu",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image", "name": "left", "uid": UID, "index": 0},
                {"type": "image", "name": "right", "uid": UID, "index": 1},
                {"type": "text", "text": "What is there?"},
            ],
        }
    ],
    "template": None,
    "decoding": {"temperature": 3.0, "seed": 4, "max_new_tokens": 8, "stop": []},
    "finish_reason": "stop",
    "somebodys_own": {"mark": 3},
}


def test_sessions_of_older_versions_replay_and_keep_what_is_not_understood(wb):
    from sessions.atomic import append_lines

    log = SessionLog.open("older")
    first = asked(wb, "Is a circle round?", "--max-new-tokens", "12")
    second = asked(wb, UID, "What is there?", *HOT, "--seed", "4")
    lines = [BEFORE_VERSIONS | {"text": first["text"]}, VERSION_1 | {"text": second["text"]}]
    append_lines(log.path, lines)
    done = wb("replay", "older", "--out", "newer", "--json")
    assert done.code == 0, done.err
    assert (done.json["asked"], done.json["same"]) == (2, 2)
    _, old = log.records()
    assert isinstance(old, PromptRecord)
    assert old.environment == {"wb": "0.0.1", "device": "cpu"}  # what version 1 knew of it
    assert old.extra == {"somebodys_own": {"mark": 3}}
    assert old.to_json()["v"] == 2
    changes = done.json["records"][1]["environment"]
    assert any(line.startswith("weights: 000000000000 →") for line in changes)
    assert any(line.startswith("wb: 0.0.1 →") for line in changes)
    assert not any(line.startswith(("device", "dtype")) for line in changes)


def test_a_replay_that_is_cancelled_counts_what_was_left_out(wb, monkeypatch):
    from contextlib import nullcontext

    asked(wb, UID, "What?", *HOT)
    monkeypatch.setattr("commands.replay.interruptible", lambda: nullcontext(lambda: True))
    done = wb("replay", current_session().id, "--json")
    assert done.code == 130
    assert (done.json["asked"], done.json["not_asked"], done.json["failed"]) == (0, 1, 0)


def test_sessions_without_prompts_and_unknown_ones_say_so(wb):
    SessionLog.open("notes").append(NoteRecord(text="nothing asked"))
    assert "no prompts" in wb("replay", "notes").err
    assert "nosuch" in wb("replay", "nosuch").err
