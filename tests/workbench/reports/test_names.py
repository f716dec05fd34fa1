"""One form of a run's name and of a job's, wherever one is told."""

import pytest

from sessions.ids import new_id, short_id
from workbench.reports.job_title import MOST, job_title
from workbench.reports.run import run_name


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("run-eval --dataset demo --split test --model demo", "evaluate demo/test with demo"),
        ("run-eval --dataset=demo --limit 9", "evaluate demo · limit 9"),
        (
            "run-eval --dataset demo/dev --model own/Big-VL --adapter runs/x/lora-a"
            " --template statement/yes-no --json",
            "evaluate demo/dev with Big-VL +lora-a · statement/yes-no",
        ),
        ("run-eval --dataset demo --shard 1/4", "evaluate demo · shard 1/4"),
        ("run-eval --config fast.toml", "evaluate fast.toml"),
        ("run-eval --resume 01k2grid", "resume the evaluation 01k2grid"),
        (
            "train nlvr1 --set model=demo --set train=demo/train",
            "train nlvr1 with demo on demo/train",
        ),
        ("train configs/own.yaml", "train own"),
        ("train --resume 01k2grid", "resume the training 01k2grid"),
        ("infer ./pictures --model demo --out x", "ask all of ./pictures with demo"),
        ("replay 2026-01-02 --model own/other", "replay 2026-01-02 with other"),
        ("data cache hub/nlvr2 --split dev", "data cache hub/nlvr2 dev"),
        ("models merge a b --out c", "models merge a b"),
    ],
)
def test_a_job_is_called_by_what_it_does(line, title):
    assert job_title(["wb", *line.split()]) == title
    assert job_title(line.split()) == title


def test_a_command_of_ones_own_is_called_as_it_was_typed():
    assert job_title(["python", "x.py", "--all", "1"]) == "python x.py --all 1"
    assert job_title([]) == ""


def test_a_long_title_is_cut_and_says_so():
    title = job_title(["wb", "run-eval", "--dataset", "d" * 200])
    assert len(title) == MOST and title.endswith("…")


def test_a_run_is_called_by_its_data_its_model_and_the_end_of_its_id():
    ident = new_id()
    config = {"dataset": "demo", "split": "test", "model": "own/Big-VL", "adapter": "lora/a"}
    assert run_name(config, ident) == f"demo/test Big-VL +a {short_id(ident)}"
    assert run_name(config, ident, data=False) == f"Big-VL +a {short_id(ident)}"
    assert run_name({}, "imported-run") == "– imported-run"


def test_a_training_is_called_by_its_own_name_which_ends_in_its_id():
    ident = new_id()
    config = {"train": ["demo/train"], "name": "nlvr1", "model": "demo"}
    assert run_name(config, ident) == f"demo/train demo +nlvr1·{short_id(ident)}"
