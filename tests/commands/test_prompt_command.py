"""`wb prompt`: asks, prints, records; what it refuses it refuses before a model is loaded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from PIL import Image

from sessions.records import PromptRecord
from sessions.session_log import current_session
from tests.commands.engine_home import engine_home, home  # noqa: F401

pytestmark = pytest.mark.slow

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


def test_an_answer_of_one_token_has_one_token(ask):
    assert ask(UID, "--max-new-tokens", "1").err.startswith("1 token ·")


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


def test_an_image_from_stdin_stands_before_its_text_and_is_kept(ask, tmp_path):
    import io

    from sessions import kept_images

    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG")
    Image.new("RGB", (32, 32), "red").save(tmp_path / "red.png")
    record = ask("-", str(tmp_path / "red.png"), "What differs?", "--json", stdin=file.getvalue())
    assert [i["name"] for i in record.json["images"]] == ["stdin", "red.png"]
    assert kept_images.find(record.json["images"][0]["sha256"]) == file.getvalue()
    assert "holds no text" in ask("-", stdin=file.getvalue()).err
    assert "stdin is empty" in ask("-", "What?").err
    assert "read once" in ask("-", "-", stdin=b"x").err


def test_several_turns_are_one_conversation_and_each_is_on_record(ask):
    said = ask(UID, "--turn", "Why?", "--turn", "Are you sure?", "--json").json["turns"]
    assert [turn["follows"] for turn in said] == [None, said[0]["id"], said[1]["id"]]
    roles = [message["role"] for message in said[2]["messages"] if message["role"] != "system"]
    assert roles == ["user", "assistant", "user", "assistant", "user"]
    texts = [m["content"][-1]["text"] for m in said[2]["messages"] if m["role"] == "assistant"]
    assert texts == [said[0]["text"], said[1]["text"]]
    assert said[0]["template"] and not said[1]["template"]  # a later turn is free text
    assert [r.id for r in current_session().records()] == [turn["id"] for turn in said]


def test_a_conversation_from_a_file_brings_its_images(ask, tmp_path):
    Image.new("RGB", (64, 64), "teal").save(tmp_path / "a.png")
    turns = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "a.png"}},
                {"type": "image", "uid": UID, "index": 1},
                "What differs?",
            ],
        },
        {"role": "assistant", "content": "The colour."},
        {"role": "user", "content": [{"type": "text", "text": "Which is brighter?"}]},
    ]
    (tmp_path / "talk.json").write_text(json.dumps({"messages": turns}))
    record = ask("--messages", str(tmp_path / "talk.json"), "--json").json
    assert [m["role"] for m in record["messages"]] == [turn["role"] for turn in turns]
    first, second = record["images"]
    assert first["path"] == str(tmp_path / "a.png") and second["uid"] == UID
    again = ask("--messages", "-", "--json", stdin=json.dumps([turns[-1]])).json
    assert again["messages"][0]["content"] == turns[-1]["content"]


def test_a_grid_answers_each_cell_as_a_prompt_of_its_own_would(ask):
    knobs = ("--temperature", "0,3", "--template", "statement/true-false,statement/yes-no")
    done = ask(UID, *knobs, "--max-new-tokens", "12", "--json")
    assert done.code == 0, done.err
    assert done.json["axes"] == {
        "template": ["statement/true-false", "statement/yes-no"],
        "temperature": [0.0, 3.0],
    }
    for cell in done.json["cells"]:
        own = [part for n, v in cell["cell"].items() for part in (f"--{n}", str(v))]
        alone = ask(UID, *own, "--max-new-tokens", "12", "--json").json
        assert alone["text"] == cell["text"]
        assert (alone["messages"], alone["decoding"]) == (cell["messages"], cell["decoding"])
    records = current_session().records()
    in_grid = [r.id for r in records if isinstance(r, PromptRecord) and r.sweep]
    assert set(in_grid) == {cell["id"] for cell in done.json["cells"]} and len(in_grid) == 4


def test_a_grid_is_a_table_and_is_found_again_by_its_id(ask, run_wb):
    done = ask(UID, "What is there?", "--seed", "7,1", "--temperature", "3", "--top-k", "5,9")
    assert done.code == 0, done.err
    head, *rows = done.out.splitlines()
    assert head.split() == ["TOP-K", "SEED", "ANSWER"]
    assert [row.split()[:2] for row in rows] == [["5", "7"], ["5", "1"], ["9", "7"], ["9", "1"]]
    assert "4 of 4 asked, 0 failed" in done.err
    words = done.err.rpartition("wb ")[2].split()  # the command that finds it again
    shown = run_wb(*words)
    assert sorted(shown.out.splitlines()) == sorted(done.out.splitlines())
    assert len(run_wb(*words, "--json").json) == 4
    assert run_wb("sessions", "show", "last", "--sweep", "last").out == shown.out
    assert "names 0 grids" in run_wb("sessions", "show", "last", "--sweep", "zzz").err


def test_a_cell_that_cannot_be_asked_is_told_and_the_others_are(ask):
    done = ask(UID, "--adapter", "none,/no/such/adapter", "--max-new-tokens", "3", "--json")
    assert done.code == 1
    fine, failed = done.json["cells"]
    assert fine["text"] and fine["adapter"] is None and fine["error"] is None
    assert "/no/such/adapter" in failed["error"]["message"]
    assert done.json["counts"] == {"cells": 2, "asked": 2, "failed": 1}
    assert len(current_session().records()) == 2


def test_a_grid_that_is_cancelled_prints_what_was_said_and_tells_a_full_store_once(
    run_wb, monkeypatch, tmp_path
):
    from contextlib import nullcontext

    from workbench.sample import Answer

    asked = []

    class Slow:
        def chat(self, messages, spec, decoding, *, cancelled, **_):
            asked.append(spec.quantization)
            reason = "cancelled" if len(asked) > 2 else "stop"
            yield Answer(f"answer {len(asked)}", finish_reason=reason)

        def status(self):
            return {}

    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    monkeypatch.setenv("WB_KEEP_IMAGES_MB", "0")
    monkeypatch.setattr("commands.prompt._connect", lambda specs: nullcontext(Slow()))
    monkeypatch.setattr(
        "commands.prompt.interruptible", lambda: nullcontext(lambda: len(asked) > 2)
    )
    words = (str(tmp_path / "a.png"), "What?", "--quantization", "none,4bit,8bit")
    done = run_wb("prompt", *words, "--dtype", "auto,fp32")
    assert done.code == 130
    assert len(asked) < 6 and "answer 1" in done.out and "answer 2" in done.out
    assert done.err.count("is not kept") == 1
    assert len(current_session().records()) == len(asked)


def test_what_a_grid_got_is_printed_where_its_engine_dies(run_wb, monkeypatch):
    from contextlib import nullcontext

    from workbench.errors import EngineError
    from workbench.sample import Answer

    class Dying:
        def chat(self, messages, spec, decoding, **_):
            if spec.quantization == "4bit":
                raise EngineError("the engine is gone", kind="engine_died")
            yield Answer(f"seed {decoding.seed}")

        def status(self):
            return {}

    monkeypatch.setattr("commands.prompt._connect", lambda specs: nullcontext(Dying()))
    grid = (UID, "--quantization", "none,4bit,8bit", "--seed", "1,2")
    done = run_wb("prompt", *grid, "--json")
    assert done.code == 1
    assert [c["text"] for c in done.json["cells"][:2]] == ["seed 1", "seed 2"]
    assert done.json["error"]["kind"] == "engine_died" and "is gone" in done.err
    assert all(c["quantization"] != "8bit" for c in done.json["cells"])
    shown = run_wb("prompt", *grid, "--max-new-tokens", "9")
    assert shown.code == 1 and "seed 2" in shown.out


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
        ((UID, "--seed", "1,,2"), "empty value"),
        ((UID, "--seed", "1,x"), "'x' is not a valid integer"),
        ((UID, "--seed", "1,1"), "different values"),
        ((UID, "--seed", "1,2,3", "--max-cells", "2"), "3 seed are 3 cells; at most 2"),
        ((UID, "--seed", "1,2", "--turn", "Why?"), "--turn"),
        ((UID, "--seed", "1,2", "--stream"), "--stream"),
        ((UID, "--template", "nothing/*,statement/yes-no"), "nothing/*"),
        ((UID, "--messages", "talk.json"), "--messages"),
        (("--messages", "no-such.json"), "no-such.json"),
        (("--messages", "-"), "stdin is empty"),
    ],
)
def test_what_cannot_be_meant_ends_with_one_message_and_no_engine(run_wb, args, words):
    from workbench.serving import process

    done = run_wb("prompt", *args)
    assert done.code in (1, 2)
    assert words in done.err
    assert done.out == ""
    assert not process.is_running()  # in this test's own home


def test_the_help_names_the_knobs_as_they_are_and_how_several_values_are_given(run_wb):
    done = run_wb("prompt", "--help")
    assert done.code == 0
    for words in (
        "--temperature FLOAT",
        "--quantization [none|4bit|8bit]",
        "--turn TEXT",
        "commas",
    ):
        assert words in done.out


def test_an_unknown_model_is_an_error_in_json_and_no_question_on_record(ask):
    done = ask(UID, "--model", "/no/such/model", "--json")
    assert done.code == 2
    assert "/no/such/model" in done.json["error"]["message"]
    assert "/no/such/model" in done.err
    assert current_session().records() == []


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


def test_a_folder_of_pictures_is_refused_with_the_command_that_takes_it(ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my photos" / "of" / "cats").mkdir(parents=True)
    for words in (["my photos"], [f"{tmp_path}/my photos", "What is it?"], ["my photos/of/cats"]):
        done = ask(*words)
        assert done.code == 2 and "is a folder" in done.err, words
        assert f"wb infer '{words[0]}' --out" in done.err
    (tmp_path / "demo" / "test").mkdir(parents=True)
    assert "is a folder" not in ask("demo/test", "--no-record").err  # the dataset is meant
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    (tmp_path / "left").mkdir()
    assert ask("a.png", "left").code == 0  # a word is a text, whatever is called so


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


def test_a_knob_that_does_nothing_beside_temperature_0_is_told_on_stderr(ask):
    done = ask(UID, "What is there?", "--max-new-tokens", "2", "--top-k", "5", "--json")
    assert "--top-k 5 does nothing at temperature 0" in done.err and done.json
    assert "does nothing" not in ask(UID, "What?", "--max-new-tokens", "2").err


# The last one here: after it the next question starts an engine anew.
def test_an_engine_that_is_killed_leaves_the_start_of_the_answer_on_record(ask, home):  # noqa: F811
    from workbench.serving import process

    ask("warm up")
    argv = [sys.executable, "-m", "commands.main", "prompt", "x", "--temperature", "90"]
    argv += ["--device", "cpu", "--max-new-tokens", "1900", "--stream"]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.read(1)  # the first token is out
        engine = process.lock_owner()
        assert engine
        os.kill(engine, signal.SIGKILL)
        _, err = child.communicate(timeout=120)
    finally:
        child.kill()
    assert child.returncode == 1
    assert b"broke off" in err and b"on record" in err and b"wb engine start" in err
    record = current_session().records()[-1]
    assert isinstance(record, PromptRecord) and record.error
    assert record.finish_reason == "error" and 0 < len(record.tokens) < 1900


def test_a_datasets_name_with_half_a_uid_is_no_question(run_wb):
    done = run_wb("prompt", "demo/000012", "--json")
    assert done.code == 2
    assert done.json["error"]["message"] == (
        "'demo/000012' begins with the dataset 'demo' and names no sample of it"
    )
    assert "demo/SPLIT/000012" in done.json["error"]["hint"]


def test_a_datasets_name_alone_is_no_question(run_wb):
    done = run_wb("prompt", "demo", "--json")
    assert done.code == 2
    assert done.json["error"]["message"] == "'demo' is a dataset, and names no sample of it"
    assert "demo/SPLIT/ID" in done.json["error"]["hint"]


def test_a_dataset_and_its_split_are_told_with_a_uid_of_it(run_wb):
    done = run_wb("prompt", "demo/test", "--json")
    assert done.code == 2
    assert "demo/test/ID, such as demo/test/000000" in done.json["error"]["hint"]


def test_an_answer_without_a_word_is_told_on_stderr(capsys):
    from commands.prompt import _show
    from workbench.sample import Answer

    _show(Answer(""), PromptRecord(), streamed=False)
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[0]) == (
        "\n",
        "the model answered nothing (0 tokens, end of turn)",
    )
