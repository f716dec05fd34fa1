"""`wb runs report`: one file, made of the record, that runs nothing and asks nobody."""

from __future__ import annotations

import csv
import json
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
    urls = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(url.startswith(("data:", "#")) for url in urls)
    assert "default-src 'none'" in page
    # Skipped and failed are said, and a dataset that is not there takes nothing else with it.
    assert "1 of 6 samples are failed" in page and "not shown" in page


def test_the_worst_errors_come_by_confidence_then_unparsed_and_failed_ones_apart(run):
    from workbench.evaluation.report import gather

    (told,) = gather([run]).runs
    assert [(case.uid, case.what) for case in told.worst] == [
        ("d/t/2", "wrong"),
        ("d/t/4", "unparsed"),
    ]
    assert [case.uid for case in told.failed] == ["d/t/5"]
    (short,) = gather([run], most_errors=1).runs
    assert "1 of 2 wrong samples are not shown" in short.skipped
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
    assert "<h2>All runs</h2>" in page and "0 broken and 3 fixed" in page


def test_a_cell_of_the_confusion_matrix_leads_to_the_cards_of_its_samples(run, run_wb, tmp_path):
    out = tmp_path / "r.html"
    run_wb("runs", "report", run.id, "--out", str(out))
    page = out.read_text()
    links = re.findall(r'href="#(s-[^"]*)"', page)
    assert len(links) == 2  # the wrong one and the unparsed one: those that were right have none
    assert all(f'id="{link}"' in page for link in links)


def test_a_folder_gets_every_form_and_figures_as_csv(run, run_wb, tmp_path):
    other = made("o", "111111", model="other")
    out = tmp_path / "report"
    done = run_wb("runs", "report", run.id, other.id, "--out", str(out))
    assert done.code == 0, done.err
    names = ("report.html", "report.md", "figures.csv", "report.json")
    assert done.out.split() == [str(out / name) for name in names]
    told = json.loads((out / "report.json").read_text())
    assert told["v"] == 1 and [one["run"] for one in told["runs"]] == [run.id, other.id]
    (compared,) = told["compared"]
    assert [flip["uid"] for flip in compared["flips"]] == ["d/t/2", "d/t/4", "d/t/5"]
    assert told["runs"][0]["failed"][0]["uid"] == "d/t/5"
    rows = list(csv.DictReader((out / "figures.csv").open(newline="")))
    (accuracy,) = (r for r in rows if r["run"] == run.id and r["figure"] == "accuracy")
    assert (accuracy["n"], float(accuracy["value"])) == ("6", 0.5)
    assert float(accuracy["low"]) < 0.5 < float(accuracy["high"])
    markdown = (out / "report.md").read_text()
    assert "## All runs" in markdown and "### Failed: not asked" in markdown
    assert run_wb("runs", "report", run.id, "--out", str(out)).code == 0  # once more over it
    assert run_wb("runs", "report", run.id, "--out", str(tmp_path / "no/r.html")).code == 2


@pytest.mark.slow
def test_maps_are_of_the_recorded_answers_and_what_has_none_says_why(run_wb, tmp_path):
    flags = ("--device", "cpu", "--threads", "1", "--max-new-tokens", "2")
    asked = ("run-eval", "--dataset", "demo/test", "--limit", "12", *flags)
    assert run_wb(*asked).code == 0
    plain = Run.open("last")
    assert run_wb(*asked, "--control", "blank").code == 0
    blank = list_runs()[0]  # `last` is the plain one still
    out = tmp_path / "r.html"
    maps = ("--maps", "--errors", "1")
    done = run_wb("runs", "report", plain.id, blank.id, *maps, "--out", str(out))
    assert done.code == 0, done.err
    page = out.read_text()
    assert page.count('s first token"') == 2  # a pair of pictures
    assert page.count("shown other pictures") == 1
    # Of a flip the run that saw the sample's own pictures has heat.
    assert page.count("heat of the answer: first") == 2 and "answer: its" not in page


