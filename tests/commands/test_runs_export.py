"""`wb runs export`: CSV, COCO results and lmms-eval's samples."""

from __future__ import annotations

import csv
import io
import json

import pytest

from sessions.runs import Run


@pytest.fixture
def run():
    lines = [
        {"uid": "demo/test/000001", "target": "True", "label": "False", "text": "=1+1"},
        {"uid": "demo/test/000000", "target": "True", "label": "True", "text": "True. It is."},
        {"uid": "demo/test/000002", "target": "True", "label": None, "text": ""},
    ]
    with Run.create({"task": "statement", "dataset": "demo"}, "k", total=3) as run:
        for line in lines:
            error = {"kind": "x", "message": "no image"} if line["label"] is None else None
            right = line["label"] == line["target"]
            run.append(line | {"error": error, "correct": right, "explanation": ""})
        run.set_state("done", total=3)
    return run


def test_a_table_has_a_row_for_each_sample_and_no_formula(run, run_wb, tmp_path):
    out = tmp_path / "a.csv"
    assert run_wb("runs", "export", run.id, str(out)).code == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [row["uid"][-1] for row in rows] == ["0", "1", "2"]
    assert rows[1]["text"] == "'=1+1" and rows[2]["error"] == "no image"


def test_columns_may_be_texts_of_the_samples(run, run_wb):
    done = run_wb("runs", "export", run.id, "--columns", "img_path,sentence,label")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert all(row["img_path"] and row["sentence"] for row in rows)
    done = run_wb("runs", "export", run.id, "--columns", "hypothesis")
    assert done.code == 2 and "sentence" in done.err
    assert run_wb("runs", "export", run.id, "--columns", "uid", "--format", "coco").code == 2


def test_a_column_has_the_name_that_it_is_given(run, run_wb):
    done = run_wb("runs", "export", run.id, "--columns", "statement=sentence, explanation=text")
    first = next(csv.DictReader(io.StringIO(done.out)))
    assert list(first) == ["statement", "explanation"]
    assert first["explanation"] == "True. It is." and first["statement"]


@pytest.mark.parametrize(
    ("columns", "words"),
    [("=text", "NAME=SOURCE, got '=text'"), ("a=", "got 'a='"), ("uid,uid=text", "'uid' twice")],
)
def test_columns_that_cannot_be_meant_are_refused(run, run_wb, columns, words):
    done = run_wb("runs", "export", run.id, "--columns", columns)
    assert done.code == 2 and words in done.err


def test_the_table_is_printed_as_json_too(run, run_wb):
    found = run_wb("runs", "export", run.id, "--json").json
    assert [row["uid"][-1] for row in found] == ["0", "1", "2"]
    assert found[1]["text"] == "=1+1" and found[0]["correct"] is True
    done = run_wb("runs", "export", run.id, "--json", "--columns", "answer=text").json
    assert done[0] == {"answer": "True. It is."}
    assert run_wb("runs", "export", run.id, "--json", "--format", "coco").code == 2


def test_other_harnesses_get_their_own_keys(run, run_wb):
    coco = json.loads(run_wb("runs", "export", run.id, "--format", "coco").out)
    assert coco == [{"image_id": 0, "caption": "True"}, {"image_id": 1, "caption": "False"}]
    lines = run_wb("runs", "export", run.id, "--format", "lmms-eval").out.splitlines()
    first = json.loads(lines[0])
    assert first["doc_id"] == 0 and first["resps"] == [["True. It is."]]
    assert first["filtered_resps"] == ["True"] and first["accuracy"] == 1.0
    assert len(lines) == 3


def test_coco_s_results_keep_explanations_and_read_back_as_the_same_answers(run_wb, tmp_path):
    with Run.create({"task": "statement", "dataset": "demo"}, "why", total=1) as run:
        line = {"uid": "demo/test/000001", "label": "True", "text": "True. Two are red."}
        run.append(line | {"explanation": "Two are red.", "error": None, "correct": True})
        run.set_state("done", total=1)
    file = tmp_path / "results.json"
    assert run_wb("runs", "export", run.id, str(file), "--format", "coco").code == 0
    (entry,) = json.loads(file.read_text())
    assert entry == {"image_id": 1, "caption": "True", "explanation": "Two are red."}
    back = run_wb("runs", "import", str(file), "--dataset", "demo/test", "--json").json
    assert [one["label"] for one in Run.open(back["run"]).predictions()] == ["True"]


def test_coco_s_results_of_boxes_are_detections(run_wb):
    with Run.create({"task": "grounding", "dataset": "demo_boxes"}, "boxes", total=2) as run:
        regions = [{"box": [10, 20, 40, 60], "name": "cat"}, {"point": [5.5, 6]}]
        line = {"uid": "demo_boxes/test/000007", "label": "[10, 20, 40, 60]", "text": "(10,20)"}
        run.append(line | {"error": None, "grounding": {"v": 1, "regions": regions}})
        none = {"uid": "demo_boxes/test/000008", "label": None, "text": "No.", "error": None}
        run.append(none | {"grounding": {"v": 1, "regions": []}})
        run.set_state("done", total=2)
    done = run_wb("runs", "export", run.id, "--format", "coco")
    (entry,) = json.loads(done.out)
    assert entry["bbox"] == [10, 20, 30, 40] and entry["image_id"] == 7
    assert (entry["category_id"], entry["score"], entry["name"]) == (1, 1.0, "cat")


@pytest.mark.slow
def test_what_was_exported_is_imported_and_compared(run_wb, tmp_path):
    out = tmp_path / "a.csv"
    out.write_text("uid,text\ndemo/test/000000,False\ndemo/test/000001,True\n")
    done = run_wb("runs", "import", str(out), "--dataset", "demo/test", "--json")
    assert done.code == 0 and done.json["rows"]["matched"] == 2
    again = run_wb("runs", "import", str(out), "--dataset", "demo/test", "--model", "b")
    assert again.code == 0 and "2 of 2 rows" in again.err
    assert run_wb("runs", "compare", done.json["run"], again.out.strip()).code == 0
    report = tmp_path / "r.md"
    assert run_wb("runs", "report", again.out.strip(), "--out", str(report)).code == 0
    assert "wb runs import" in report.read_text()
    out.write_text("uid,text\nx,False\n")
    done = run_wb("runs", "import", str(out), "--dataset", "demo/test")
    assert done.code == 1 and "no row" in done.err


def test_json_lines_are_those_of_the_record_in_the_order_of_the_uids(run, run_wb):
    done = run_wb("runs", "export", run.id, "--format", "jsonl")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert lines == sorted(run.predictions(), key=lambda line: line["uid"])


def test_of_chosen_samples_a_file_has_those_alone_in_their_order(run):
    from workbench.evaluation.export import export, form_of

    chosen = ["demo/test/000002", "demo/test/000000", "demo/test/gone"]
    told = json.loads(export(run, "json", uids=chosen))
    assert [line["uid"] for line in told] == chosen[:2]
    assert export(run, "csv", uids=[]).count("\n") == 1
    assert [form_of(n) for n in ("a.csv", "a.JSONL", "b.json", "c")] == [
        *("csv", "jsonl", "json", "csv"),
    ]
