"""A line is looked at before there is a job: what would fail is said, with its flag."""

from __future__ import annotations

import json

import pytest

from commands.parse_only import looked_at
from sessions.jobs import list_jobs
from sessions.runs import Run
from workbench.evaluation.would_start import beyond

EVAL = ("run-eval", "--dataset", "demo", "--split", "test")


@pytest.mark.parametrize(
    ("argv", "about", "word"),
    [
        (EVAL, "", ""),
        (("run-eval", "--dataset", "nosuch"), "--dataset", "no dataset 'nosuch'"),
        (("run-eval", "--dataset", "demo"), "--split", "4 splits"),
        ((*EVAL[:3], "--split", "tset"), "--split", "no split 'tset'"),
        (("run-eval", "--dataset", "demo/test[5:2]"), "--dataset", "demo/test[5:2] has no sample"),
        (("run-eval", "--dataset", "demo/test", "--split", "dev"), "", "the split is named twice"),
        ((*EVAL, "--model", "nosuch"), "--model", "no model 'nosuch'"),
        ((*EVAL, "--adapter", "nosuch"), "--adapter", "no adapter 'nosuch'"),
        ((*EVAL, "--template", "nosuch"), "--template", "no template"),
        ((*EVAL, "--template", "question/short"), "--template", ""),
        ((*EVAL, "--limit", "x"), "--limit", "'x'"),
        ((*EVAL, "--config", "nosuch"), "", "no inference config"),
        ((*EVAL, "--processes", "2"), "", ""),
        ((*EVAL, "--processes", "0"), "--processes", "0 is not in the range"),
        ((*EVAL, "--processes", "99"), "", "--processes wants a whole number from 1 to 64"),
        (("run-eval", "--list"), "", "only prints"),
        (("train", "nosuch"), "", "no config 'nosuch'"),
        (("train", "demo_lora"), "", ""),
        (("train", "demo_lora", "--set", "model=nosuch"), "model", "no model 'nosuch'"),
        (("train", "demo_lora", "--set", "train=nosuch/x"), "train", "no dataset 'nosuch'"),
        (("train", "demo_lora", "--set", "adapter=nosuch"), "adapter", "no adapter 'nosuch'"),
        (("replay", "nosuch"), "", "no session 'nosuch'"),
        (("prompt", "demo/test/000001", "--model", "nosuch", "x"), "--model", "no model"),
    ],
)
def test_what_a_line_names_is_looked_for_before_it_starts(argv, about, word):
    found = looked_at(argv)
    assert found["about"] == about or not found["problem"]
    assert word in found["problem"] if word else found["about"] in ("", about)


def test_what_only_the_hub_can_tell_is_a_note_and_no_verdict(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    found = looked_at((*EVAL, "--model", "someone/vlm"))
    assert found["problem"] == "" and "not asked" in found["notes"][0]


def test_a_limit_above_what_there_is_is_told_and_no_problem():
    found = looked_at((*EVAL, "--limit", "9999999"))
    assert found["problem"] == "" and "--limit 9,999,999: the split has " in found["told"][0]
    assert looked_at((*EVAL, "--limit", "2"))["told"] == []
    assert beyond(0, 5) == beyond(5, 5) == beyond(5, 0) == ""


def test_a_template_of_another_task_is_told_before_the_start(run_wb):
    said = "asks for a caption, and the data are of the task"
    for flags in (("--template", "caption/begin"), ("--prompts", "caption/begin@1")):
        found = looked_at((*EVAL, *flags))
        assert found["problem"] == "" and len(found["told"]) == 1 and said in found["told"][0]
    own = looked_at((*EVAL, "--template", "statement/yes-no"))
    assert own["problem"] == "" and own["told"] == []
    dry = run_wb(*EVAL, "--template", "caption/begin", "--dry-run", "--json")
    assert dry.err.count(said) == 1 and said in json.loads(dry.out)["notes"][0]
    asked = run_wb(*EVAL, "--template", "caption/begin", "--limit", "1", "--model", "nosuch")
    assert asked.code == 2 and asked.err.count(said) == 1  # before the model is looked for


def test_a_job_that_could_not_start_is_refused_instead_of_put_aside(run_wb):
    for argv in ((*EVAL, "--model", "nosuch"), ("train", "demo_lora", "--set", "model=nosuch")):
        found = run_wb(*argv, "--detach", "--json")
        assert found.code == 2 and json.loads(found.out)["error"]["kind"] == "would_not_start"
    assert not list_jobs()


def test_a_name_that_is_no_hubs_is_refused_though_the_hub_could_be_asked(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    found = looked_at((*EVAL, "--model", "nosuch"))
    assert "no model 'nosuch'" in found["problem"] and found["about"] == "--model"


def test_a_captioning_that_could_not_start_is_refused_too(run_wb, tmp_path):
    out = str(tmp_path / "c.json")
    found = run_wb("infer", "demo/test", "--out", out, "--model", "nosuch", "--detach")
    assert found.code == 2 and "nosuch" in found.err and not list_jobs()


def test_a_run_that_cannot_be_gone_on_with_is_refused_before_a_model_is_looked_for(run_wb):
    with Run.create({"settings_key": "k", "dataset": "demo"}, "k", total=9) as run:
        for flags in ((), ("--detach",)):
            there_is_none = run_wb(*EVAL, *flags, "--model", "nosuch", "--resume", "zzzzzz")
            assert there_is_none.code == 2 and "no run 'zzzzzz'" in there_is_none.err
            written = run_wb(*EVAL, *flags, "--model", "nosuch", "--resume", run.id)
            assert written.code == 1 and "is being written by process" in written.err
    assert not list_jobs()
