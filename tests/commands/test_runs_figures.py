"""Figures as commands print them: nothing is "–", clusters are said, runs are compared rightly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from sessions.runs import Run

EVAL = ("--device", "cpu", "--threads", "1", "--max-new-tokens", "2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (32, 32), (200, 0, 0)).save(tmp_path / "s0.png")
    return tmp_path


def test_a_run_in_which_all_failed_exits_1_with_the_commonest_error(run_wb, folder):
    (folder / "t.csv").write_text("id,question,answer,image\n1,a?,b,gone.png\n2,a?,b,gone2.png\n")
    assert run_wb("data", "add", "noimg", str(folder / "t.csv"), "--allow-missing").code == 0
    done = run_wb("run-eval", "--dataset", "noimg", *EVAL)
    assert done.code == 1
    assert "all 2 samples failed" in done.err and "gone.png" in done.err
    assert "accuracy" in done.out and "–" in done.out and "0.0000" not in done.out
    done = run_wb("run-eval", "--resume", "last", "--json")
    assert done.code == 1
    figures = done.json["metrics"]
    assert all(figure["value"] is None and figure["reason"] for figure in figures.values())
    shown = run_wb("runs", "show", "last").out
    assert "–" in shown and "all samples failed" in shown
    assert run_wb("runs", "list", "--json").json[0]["metrics"]["accuracy"]["value"] is None
    assert "accuracy –" in run_wb("runs", "list").out


def test_samples_without_a_label_have_no_accuracy(run_wb, folder):
    (folder / "t.csv").write_text("id,question,answer,image\n1,a?,,s0.png\n")
    assert run_wb("data", "add", "nolabel", str(folder / "t.csv")).code == 0
    done = run_wb("run-eval", "--dataset", "nolabel", *EVAL, "--json")
    assert done.code == 0
    assert done.json["metrics"]["accuracy"] == {
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
        "reason": "no samples",
    }


@pytest.mark.slow
def test_sorted_data_says_so_and_a_draw_sees_both_labels(run_wb, folder):
    rows = [
        {"id": i, "image": "s0.png", "hypothesis": "x", "label": "no" if i < 30 else "yes"}
        for i in range(60)
    ]
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run_wb("data", "add", "sorted", str(folder / "t.jsonl")).code == 0
    wish = ("run-eval", "--dataset", "sorted", "--limit", "20", "--label-scores", *EVAL)
    done = run_wb(*wish)
    assert "one label alone (no)" in done.err and "--random --limit 20 --seed 0" in done.err
    assert "all samples have one label" in done.out  # AUROC
    (macro,) = [line for line in done.out.splitlines() if "macro_f1" in line]
    assert "without yes" in macro
    assert "one label alone" in run_wb("runs", "show", "last").out
    drawn = run_wb(*wish, "--random", "--seed", "3", "--json")
    assert "one label" not in drawn.err and drawn.json["metrics"]["auroc"]["value"] is not None
    # All sixty are of one picture: there is no saying how others would do.
    assert drawn.json["metrics"]["accuracy"]["clusters"] == 1
    assert drawn.json["metrics"]["accuracy"]["low"] is None


def test_knobs_that_do_nothing_beside_temperature_0_are_told(run_wb):
    wish = ("run-eval", "--dataset", "demo/test", "--limit", "2", *EVAL)
    assert "--top-p 0.9 does nothing" in run_wb(*wish, "--top-p", "0.9").err
    assert "does nothing" not in run_wb(*wish, "--top-p", "0.9", "--temperature", "1").err


def make(task: str, lines: list[dict], **config) -> Run:
    settings = {"dataset": "d", "split": "t", "model": "demo", "task": task} | config
    run = Run.create(settings, "k", total=len(lines))
    run.append_many({"uid": f"d/t/{i:03}", "error": None, **line} for i, line in enumerate(lines))
    run.set_state("done")
    return run


def captions(said: list[str], **config) -> Run:
    lines = [
        {"target": "a red dog runs", "references": ["a red dog runs"], "label": s, "correct": None}
        for s in said
    ]
    return make("caption", lines, **config)


def test_caption_runs_are_compared_by_their_own_figures(run_wb):
    good = ["a red dog runs"] * 18 + ["a blue cat"] * 2
    bad = ["a blue cat sits here"] * 15 + ["a red dog runs"] * 5
    a, b = captions(bad, template="caption/short"), captions(good, template="caption/plain")
    found = run_wb("runs", "compare", a.id, b.id, "--json").json
    assert found["differs"] == {"template": ["caption/short", "caption/plain"]}
    by_name = {change["name"]: change for change in found["metrics"]}
    assert set(by_name) == {"bleu4", "rouge_l"}
    for change in by_name.values():
        assert change["difference"]["value"] > 0.3 and change["difference"]["p_value"] < 0.01
        assert change["test"] == "paired bootstrap"
    assert found["accuracy_a"] is None and found["p_value"] is None and found["n"] == 0
    text = run_wb("runs", "compare", a.id, b.id).out
    assert text.index("template") < text.index("bleu4")
    assert "the second is better" in text and "accuracy" not in text
    same = run_wb("runs", "compare", a.id, a.id).out
    assert "no setting differs" in same and "no difference could be shown" in same


def test_runs_of_different_tasks_are_refused(run_wb):
    a = captions(["a dog"] * 3)
    b = make("statement", [{"target": "true", "label": "true", "correct": True}] * 3)
    done = run_wb("runs", "compare", a.id, b.id)
    assert done.code == 1 and "different figures" in done.err and done.out == ""


def test_questions_of_ten_people_are_compared_by_the_vqa_accuracy_too(run_wb):
    people = ["yes"] * 6 + ["no"] * 4
    line = {"target": "yes", "references": people}
    a = make("question", [line | {"label": "no", "correct": False}] * 12)
    b = make("question", [line | {"label": "yes", "correct": True}] * 12)
    found = run_wb("runs", "compare", a.id, b.id, "--json").json
    assert [change["name"] for change in found["metrics"]] == ["accuracy", "vqa_accuracy"]


def test_a_difference_over_few_images_is_not_made_of_their_many_questions(run_wb):
    def lines(right_from: int) -> list[dict]:
        return [
            {
                "target": "true",
                "label": "true" if i >= right_from else "false",
                "images": [f"{i // 6}"],
            }
            for i in range(24)
        ]

    a, b = make("statement", lines(24)), make("statement", lines(12))
    found = run_wb("runs", "compare", a.id, b.id, "--json").json
    assert (found["only_b"], found["difference"]["cluster"]) == (12, "image")
    assert found["difference"]["clusters"] == 4
    assert found["p_value"] == pytest.approx(0.5)  # two of two images; McNemar's alone says 0.0005
    assert "clusters" in found["test"]
    assert "4 clusters by image" in run_wb("runs", "compare", a.id, b.id).out


def test_clusters_are_not_called_so_many_sentences_where_they_hold_several(run_wb):
    # Three sentences, of which two show one picture: two clusters.
    line = {"target": "true", "label": "true"}
    groups = [("a", "1"), ("a", "2"), ("b", "2"), ("c", "3"), ("c", "4")]
    run = make("statement", [line | {"group": g, "images": [i]} for g, i in groups])
    out = run_wb("runs", "compare", run.id, run.id).out
    assert "2 clusters by sentence" in out and "2 sentences" not in out


def test_an_unread_or_failed_answer_of_a_flip_is_named(run_wb):
    right = {"target": "true", "label": "true", "text": "True.", "correct": True}
    unread = {"target": "true", "label": None, "text": "maybe", "correct": False}
    failed = {"target": "true", "label": None, "error": {"message": "no image"}}
    a, b = make("statement", [right, right]), make("statement", [unread, failed])
    rows = [x.split() for x in run_wb("runs", "compare", a.id, b.id, "--flips").out.splitlines()]
    assert ["d/t/000", "broken", "true", "true", "unparsed"] in rows
    assert ["d/t/001", "broken", "true", "true", "failed"] in rows


def test_two_adapters_are_told_apart_in_every_table_however_deep_their_folders(run_wb, tmp_path):
    line = {"target": "true", "label": "true", "correct": True}
    folder = tmp_path / ("a-folder-with-a-long-name" * 3)
    runs = [make("statement", [line], adapter=str(folder / f"lora-{n}")) for n in (1, 2)]
    ids = [run.id for run in runs]
    compared, tabled = run_wb("runs", "compare", *ids).out, run_wb("runs", "table", *ids).out
    many = run_wb("runs", "compare", *ids, ids[0]).out
    assert run_wb("runs", "report", *ids, "--out", str(tmp_path / "out")).code == 0
    report = (tmp_path / "out" / "report.md").read_text()
    for out in (compared, tabled, many):
        assert "+lora-1" in out and "+lora-2" in out and "a-folder-with" not in out
    assert ["adapter", "lora-1", "lora-2"] in [row.split() for row in compared.splitlines()]
    assert report.count("lora-1 on d/t") == report.count("lora-2 on d/t") == 1
    differs = run_wb("runs", "compare", *ids, "--json").json["differs"]
    assert differs["adapter"] == [str(folder / "lora-1"), str(folder / "lora-2")]


def test_a_zero_of_no_samples_of_an_older_version_is_read_as_none(run_wb):
    run = Run.create({"dataset": "d", "split": "t"}, "k", total=1)
    old = {"accuracy": {"value": 0.0, "low": 0.0, "high": 1.0, "n": 0}, "eval_loss": 0.0}
    run.write_metrics({"metrics": old, "counts": {"total": 1, "done": 1}})
    run.set_state("done")
    found = run_wb("runs", "show", run.id, "--json").json["metrics"]
    assert found["eval_loss"] == 0.0
    assert found["accuracy"]["value"] is None and found["accuracy"]["reason"] == "no samples"
    (line,) = [x for x in run_wb("runs", "show", run.id).out.splitlines() if "accuracy" in x]
    assert line.split() == ["accuracy", "–", "no", "samples"]


def test_nothing_as_zero_cases_of_others(run_wb, tmp_path):
    cases = Path(__file__).resolve().parents[3] / "shared" / "cases" / "nothing-as-zero"
    if not cases.is_dir():
        pytest.skip("shared/cases is not beside the checkout")
    shutil.copytree(cases, tmp_path / "c")
    run_wb("data", "add", "noimg", str(tmp_path / "c" / "noimg.csv"), "--allow-missing")
    assert run_wb("run-eval", "--dataset", "noimg", *EVAL).code == 1
