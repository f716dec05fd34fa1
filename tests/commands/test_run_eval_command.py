"""`wb run-eval`: flags to figures, JSON, resuming, as a job, and what it refuses."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from commands.main import cli
from sessions.errors import WbError
from sessions.runs import list_runs

BASE = ["run-eval", "--dataset", "demo", "--split", "test", "--limit", "4", "--threads", "1"]
BASE += ["--max-new-tokens", "3", "--device", "cpu"]


def wb(*args: str):
    return CliRunner().invoke(cli, [*args], catch_exceptions=True)


def test_json_is_one_document_with_the_promised_keys():
    result = wb(*BASE, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    for key in ("run", "path", "dataset", "split", "model", "metrics", "counts", "seconds"):
        assert key in found
    assert found["counts"]["total"] == found["counts"]["done"] == 4
    assert set(found["metrics"]["accuracy"]) == {"value", "low", "high", "n"}
    assert (found["dataset"], found["split"], found["model"]) == ("demo", "test", "demo")


def test_people_get_the_run_its_figures_and_their_intervals():
    result = wb(*BASE)
    assert "accuracy" in result.stdout
    lines = result.stdout.splitlines()
    head = next(line for line in lines if line.startswith("METRIC"))
    row = next(line for line in lines if line.startswith("accuracy "))
    assert row[head.index(" N") :].split()[0] == "4"
    assert list_runs()[0].id in result.stdout


def test_a_finished_run_resumed_is_shown_again_without_new_lines():
    wb(*BASE)
    (run,) = list_runs()
    before = run.predictions_path.read_bytes()
    result = wb("run-eval", "--resume", run.id[-8:], "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["run"] == run.id
    assert run.predictions_path.read_bytes() == before
    assert len(list_runs()) == 1


def test_resume_with_settings_of_its_own_is_refused():
    wb(*BASE)
    (run,) = list_runs()
    result = wb("run-eval", "--resume", run.id, "--temperature", "0.7")
    assert isinstance(result.exception, WbError)
    assert "--temperature" in result.exception.message


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["run-eval"], "--dataset is missing"),
        (["run-eval", "--dataset", "nothing/test"], "nothing"),
        (["run-eval", "--dataset", "demo/nosplit"], "nosplit"),
        ([*BASE, "--model", "/no/such/model"], "/no/such/model"),
        ([*BASE, "--template", "statement/none"], "statement/none"),
        ([*BASE, "--template", "question/short"], "question"),
        ([*BASE, "--samples", "0"], "--samples"),
        ([*BASE, "--temperature", "-1"], "--temperature"),
        ([*BASE, "--resume", "zzzz"], "zzzz"),
        ([*BASE, "--positive", "maybe"], "maybe"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_the_words_of_the_flag(args, words):
    result = wb(*args)
    assert isinstance(result.exception, WbError), result.output
    assert words in result.exception.message
    assert result.exception.exit_code in (1, 2)
    assert list_runs() == []


def test_the_help_has_an_example():
    result = wb("run-eval", "--help")
    assert "wb run-eval --dataset demo --split test --limit 100" in result.stdout


@pytest.mark.slow
def test_detached_it_is_a_job_that_reports_its_progress_and_its_run():
    from sessions.jobs import Job

    result = wb(*BASE, "--detach", "--json")
    assert result.exit_code == 0, result.output
    job = Job.open(json.loads(result.stdout)["job"])
    assert job.wait(timeout_s=120) == "done", job.log_path.read_text()
    (run,) = list_runs()
    assert job.run_id == run.id
    assert run.state == "done"
    progress = job.progress()
    assert progress is not None
    assert (progress["done"], progress["total"]) == (4, 4)
    assert "--detach" not in job.command


def test_a_job_is_told_that_nothing_was_asked(monkeypatch, tmp_path):
    from sessions.atomic import last_line
    from sessions.job_child import PROGRESS_VARIABLE

    monkeypatch.setenv("WB_KEEP_ANSWERS_MB", "64")
    first = json.loads(wb(*BASE, "--json").stdout)
    told = tmp_path / "progress.jsonl"
    monkeypatch.setenv(PROGRESS_VARIABLE, str(told))
    wb(*BASE)
    found = last_line(told)
    assert (found["done"], found["total"], found["note"]) == (4, 4, "all 4 answers were on record")
    assert found["metrics"]["accuracy"] == first["metrics"]["accuracy"]["value"]
    assert wb("runs", "rm", first["run"]).exit_code == 0
    again = wb(*BASE)  # another run, of answers that are kept
    assert "all 4 answers were on record" in again.stderr
    assert last_line(told)["note"] == "all 4 answers were on record"


def test_the_same_settings_again_show_the_run_that_there_is(monkeypatch):
    monkeypatch.setenv("WB_KEEP_ANSWERS_MB", "64")
    first = json.loads(wb(*BASE, "--json").stdout)
    again = wb(*BASE, "--json")
    assert again.exit_code == 0
    assert f"run {first['run']} has these answers already" in again.stderr
    assert json.loads(again.stdout)["metrics"] == first["metrics"]
    fresh = json.loads(wb(*BASE, "--fresh", "--json").stdout)
    assert fresh["run"] != first["run"]
    assert len(list_runs()) == 2
    refused = wb(*BASE, "--fresh", "--resume", "auto")
    assert isinstance(refused.exception, WbError)
    assert "--fresh starts a new run" in refused.exception.message

    kept = json.loads(wb("runs", "answers", "--json").stdout)
    assert (kept["answers"], kept["scopes"][0]["of"]["model"]) == (4, "demo")
    assert "demo" in wb("runs", "answers").stdout
    assert "4 answers forgotten" in wb("runs", "answers", "--clear").stdout
    assert "no answers kept" in wb("runs", "answers").stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--out-csv", "x.csv"], "--out-csv wants --prompts"),
        (["--prompts", "a,b", "--template", "a"], "--prompts and --template exclude"),
        (["--prompts", "a,b", "--dry-run"], "--prompts and --dry-run exclude"),
        (["--prompts", "a,b", "--shard", "1/2"], "--prompts and --shard exclude"),
        (["--prompts", "a,b", "--resume", "01k"], "--prompts are several runs"),
        (["--prompts", "a", "--out-csv", "/no/such/x.csv"], "no such folder"),
    ],
)
def test_flags_that_do_not_go_with_prompts_are_refused(args, words):
    result = wb(*BASE, *args)
    assert isinstance(result.exception, WbError), result.output
    assert words in result.exception.message


def test_a_dry_run_names_the_model_s_settings_as_their_flags_do(run_wb):
    line = ("run-eval", "--dataset", "demo/test", "--limit", "2", "--max-pixels", "100352")
    done = run_wb(*line, "--dry-run")
    assert done.code == 0 and "max pixels 100352" in done.out
    assert "image_max_pixels" not in done.out
