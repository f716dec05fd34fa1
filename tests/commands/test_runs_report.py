"""`wb runs report`: one file, made of the record, that runs nothing and asks nobody."""

from __future__ import annotations

import re
import shlex

import pytest

from sessions.runs import Run, list_runs
from workbench.evaluation.command import command_of

EVIL = '<script>alert(1)</script>|<img src=x onerror="x()">\x1b[31m$x$'


def made(name: str, rights: str, **config) -> Run:
    head = {"task": "statement", "dataset": "d", "split": "t", "model": EVIL, **config}
    with Run.create(head, name, total=len(rights)) as run:
        for i, each in enumerate(rights):
            label = {"1": "yes", "0": "no", "?": None, "!": None}[each]
            line = {"uid": f"d/t/{i}", "target": "yes", "label": label, "text": EVIL}
            line |= {"correct": each == "1", "scores": {"yes": -float(i), "no": -1.0}}
            line["error"] = {"kind": "bad_image", "message": EVIL} if each == "!" else None
            run.append(line)
        run.set_state("done", total=len(rights))
    return run


@pytest.fixture
def run():
    run = made("k", "1101?!", settings_key="own", labels=["yes", "no"])
    made("t", "10011!", variant_of="own", control="text-only")
    made("i", "01011!", variant_of="own", control="image-only")
    return run


def test_the_page_holds_everything_and_nothing_in_it_acts(run, run_wb, tmp_path):
    out = tmp_path / "r.html"
    done = run_wb("runs", "report", run.id, "--out", str(out))
    assert done.code == 0, done.err
    page = out.read_text()
    for words in ("accuracy", "image and text", "Confusion", "Reliability", "The worst errors"):
        assert words in page
    assert "data:image/png;base64," in page and "wb run-eval" in page
    assert "<script" not in page and "<img src=x" not in page and "\x1b" not in page
    # From nowhere but the file itself.
    assert all(url.startswith("data:") for url in re.findall(r'(?:src|href)="([^"]*)"', page))
    assert "default-src 'none'" in page
    # Skipped and failed are said, and a dataset that is not there takes nothing else with it.
    assert "1 of 6 samples are failed" in page and "not shown" in page


def test_the_worst_errors_come_by_confidence_then_unparsed_then_failed(run):
    from workbench.evaluation.report import gather

    (told,) = gather([run]).runs
    assert [(case.uid, case.what) for case in told.worst] == [
        ("d/t/2", "wrong"),
        ("d/t/4", "unparsed"),
        ("d/t/5", "failed"),
    ]
    assert told.cells["yes", "no"] == ["d/t/2"] and told.cells["yes", "unparsed"] == ["d/t/4"]
    assert sum(map(sum, told.confusion["rows"])) == sum(map(len, told.cells.values()))


def test_markdown_has_the_same_tables_as_text(run, run_wb, tmp_path):
    out = tmp_path / "r.md"
    assert run_wb("runs", "report", run.id, "--out", str(out)).code == 0
    text = out.read_text()
    assert "| accuracy |" in text and "image and text" in text
    assert "\x1b" not in text
    # An indented block is code: there it is text as it stands.
    shown = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    assert not re.search(r"(?<!\\)<", shown)
    # No cell breaks its row.
    for table in re.findall(r"(?:^\|.*\|\n?)+", text, re.M):
        counts = {len(re.findall(r"(?<!\\)\|", row)) for row in table.strip().splitlines()}
        assert len(counts) == 1


@pytest.mark.slow
def test_several_runs_are_compared_with_the_first(run, run_wb, tmp_path):
    other = made("o", "111111")
    caption = made("c", "11", task="caption")
    out = tmp_path / "r.html"
    done = run_wb("runs", "report", run.id, other.id, caption.id, "--out", str(out))
    assert done.code == 0, done.err
    page = out.read_text()
    assert "<h2>Comparison</h2>" in page and "p (Holm)" in page and "not compared" in page


def test_what_is_no_report_is_refused(run, run_wb, tmp_path):
    assert run_wb("runs", "report", run.id, "--out", str(tmp_path / "r.pdf")).code == 2
    with Run.create({"x": 1}, "train", "train") as training:
        training.set_state("done")
    assert run_wb("runs", "report", training.id, "--out", str(tmp_path / "r.md")).code == 2


def test_the_command_of_a_run_makes_the_same_run(run_wb):
    argv = ["run-eval", "--dataset", "demo/test", "--limit", "2", "--random", "--seed", "3"]
    argv += ["--shots", "1", "--answer", "score", "--control", "blank", "--device", "cpu"]
    assert run_wb(*argv, "--max-new-tokens", "3", "--threads", "1").code == 0
    run = Run.open("last")
    again = shlex.split(command_of(run.config))
    done = run_wb(*again[1:], "--resume", "auto", "--json")
    assert done.code == 0, done.err
    assert done.json["run"] == run.id
    assert command_of({"dataset": []}) == ""


def test_the_command_of_captions_makes_the_same_run(run_wb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argv = ["infer", "demo/test", "--limit", "2", "--device", "cpu", "--max-new-tokens", "3"]
    assert run_wb(*argv, "--threads", "1", "--out", "first.json").code == 0
    again = shlex.split(command_of(Run.open("last").config))
    done = run_wb(*again[1:], "--json")
    assert done.code == 0, done.err
    assert done.json["run"] == Run.open("last").id and len(list_runs()) == 1
