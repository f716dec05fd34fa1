"""`wb prompt`: asks, prints, records; what it refuses it refuses before a model is loaded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from PIL import Image

from sessions.records import PromptRecord
from sessions.session_log import current_session
from tests.commands.engine_home import engine_home, home  # noqa: F401

UID = "demo/test/000012"


@pytest.fixture
def ask(run_wb, home):  # noqa: F811
    return lambda *args, **more: run_wb("prompt", *args, "--device", "cpu", **more)


def test_a_uid_alone_is_asked_by_its_tasks_template_and_recorded(ask):
    from workbench.prompts.pool import default_template

    done = ask(UID, "--json")
    assert done.code == 0, done.err
    (record,) = current_session().records()
    assert done.json == json.loads(json.dumps(record.to_json()))  # the line that the log holds
    for key in ("id", "uid", "text", "tokens", "finish_reason", "timing"):
        assert key in done.json
    assert set(done.json["timing"]) == {"load_s", "first_token_s", "total_s"}
    assert set(done.json["tokens"][0]) >= {"text", "logprob"}
    assert record.uid == UID
    assert record.template == default_template("statement").name
    assert [i["uid"] for i in record.images] == [UID, UID]
    assert record.identity and len(record.identity) == 64
    assert record.decoding["seed"] == 0


def test_the_second_prompt_pays_no_load(ask):
    ask(UID)
    assert ask(UID, "--json").json["timing"]["load_s"] == 0


def test_every_knob_reaches_the_record_and_the_seed_repeats_the_answer(ask):
    knobs = (
        *("--temperature", "3", "--top-p", "0.9", "--top-k", "50", "--min-p", "0.001"),
        *("--repetition-penalty", "1.1", "--max-new-tokens", "9", "--stop", "zzz", "--stop", "qqq"),
        *("--top-logprobs", "3"),
    )
    first = ask(UID, "Say something.", *knobs, "--seed", "5", "--json").json
    again = ask(UID, "Say something.", *knobs, "--seed", "5", "--json").json
    other = ask(UID, "Say something.", *knobs, "--seed", "6", "--json").json
    assert first["text"] == again["text"] != other["text"]
    assert first["decoding"] == {
        "temperature": 3.0,
        "top_p": 0.9,
        "top_k": 50,
        "min_p": 0.001,
        "repetition_penalty": 1.1,
        "num_beams": 1,
        "max_new_tokens": 9,
        "stop": ["zzz", "qqq"],
        "seed": 5,
        "top_logprobs": 3,
    }
    assert all(len(token["top"]) == 3 for token in first["tokens"])


def test_images_from_disk_with_a_text_and_a_system_turn(ask, tmp_path, monkeypatch):
    for name, colour in (("left.png", "red"), ("right.png", "blue")):
        Image.new("RGB", (64, 64), colour).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    done = ask("left.png", "right.png", "What differs?", "--system", "Be brief.", "--json")
    assert done.code == 0, done.err
    record = done.json
    assert record["uid"] is None
    assert [i["path"] for i in record["images"]] == [
        str(tmp_path / name) for name in ("left.png", "right.png")
    ]
    system, user = record["messages"]
    assert system["content"] == [{"type": "text", "text": "Be brief."}]
    assert [part["type"] for part in user["content"]] == ["image", "image", "text"]


def test_text_alone_and_text_from_stdin(ask):
    assert ask("Is a circle round?", "--json").json["images"] == []
    asked = ask("-", "--json", stdin="Is a square round?\n").json
    assert asked["messages"][0]["content"][0]["text"] == "Is a square round?"


def test_shots_are_shown_first_and_named_in_the_record(ask):
    record = ask(UID, "--shots", "2", "--seed", "3", "--json").json
    assert len(record["shots"]) >= 2 and UID not in record["shots"]
    roles = [m["role"] for m in record["messages"] if m["role"] != "system"]
    assert roles == ["user", "assistant"] * len(record["shots"]) + ["user"]
    assert ask(UID, "--shots", "2", "--seed", "3", "--json").json["shots"] == record["shots"]


def test_examples_can_be_named_or_bookmarked_and_are_on_record(ask):
    from sessions.uid_cache import UidCache

    named = ask(UID, "--shot", "demo/train/000004", "--shot", "demo/train/2", "--json").json
    assert named["shots"] == ["demo/train/000004", "demo/train/000002"]
    with UidCache.open() as cache:
        cache.add_many(["demo/train/000009", UID], ["shots"])
    tagged = ask(UID, "--shots-tag", "shots", "--json").json
    assert tagged["shots"] == ["demo/train/000009"]


def test_label_scores_of_the_tasks_words_and_of_words_of_ones_own(ask):
    scores = ask(UID, "--label-scores", "--json").json["label_scores"]
    assert len(scores) >= 2 and all(score < 0 for score in scores.values())
    done = ask("Is it?", "--label", "yes", "--label", "no", "--json").json
    assert set(done["label_scores"]) == {"yes", "no"}
    assert done["labels"] == ["yes", "no"]
    shown = ask(UID, "--label-scores")
    assert all(word in shown.err for word in scores)


def test_stdout_is_the_answer_and_stderr_the_talk(ask):
    text = ask(UID, "--json").json["text"]
    plain = ask(UID)
    assert plain.out.strip() == text.strip()
    assert "tokens" in plain.err
    assert ask(UID, "--stream").out.strip() == text.strip()


def test_beams(ask):
    record = ask(UID, "--num-beams", "3", "--max-new-tokens", "5", "--json").json
    assert record["decoding"]["num_beams"] == 3
    assert record["finish_reason"] in ("stop", "length")


def test_nothing_is_recorded_where_that_was_asked_for(ask):
    assert ask("Hello?", "--no-record").code == 0
    assert not current_session().path.exists()


def test_a_control_sequence_in_an_answer_does_not_reach_the_terminal(ask, monkeypatch):
    # The model can say any byte: at this heat it says many.
    done = ask("x", "--temperature", "90", "--max-new-tokens", "300", "--seed", "2")
    assert not set(done.out) & {chr(c) for c in range(32) if c not in (9, 10)}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "nothing to ask"),
        (("nosuch/test/3",), "nosuch"),
        (("demo/test/nosuch",), "nosuch"),
        (("no-such.png", "What?"), "no-such.png"),
        (("What", "is", "it?"), "neither a UID nor an image"),
        ((UID, "--template", "no/such"), "no/such"),
        ((UID, "What?", "--template", "statement/true-false"), "--template"),
        ((UID, "--system", "Be brief."), "--system"),
        (("What?", "--shots", "2"), "--shots"),
        ((UID, "What?", "--shots-tag", "x"), "--shots-tag goes with a template"),
        ((UID, "--shots-tag", "x"), "tag 'x'"),
        ((UID, "--shot", UID), "cannot be its example"),
        ((UID, "--shots-right-in", "last"), "--shots"),
        (("What?", "--label-scores"), "--label"),
        ((UID, "--temperature", "-1"), "--temperature"),
        ((UID, "--num-beams", "2", "--temperature", "1"), "choose one"),
        ((UID, "--top-p", "2", "--min-p", "5"), "--top-p"),
        ((UID, "--quantization", "3bit"), "3bit"),
        (("/nowhere" * 600 + ".png", "What?"), "nowhere"),
    ],
)
def test_what_cannot_be_meant_ends_with_one_message_and_no_engine(run_wb, args, words):
    from workbench.engine import process

    done = run_wb("prompt", *args)
    assert done.code in (1, 2)
    assert words in done.err
    assert done.out == ""
    assert not process.is_running()  # in this test's own home


def test_an_unknown_model_is_an_error_in_json_and_on_record(ask):
    done = ask(UID, "--model", "/no/such/model", "--json")
    assert done.code == 2
    assert "/no/such/model" in done.json["error"]["message"]
    assert "/no/such/model" in done.err
    (record,) = current_session().records()
    assert isinstance(record, PromptRecord)
    assert record.error and "/no/such/model" in record.error["message"]


def test_a_prompt_longer_than_the_context_names_both_lengths_and_is_recorded(ask):
    done = ask("word " * 20_000, "--json")
    assert done.code == 1
    assert done.json["error"]["kind"] == "prompt_too_long"
    (record,) = current_session().records()
    assert isinstance(record, PromptRecord)
    assert record.error and record.error["kind"] == "prompt_too_long"


def test_a_damaged_image_is_named_before_anything_is_asked(ask, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    done = ask(str(tmp_path / "broken.png"), "What is it?")
    assert done.code == 1
    assert "broken.png" in done.err


def test_ctrl_c_ends_the_answer_within_a_token_and_keeps_what_was_said(ask, home):  # noqa: F811
    ask("warm up")
    argv = [sys.executable, "-m", "commands.main", "prompt", "x", "--temperature", "90"]
    argv += ["--device", "cpu", "--max-new-tokens", "1900", "--stream"]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.read(1)  # the first token is out
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=120)
    finally:
        child.kill()
    assert child.returncode == 130, err
    record = current_session().records()[-1]
    assert isinstance(record, PromptRecord)
    assert record.finish_reason == "cancelled"
    # How many came between the signal and its effect is the machine's affair; all of them never.
    assert 0 < len(record.tokens) < 1000
