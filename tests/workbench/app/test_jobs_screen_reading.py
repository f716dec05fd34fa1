"""Reading jobs: of logs and progress the end and what is new; lines checked by the commands."""

import json
from dataclasses import replace

import pytest

from commands.parse_only import looked_at, problem_of
from sessions.atomic import append_line
from sessions.jobs import Job
from tests.workbench.app.make_records import make_job, make_run
from workbench.app.jobs.command_line import LineVerdict, check_words, split_line
from workbench.app.jobs.field_choices import choices_for, keys_of_recipe
from workbench.app.jobs.job_table import bar, figure
from workbench.app.jobs.line_fields import KINDS, fill, read_back, without
from workbench.app.jobs.reading import POINTS, TAIL, CurveFile, JobSummary, LogTail, last_progress
from workbench.app.lists.palette import PALETTE
from workbench.app.lists.plot import braille
from workbench.errors import UsageError
from workbench.reports.job import wait_for


def test_a_tail_reads_what_is_new_and_starts_anew_when_the_log_does(tmp_path):
    path = tmp_path / "log"
    path.write_text("one\ntwo\nthr")
    tail = LogTail(path)
    assert tail.read() == (["one", "two"], True) and tail.unfinished == "thr"
    with path.open("a") as out:
        out.write("ee\n")
    assert tail.read() == (["three"], False) and tail.unfinished == ""
    path.write_text("new\n")
    assert tail.read() == (["new"], True)


def test_a_tail_begins_at_a_whole_line_and_says_what_it_left_out(tmp_path):
    path = tmp_path / "log"
    path.write_text("".join(f"line number {i}\n" for i in range(50_000)))
    tail = LogTail(path)
    lines, _ = tail.read()
    assert lines[-1] == "line number 49999" and lines[0].startswith("line number ")
    assert tail.skipped == path.stat().st_size - TAIL


def test_a_missing_log_is_no_error(tmp_path):
    assert LogTail(tmp_path / "none").read() == ([], False)


def test_progress_keeps_figures_that_the_last_line_leaves_out(tmp_path):
    path = tmp_path / "progress.jsonl"
    lines = [
        {"ts": "2026-01-01T00:00:00Z", "done": 0, "total": 10, "metrics": {"loss": 2.0}},
        {"ts": "2026-01-01T00:00:04Z", "done": 8, "total": 10, "metrics": {}},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"done": 9')
    progress = last_progress(path)
    assert (progress.done, progress.total, progress.metrics) == (8, 10, {"loss": 2.0})
    assert progress.rate == 2.0 and progress.eta_s == 1.0


def test_a_job_that_had_nothing_to_ask_says_so_in_the_place_of_its_bar(tmp_path):
    path = tmp_path / "progress.jsonl"
    note = "all 42 answers were on record"
    append_line(path, {"done": 42, "total": 42, "metrics": {"accuracy": 0.9}, "note": note})
    job = JobSummary("x", tmp_path, state="done", progress=last_progress(path))
    assert bar(job, 40, PALETTE).plain == note
    assert figure(job, PALETTE).plain == "accuracy 0.900"
    assert note not in bar(replace(job, state="running"), 40, PALETTE).plain


def test_a_figure_that_a_report_carries_over_is_no_point_and_each_evaluation_is_one(tmp_path):
    path = tmp_path / "progress.jsonl"
    lines = [
        (2, "training", {"loss": 2.0}),
        (3, "training", {"loss": 2.0}),
        (4, "evaluating", {"loss": 2.0}),
        (5, "training", {"loss": 1.5, "eval_accuracy": 0.8}),
        (6, "training", {"loss": 1.5, "eval_accuracy": 0.8}),
        (8, "evaluating", {"loss": 1.5, "eval_accuracy": 0.8}),
        (8, "trained", {"loss": 1.5, "eval_accuracy": 0.8}),
    ]
    written = [{"done": n, "message": m, "metrics": metrics} for n, m, metrics in lines]
    path.write_text("".join(json.dumps(line) + "\n" for line in written))
    curves = CurveFile(path)
    assert curves.read()
    assert curves.curves["loss"] == [(2, 2.0), (5, 1.5)]
    assert curves.curves["eval_accuracy"] == [(5, 0.8), (8, 0.8)]  # as good the second time


def test_a_failed_job_says_the_last_error_of_its_log():
    from sessions.jobs import Job
    from workbench.reports.job import ending_words

    log = "error: first\nhint: none\nerror: no dataset 'dmeo'\nhint: wb data list\n"
    folder, _ = make_job(["wb", "x"], state="failed", log=log, message="ended with exit code 2")
    mute, _ = make_job(["wb", "y"], state="failed", log="Killed\n", message="killed by signal 9")
    done, _ = make_job(["wb", "z"], log="error: of a sample\n", message="")
    said = [ending_words(Job.open(one.path.name)) for one in (folder, mute, done)]
    assert said == ["no dataset 'dmeo'", "killed by signal 9", ""]


def test_curves_grow_and_are_thinned_out_with_both_ends_kept(tmp_path):
    path = tmp_path / "progress.jsonl"
    curves = CurveFile(path)
    assert not curves.read()
    with path.open("w") as out:
        for i in range(3 * POINTS):
            out.write(json.dumps({"done": i, "metrics": {"loss": float(i), "ok": True}}) + "\n")
    assert curves.read() and not curves.read()
    points = curves.curves["loss"]
    assert len(points) <= 2 * POINTS + 1 and list(curves.curves) == ["loss"]
    assert points[0] == (0.0, 0.0) and points[-1][0] == 3 * POINTS - 1


def test_a_rising_line_is_drawn_from_the_lower_left_to_the_upper_right():
    rows = braille([(0, 0.0), (1, 1.0)], 4, 2, 0.0, 1.0)
    assert rows[0][0] == " " and rows[0][3] != " "
    assert rows[1][0] != " " and rows[1][3] == " "
    assert braille([], 3, 1, 0, 1) == ["   "]
    assert braille([(0, float("nan"))], 3, 1, 0, 1) == ["   "]


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["run-eval", "--dataset", "demo"], ""),
        (["run-eval", "--limit", "x"], "--limit"),
        (["run-eval", "--nonsense"], "--nonsense"),
        (["no-such"], "no-such"),
        (["run-eval", "--help"], "only prints"),
        (["data"], "missing"),
    ],
)
def test_the_commands_themselves_say_what_is_wrong_with_a_line(argv, word, capsys):
    problem = problem_of(argv)
    assert word in problem if word else problem == ""


