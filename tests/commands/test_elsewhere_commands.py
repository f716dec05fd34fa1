"""`openai:URL#NAME` in the commands: asked, recorded, replayed, refused; no engine is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sessions.session_log import current_session
from tests.openai_server import OpenAIServer, Status

UID = "demo/test/000012"
KEY = "sk-a-secret-of-the-tests"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("WB_OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with OpenAIServer(text=lambda body: "True. It is.") as server:
        yield server


@pytest.fixture
def wb(run_wb, tmp_path):
    """A command; afterwards no engine runs, and the key is nowhere in the home."""
    from workbench.serving import process

    yield run_wb
    assert not process.is_running()
    for file in (tmp_path / "wb").rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


def test_a_prompt_is_answered_recorded_and_replayed(wb, server):
    done = wb("prompt", UID, "--model", server.model, "--seed", "4", "--json")
    assert done.code == 0, done.err
    record = done.json
    assert (record["text"], record["label"], record["target"]) == ("True. It is.", "True", "True")
    assert record["model"] == server.model and record["engine"] == server.url
    assert record["identity"] == f"{server.model} fp-1"
    assert record["environment"]["server kind"] == "vllm"
    assert KEY not in done.out + done.err
    assert server.chats[0]["seed"] == 4
    parts = server.chats[0]["messages"][-1]["content"]
    assert [part["type"] for part in parts] == ["image_url", "image_url", "text"]
    again = wb("replay", "last", "--json")
    assert again.json["same"] == 1, again.out
    assert server.chats[1] == server.chats[0]
    server.text, server.fingerprint = lambda body: "False, no.", "fp-2"
    changed = wb("replay", "last", "--json").json
    assert changed["labels_changed"] == 1
    assert any("fp-2" in fact for fact in changed["records"][0]["environment"])


def test_a_grid_over_two_models_asks_each_by_its_name(wb, server):
    models = f"{server.model},{server.model}-two"
    done = wb("prompt", UID, "--model", models, "--temperature", "0,0.7", "--json")
    assert done.code == 0, done.err
    assert sorted((b["model"], b["temperature"]) for b in server.chats) == [
        (name, heat) for name in ("some/vlm", "some/vlm-two") for heat in (0, 0.7)
    ]


def test_a_failure_is_on_record_with_what_the_server_said(wb, server):
    server.script = [Status(400, f"I dislike {KEY}")]
    done = wb("prompt", UID, "--model", server.model, "--json")
    assert done.code == 1
    assert "I dislike [key]" in done.json["error"]["message"]
    (record,) = current_session().records()
    assert "I dislike [key]" in record.error["message"]


@pytest.mark.slow
def test_a_setting_names_the_model_of_all_commands(wb, server):
    assert wb("config", "set", "model", server.model).code == 0
    assert wb("prompt", UID).out.strip() == "True. It is."
    assert wb("run-eval", "--dataset", "demo/test", "--limit", "2", "--json").json["counts"] == {
        **{"total": 2, "done": 2, "failed": 0, "unparsed": 0, "truncated": 0}
    }


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("gradcam", UID), "Grad-CAM wants the model's weights"),
        (("prompt", UID, "--quantization", "4bit"), "--quantization 4bit"),
        (("prompt", UID, "--adapter", "runs/x"), "--adapter"),
        (("prompt", UID, "--num-beams", "2"), "--num-beams"),
        (("prompt", UID, "--label-scores"), "label scores"),
        (("run-eval", "--dataset", "demo/test", "--label-scores"), "label scores"),
        (("run-eval", "--dataset", "demo/test", "--device", "cpu"), "--device cpu"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_message(wb, server, args, words):
    done = wb(*args, "--model", server.model)
    assert done.code in (1, 2)
    assert words in done.err and "hint:" in done.err
    assert server.chats == []


def test_training_on_it_is_refused(wb, server):
    done = wb("train", "demo_lora", "--set", f"model={server.model}")
    assert done.code == 2
    assert "a fine-tune wants the model's weights" in done.err


def test_a_foreign_session_is_not_sent_to_its_server_before_it_is_named(wb, server):
    from sessions.paths import home

    wb("prompt", UID, "--model", server.model)
    (home() / "servers.json").unlink()
    asked = len(server.chats)
    refused = wb("replay", "last")
    assert refused.code == 1 and "never named here" in refused.out
    assert len(server.chats) == asked
    assert wb("replay", "last", "--model", server.model).code == 0
    assert wb("replay", "last").code == 0  # it has been named now


def test_a_key_in_the_clear_is_warned_of(run_wb, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nobody is asked
    from workbench.serving.remote import http_client

    once = http_client.RetryPolicy(attempts=1)
    monkeypatch.setattr("workbench.serving.remote.client.retry_policy", lambda: once)
    done = run_wb("prompt", UID, "--model", "openai:http://lab.example#q")
    assert done.code == 1
    assert "warning:" in done.err and "unencrypted" in done.err
    assert KEY not in done.out + done.err


@pytest.mark.slow
def test_the_key_is_in_no_process_listing(server, tmp_path):
    server.script = ["hang"]
    argv = [sys.executable, "-m", "commands.main", "prompt", UID, "--model", server.model]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while not server.chats:
            assert child.poll() is None, child.communicate()
        assert KEY.encode() not in Path(f"/proc/{child.pid}/cmdline").read_bytes()
    finally:
        child.kill()
        child.communicate()
    assert json.dumps(server.chats[0]).count(KEY) == 0
    assert os.environ["OPENAI_API_KEY"] == KEY
