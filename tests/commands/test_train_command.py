"""`wb train`: a config to an adapter, a plan, a job, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from commands.main import cli
from sessions.errors import WbError
from sessions.runs import list_runs
from training.train_config import load_config
from workbench.errors import UsageError

pytestmark = pytest.mark.slow

CONFIG = """
train: demo_vqa/train[:16]
batch_size: 8
max_steps: 2
device: cpu
threads: 1
log_every: 1
lora: {r: 4, alpha: 8}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "tiny.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return str(file)


def wb(*args: str):
    return CliRunner().invoke(cli, [*args])


def test_a_dry_run_says_what_would_be_done_and_does_nothing(config):
    result = wb("train", config, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["samples"], facts["steps"], facts["samples_per_step"]) == (16, 2, 8)
    assert facts["trainable_parameters"] > 0
    rows = {row["part"]: row for row in facts["parts"]}
    assert set(rows) == {"language", "projector", "vision"}
    assert rows["language"]["trainable"] == facts["trainable_parameters"]
    assert rows["vision"]["trainable"] == rows["projector"]["trainable"] == 0
    weights = 4 * rows["language"]["parameters"]
    assert rows["language"]["bytes"] == weights + 3 * 4 * facts["trainable_parameters"]
    said = wb("train", config, "--dry-run").stdout
    assert "trainable" in said
    assert [line.split()[0] for line in said.splitlines() if "float32" in line] == [*rows]
    assert list_runs() == []


def test_a_training_ends_with_an_adapter_and_says_how_to_use_it(config):
    result = wb("train", config, "--set", "lora.r=2")
    assert result.exit_code == 0, result.output
    (run,) = list_runs()
    assert run.kind == "train"
    assert run.config["config"]["lora"]["r"] == 2
    assert run.config["asked"] == {"config": config, "set": ["lora.r=2"]}
    assert f"--adapter {run.id}" in result.stdout
    assert [line.split()[0] for line in result.stderr.splitlines() if "float32" in line] == [
        *("language", "projector", "vision")
    ]
    assert (run.path / "adapter" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "wants a config"),
        (["/no/such.yaml"], "/no/such.yaml"),
        (["--resume", "zzzz"], "zzzz"),
        (["CONFIG", "--set", "batch_size=0", "--set", "epoch=1"], "did you mean 'epochs'"),
        (["CONFIG", "--set", "nonsense"], "KEY=VALUE"),
        (["CONFIG", "--set", "base=other.yaml"], "in a file alone"),
        (["demo_lor"], "did you mean demo_lora?"),
        (["--init", "demo_lor"], "did you mean demo_lora?"),
        (["--init", "demo_lora", "CONFIG"], "there already"),
        (["--list", "--schema"], "--list and --schema cannot be combined"),
        (["CONFIG", "--set", "train=nothing/train"], "nothing"),
        (["CONFIG", "--set", "model=/no/such/model"], "/no/such/model"),
        (["CONFIG", "--set", "templates=[statement/yes-no]"], "statement/yes-no"),
        (["CONFIG", "--set", "lora.target_modules=[nowhere]"], "nowhere"),
        (["CONFIG", "--set", "adapter=/no/such/adapter"], "/no/such/adapter"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_there_is_a_run(config, args, words):
    result = wb("train", *[config if word == "CONFIG" else word for word in args])
    assert isinstance(result.exception, WbError), result.output
    assert words in result.exception.message
    assert list_runs() == []


def test_a_run_that_is_no_training_cannot_be_resumed_as_one():
    from sessions.runs import Run

    run = Run.create({"dataset": "demo"}, "key", "eval")
    run.set_state("done")
    result = wb("train", "--resume", run.id)
    assert isinstance(result.exception, WbError)
    assert "no training" in result.exception.message


@pytest.mark.slow
def test_detached_it_is_a_job_that_reports_steps_and_its_run(config):
    from sessions.jobs import Job

    result = wb("train", config, "--detach", "--json")
    assert result.exit_code == 0, result.output
    job = Job.open(json.loads(result.stdout)["job"])
    assert job.wait(timeout_s=250) == "done", job.log_path.read_text()
    (run,) = list_runs()
    assert job.run_id == run.id
    progress = job.progress()
    assert progress is not None
    assert (progress["done"], progress["total"]) == (2, 2)
    assert "loss" in progress["metrics"]


def test_a_config_that_comes_with_wb_goes_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listed = json.loads(wb("train", "--list", "--json").stdout)
    assert {"name", "about", "model", "train", "eval", "method"} <= set(listed[0])
    assert "demo_lora" in [row["name"] for row in listed]
    assert "demo_lora" in wb("train", "--list").stdout
    small = ("--set", "train=demo/train[:8]", "--set", "eval=", "--set", "device=cpu")
    result = wb("train", "demo_lora", *small, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["samples"] == 8


def test_a_written_config_is_the_shipped_one_with_every_key_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = wb("train", "--init", "demo_lora", "mine.yaml", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"config": "mine.yaml", "schema": "train.schema.json"}
    text = (tmp_path / "mine.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./train.schema.json\n")
    assert "\n# max_minutes: 0.0\n" in text
    assert load_config(tmp_path / "mine.yaml") == load_config("demo_lora")
    schema = json.loads((tmp_path / "train.schema.json").read_text())
    assert schema == json.loads(wb("train", "--schema").stdout)
    jsonschema.validate(yaml.safe_load(text), schema)
    assert isinstance(wb("train", "--init", "demo_lora", "mine.yaml").exception, UsageError)
    assert wb("train", "--init", "demo_lora").exit_code == 0
    assert (tmp_path / "demo_lora.yaml").is_file()