def test_a_line_is_checked_in_a_process_that_runs_nothing():
    assert check_words(["run-eval", "--dataset", "demo/test"]) == LineVerdict()
    assert "--limit" in check_words(["run-eval", "--limit", "x"]).problem


def test_a_line_is_split_as_a_shell_would_and_never_put_aside_twice():
    assert split_line("wb run-eval --dataset 'my data' --detach") == [
        "run-eval",
        "--dataset",
        "my data",
    ]
    assert split_line("run-eval") == ["run-eval"]
    with pytest.raises(UsageError, match="no shell"):
        split_line("wb run-eval && rm -rf x")


def test_the_line_of_a_kind_of_job_leaves_out_what_is_empty_and_quotes_what_needs_it():
    values = {"dataset": "my data", "split": "dev", "model": "demo", "limit": " "}
    line = fill(KINDS["evaluate"], values)
    assert line == "wb run-eval --dataset 'my data' --split dev --model demo"


@pytest.mark.parametrize(
    ("kind", "line", "fields"),
    [
        (
            "evaluate",
            "wb run-eval --dataset demo --split test --limit 9 --temperature 0.7 --random",
            {"dataset": "demo", "limit": "9", "more flags": "--temperature 0.7 --random"},
        ),
        ("evaluate", "wb run-eval --split=dev --stop 'a b'", {"more flags": "--stop 'a b'"}),
        (
            "train",
            "wb train mine.yaml --set model=demo --set epochs=2 --set lora.r=8",
            {"config": "mine.yaml", "model": "demo", "more flags": "--set lora.r=8"},
        ),
        ("train", "wb train --resume 01k2", {"config": "", "more flags": "--resume 01k2"}),
        ("replay", "wb replay last --dtype fp32", {"session": "last"}),
    ],
)
def test_the_fields_of_a_line_make_the_same_line_again(kind, line, fields):
    values = read_back(KINDS[kind], split_line(line))
    assert values is not None and {name: values[name] for name in fields} == fields
    assert split_line(fill(KINDS[kind], values)) == split_line(line.replace("=dev", " dev"))


def test_what_a_recipe_says_is_taken_out_of_the_fields():
    said = keys_of_recipe("esnlive_llava_3shot")
    assert {"--dataset", "--split", "--model", "--adapter", "--max-new-tokens"} <= said
    assert without("--max-new-tokens 64 --seed 3 --stop 'a b'", said) == "--seed 3 --stop 'a b'"
    assert keys_of_recipe("nosuch") == set()


def test_a_line_of_another_kind_has_none_of_its_fields():
    assert read_back(KINDS["train"], ["run-eval", "--dataset", "demo"]) is None
    assert read_back(KINDS["other"], ["data", "list"]) is None


def test_each_field_lists_what_there_is_with_a_sentence_each():
    values = {"dataset": "demo", "model": "demo"}
    splits = {choice.value: choice.about for choice in choices_for("splits", values)}
    assert list(splits) == ["train", "dev", "test", "stream"]
    assert splits["test"].startswith("1,000 samples") and splits["stream"].startswith("endless")
    parts = [choice.value for choice in choices_for("parts", {})]
    assert "demo_nli/dev" in parts
    templates = choices_for("templates", values)
    assert templates[0].value == "statement/true-false" and all(c.about for c in templates)
    assert "not statement" in templates[-1].problem
    assert [choice.value for choice in choices_for("models", values)] == ["demo"]
    assert choices_for("adapters", values) == [] and choices_for("sessions", {}) == []
    assert all(choice.about for choice in choices_for("recipes", {}))
    assert "demo_lora" in [choice.value for choice in choices_for("configs", {}) if choice.about]


def test_a_training_that_could_not_start_is_told_in_the_form(tmp_path):
    assert "wants a config" in looked_at(["train"])["problem"]
    assert "nothing.yaml" in looked_at(["train", str(tmp_path / "nothing.yaml")])["problem"]
    (tmp_path / "bad.yaml").write_text("train: demo/train\nepohcs: 1\n")
    assert "epochs" in looked_at(["train", str(tmp_path / "bad.yaml")])["problem"]
    assert "only prints" in looked_at(["train", "--list"])["problem"]
    assert looked_at(["train", "demo_lora", "--set", "epochs=1"])["problem"] == ""


def test_who_waits_for_a_paused_job_is_told_once_how_it_goes_on():
    run = make_run(2, state="running", total=4)  # this process is at it
    folder, lock = make_job(["wb", "run-eval"], state="running", runs=[run.id])
    told: list[str] = []
    try:
        job = Job.open(folder.path.name)
        assert wait_for(job, 0, on_paused=told.append) == "running" and told == []
        run.set_state("running", paused=True)
        assert wait_for(job, 0, on_paused=told.append) == "running"
    finally:
        run.close()
        lock.release()
    assert told == [f"{job.id} is paused; it goes on by: wb runs ctl {run.id} resume"]
