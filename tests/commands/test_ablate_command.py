"""`wb ablate`: trials in processes of their own, the comparison as JSON, table and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import warm

pytestmark = pytest.mark.slow

CONFIG = """
name: some
train: demo_vqa/train[:4]
eval: demo_vqa/dev
eval_samples: 2
eval_new_tokens: 1
batch_size: 4
max_steps: 1
device: cpu
threads: 1
ablation:
  methods: [bitfit]
"""


def test_a_trial_in_a_process_of_its_own_is_compared_and_listed_as_done(
    tmp_path: Path, run_wb, monkeypatch
):
    from training import ablate

    monkeypatch.setattr(ablate.subprocess, "Popen", warm.start)
    file = tmp_path / "some.yaml"
    file.write_text(CONFIG)
    done = run_wb("ablate", str(file), "--out", str(tmp_path / "out"), "--json")
    assert done.code == 0, done.err
    (variant,) = done.json["compared"]
    assert (variant["done"], variant["failed"]) == (1, 0)
    assert variant["figures"]["accuracy"]["n"] == 1
    assert variant["trainable_parameters"] == 1280
    assert {"comparison.csv", "comparison.md", "metric.png"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    listed = run_wb("ablate", str(file), "--dry-run", "--json").json["trials"]
    assert [row["state"] for row in listed] == ["done"]
    table = run_wb("ablate", str(file))
    assert table.code == 0 and table.out.splitlines()[1].startswith("bitfit   1/1")
    assert "chose each run's checkpoint" in table.err


def test_a_job_is_started_by_an_absolute_path(tmp_path: Path, run_wb, monkeypatch):
    import sessions.jobs

    started = []

    class Job:
        id = "j1"

    monkeypatch.setattr(sessions.jobs, "start", lambda words, title: started.append(words) or Job)
    (tmp_path / "some.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    assert run_wb("ablate", "some.yaml", "--set", "epochs=2", "--detach").out == "j1\n"
    assert started == [["wb", "ablate", str(tmp_path / "some.yaml"), "--set", "epochs=2"]]


def test_the_shipped_ones_are_listed_and_none_is_refused(run_wb):
    assert "easy_vqa" in [row["name"] for row in run_wb("ablate", "--list", "--json").json]
    refused = run_wb("ablate")
    assert refused.code == 2 and "--list" in refused.err
