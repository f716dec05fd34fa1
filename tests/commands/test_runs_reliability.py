"""`wb runs reliability` and `wb runs show --disagree`: from label scores in a run's record."""

from __future__ import annotations

import pytest

from sessions.runs import Run


def _line(i: int, label: str, yes: float) -> dict:
    line = {"uid": f"d/t/{i}", "target": "yes", "label": label, "text": label, "error": None}
    return line | {"correct": label == "yes", "scores": {"yes": yes, "no": -1.0}}


@pytest.fixture
def run():
    with Run.create({"task": "statement", "dataset": "d", "model": "m"}, "key", total=3) as run:
        run.append_many([_line(0, "yes", -0.1), _line(1, "no", -0.2), _line(2, "no", -3.0)])
        run.set_state("done", total=3)
    return run


def test_the_diagram_is_printed_and_written(run, run_wb, tmp_path):
    picture = tmp_path / "r.png"
    done = run_wb("runs", "reliability", run.id, "--bins", "4", "--out", str(picture))
    assert done.code == 0, done.err
    assert "ECE" in done.out and "4 bins of equal width" in done.out
    assert picture.read_bytes().startswith(b"\x89PNG")
    document = run_wb("runs", "reliability", run.id, "--adaptive", "--json").json
    assert sum(one["n"] for one in document["bins"]) == 3
    assert 0 < document["brier"]["value"] < 1


def test_the_samples_whose_text_and_scores_disagree_are_listed(run, run_wb):
    assert run_wb("runs", "show", run.id, "--disagree", "--uids").out == "d/t/1\n"


def test_a_run_without_scores_says_how_to_get_them(run_wb):
    with Run.create({"task": "statement"}, "other", total=1) as run:
        run.append({"uid": "d/t/0", "target": "yes", "label": "yes", "text": "", "error": None})
        run.set_state("done", total=1)
    done = run_wb("runs", "reliability", run.id)
    assert done.code == 1 and "--answer score" in done.err
    assert run_wb("runs", "reliability", run.id, "--bins", "0").code == 2
