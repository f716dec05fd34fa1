"""An adapter over another model than the one that it was trained over: said, not silent."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from safetensors.numpy import save_file

from commands.run_eval import command
from workbench.evaluation.notes import notes_of
from workbench.models.locate import find_model
from workbench.models.standing import other_base


def adapter(folder: Path, base: str) -> str:
    folder.mkdir()
    body = {"peft_type": "LORA", "base_model_name_or_path": base}
    (folder / "adapter_config.json").write_text(json.dumps(body))
    save_file({"w": np.zeros(1, np.float32)}, folder / "adapter_model.safetensors")
    return str(folder)


def test_another_base_is_named_and_the_same_one_is_not(tmp_path: Path):
    mine = adapter(tmp_path / "mine", str(find_model("demo")))
    other = adapter(tmp_path / "other", "Qwen/Qwen2-VL-2B-Instruct")
    assert other_base(mine, "demo") == other_base(mine, str(find_model("demo"))) == ""
    assert other_base(other, "demo") == "trained over Qwen2-VL-2B-Instruct, not demo"
    assert other_base(adapter(tmp_path / "none", ""), "demo") == ""
    assert other_base(str(tmp_path / "gone"), "demo") == other_base("", "demo") == ""


def test_a_run_says_it_beside_its_figures():
    said = "trained over A, not B"
    assert notes_of({"adapter_note": said}, []) == [f"the adapter was {said}"]
    assert notes_of({"adapter_note": ""}, []) == notes_of({}, []) == []


def test_a_command_says_it_before_anything_is_loaded(tmp_path: Path):
    other = adapter(tmp_path / "other", "Qwen/Qwen2-VL-2B-Instruct")
    args = ["--dataset", "demo", "--split", "nosuch", "--adapter", other]
    result = CliRunner().invoke(command, args)
    assert result.exception is not None
    assert "was trained over Qwen2-VL-2B-Instruct, not demo" in result.stderr


def test_a_run_says_it_once(tmp_path: Path, monkeypatch):
    from commands import run_eval  # the adapter of one weight is never loaded: the run is at hand
    from sessions.runs import Run
    from workbench.evaluation import runner

    other = adapter(tmp_path / "other", "Qwen/Qwen2-VL-2B-Instruct")
    said = "the adapter was trained over Qwen2-VL-2B-Instruct, not demo"
    with Run.create({"dataset": "demo", "split": "test"}, "k", total=1) as run:
        facts = {"run": run.id, "dataset": "demo", "split": "test", "model": "demo"}
        counts = {"total": 1, "answered": 1, "failed": 0}
        rest = {"adapter": other, "state": "done", "seconds": 1.0, "counts": counts}
        run.write_metrics({**facts, **rest, "metrics": {}, "notes": [said, "another"]})
    monkeypatch.setattr(runner, "evaluate", lambda *_args, **_kw: run)
    args = ["--dataset", "demo", "--split", "test", "--adapter", other, "--json"]
    found = CliRunner().invoke(run_eval.command, args, catch_exceptions=False)
    assert found.stderr.count("trained over") == 1 and "another" in found.stderr
