"""`wb replay`: the same is called the same, and a difference is shown where it begins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from sessions.records import NoteRecord, PromptRecord
from sessions.session_log import SessionLog, current_session
from tests.commands.engine_home import engine_home, home  # noqa: F401

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


def test_an_image_that_changed_is_no_replay(wb, tmp_path):
    path = tmp_path / "picture.png"
    Image.new("RGB", (64, 64), "green").save(path)
    asked(wb, str(path), "What is it?")
    asked(wb, UID)
    Image.new("RGB", (64, 64), "red").save(path)
    done = wb("replay", current_session().id, "--json")
    assert done.code == 1
    assert (done.json["failed"], done.json["same"]) == (1, 1)  # the others are asked all the same
    assert "not the one that was shown" in done.json["records"][0]["error"]["message"]


def test_a_record_of_an_older_version_replays(wb):
    record = asked(wb, UID)
    log = SessionLog.open("older")
    line = next(r for r in current_session().records() if r.id == record["id"]).to_json()
    for key in ("shots", "labels", "attention", "engine", "prompt_tokens", "replay_of"):
        del line[key]
    from sessions.atomic import append_line

    append_line(log.path, line)
    assert wb("replay", "older", "--json").json["same"] == 1


def test_sessions_without_prompts_and_unknown_ones_say_so(wb):
    SessionLog.open("notes").append(NoteRecord(text="nothing asked"))
    assert "no prompts" in wb("replay", "notes").err
    assert "nosuch" in wb("replay", "nosuch").err
