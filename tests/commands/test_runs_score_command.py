"""`wb runs score`: a run's figures made again from its answers."""

from __future__ import annotations

import pytest

from sessions.runs import Run

CAPTIONS = [
    {"uid": f"d/t/{i}", "target": None, "label": said, "text": said, "correct": None, "error": None}
    | {"references": ["A red bus on the street.", "a bus"]}
    for i, said in enumerate(["a red bus", "two dogs", "a bus on a street"])
]


@pytest.fixture
def run():
    config = {"task": "caption", "labels": [], "dataset": "d", "split": "t", "model": "m"}
    with Run.create(config, "key", "eval", total=3) as run:
        run.append_many(CAPTIONS)
        run.write_metrics({"metrics": {"bleu4": {"value": 0.5, "low": 0, "high": 1, "n": 3}}})
        run.set_state("done", total=3)
    return run


def test_the_figures_of_a_run_are_made_again_from_its_answers(run, run_wb, tmp_path):
    argv = ["runs", "score", run.id, "--metrics", "coco_bleu,bertscore", "--json"]
    argv += ["--bertscore-model", str(tmp_path / "none")]
    result = run_wb(*argv)
    assert result.code == 0, result.err
    document = result.json
    assert document["state"] == "done"
    assert document["metrics"]["coco_bleu1"]["value"] > 0
    # A model that is not at hand: absent with its reason, never 0.
    missing = document["metrics"]["bertscore_f1"]
    assert missing["value"] is None and "none" in missing["reason"]
    assert Run.open(run.id).metrics()["metrics"]["coco_bleu1"] == document["metrics"]["coco_bleu1"]
    assert len(list(Run.open(run.id).predictions())) == 3


def test_a_metric_that_there_is_not_is_refused_with_the_list(run, run_wb):
    result = run_wb("runs", "score", run.id, "--metrics", "blue")
    assert result.code == 2
    assert "'blue'" in result.err and "coco_bleu" in result.err