def test_a_table_has_a_row_for_each_run_and_dashes_for_what_it_has_not(run_wb):
    explained = {"task": "entailment", "labels": ["yes", "no"], "shot_uids": ["d/x/1"]}
    first, other = made("a", "110"), made("b", "011", dataset="e", model="m")
    with Run.create({"dataset": "d", "split": "t", "model": "w", **explained}, "c") as last:
        for i, said in enumerate(("a red bus", "a blue bus on the street")):
            line = {"uid": f"d/t/{i}", "target": "yes", "label": "yes", "correct": True}
            last.append(line | {"explanation": said, "explanations": ["a red bus is there"]})
        last.set_state("done")
    done = run_wb("runs", "table", first.id, other.id, last.id)
    assert done.code == 0 and "\x1b" not in done.out
    head, *rows = done.out.splitlines()
    assert "ACCURACY" in head and "EXPLANATION/COCO_BLEU4" in head
    # Those of a dataset stand together.
    assert [row.split()[0] for row in rows] == [r.id[-6:] for r in (first, last, other)]
    assert "1-shot" in rows[1] and rows[2].rstrip().endswith("–")
    told = run_wb("runs", "table", last.id, "--figures", "explanation/distinct1", "--json").json
    assert told["figures"] == ["explanation/distinct1"] and told["rows"][0]["examples"] == 1
    lines = list(csv.DictReader(run_wb("runs", "table", last.id, "--csv").out.splitlines()))
    assert {"accuracy", "explanation/coco_bleu4"} <= {line["figure"] for line in lines}
    wrong = run_wb("runs", "table", first.id, "--figures", "bleu9")
    assert wrong.code == 2 and "bleu9" in wrong.err
    listed = run_wb("runs", "list", "--kind", "eval", "--limit", "2", "--ids").out.split()
    assert listed == [last.id, other.id]


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


def test_a_picture_alone_has_the_width_of_its_card_and_a_pair_stands_side_by_side(run_wb, tmp_path):
    from PIL import Image

    for name in ("wide.png", "other.png"):
        Image.new("RGB", (400, 100), (200, 0, 0)).save(tmp_path / name)
    (tmp_path / "one.csv").write_text("id,question,answer,image\n1,a?,b,wide.png\n")
    (tmp_path / "two.csv").write_text("id,question,answer,left,right\n1,a?,b,wide.png,other.png\n")
    pair = ("--image", "left", "--image", "right")
    sizes = {}
    for name, more in (("one", ()), ("two", pair)):
        table = f"all={tmp_path / f'{name}.csv'}"
        assert run_wb("data", "add", name, table, "--task", "question", *more).code == 0
        head = {"task": "question", "dataset": name, "split": "all", "model": "m"}
        line = {"uid": f"{name}/all/1", "target": "b", "label": "c", "text": "c", "correct": False}
        with Run.create(head, name, total=1) as run:
            run.append(line)
            run.set_state("done", total=1)
        out = tmp_path / f"{name}.html"
        assert run_wb("runs", "report", run.id, "--out", str(out)).code == 0
        sizes[name] = re.findall(r'width="(\d+)" height="(\d+)"', out.read_text())
    assert sizes == {"one": [("440", "110")], "two": [("220", "55"), ("220", "55")]}


def test_a_wide_table_shows_in_both_schemes_that_more_of_it_is_beside(run_wb, tmp_path):
    run = made("k", "10", labels=["yes", "no"])
    assert run_wb("runs", "report", run.id, "--out", str(tmp_path / "r.html")).code == 0
    page = (tmp_path / "r.html").read_text()
    tables, boxes = page.count("<table"), page.count('<div class="wide"><table')
    assert tables == boxes > 0
    light, _, dark = page.partition("@media (prefers-color-scheme:dark)")
    for colour in ("--page:", "--edge:"):
        assert colour in light and colour in dark


def test_a_report_counts_its_samples_in_the_words_of_the_other_commands(run_wb, tmp_path):
    run = made("k", "10", labels=["yes", "no"])
    assert run_wb("runs", "report", run.id, "--out", str(tmp_path / "out")).code == 0
    for name in ("report.md", "report.html"):
        assert "2 of 2 samples, 0 unparsed, 0 failed" in (tmp_path / "out" / name).read_text(), name
