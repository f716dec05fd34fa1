"""`wb runs ledger`: what it asks, prints and refuses."""

from __future__ import annotations

import pytest

from sessions.runs import Run


def line(i: int, right: bool) -> dict:
    label = "yes" if right else "no"
    return {"uid": f"d/t/{i}", "target": "yes", "label": label, "text": label, "correct": right}


def made(rights: str, **config) -> Run:
    head = {"task": "statement", "dataset": "d", "split": "t", "model": "m", **config}
    with Run.create(head, f"key {rights}", total=len(rights)) as run:
        run.append_many([line(i, each == "1") for i, each in enumerate(rights)])
        run.set_state("done", total=len(rights))
    return run


@pytest.fixture
def run():
    run = made("11111100", settings_key="own")
    made("10011100", variant_of="own", control="text-only")
    made("11000110", variant_of="own", control="image-only")
    return run


def test_the_parts_are_counted_by_hand(run, run_wb):
    done = run_wb("runs", "ledger", run.id, "--existing", "--json")
    assert done.code == 0, done.err
    parts = {name: part["count"] for name, part in done.json["parts"].items()}
    # Sample by sample: either, image, both, text, text, either.
    assert parts == {"image and text": 1, "text alone": 2, "image alone": 1, "neither": 2}
    assert done.json["parts"]["image and text"]["low"] is not None
    assert done.json["controls"]["text-only"]["difference"]["value"] == pytest.approx(-2 / 8)


def test_each_part_says_what_was_right_without_the_image_and_without_the_text(run, run_wb):
    shown = run_wb("runs", "ledger", run.id, "--existing").out.splitlines()
    assert shown[0].split("  ")[0] == "RIGHT ANSWERS NEED"
    assert "WITHOUT IMAGE" in shown[0] and "WITHOUT TEXT" in shown[0]
    said = {line[:14].strip(): line[14:].split()[:3] for line in shown[1:5]}
    assert said == {
        "image and text": ["wrong", "wrong", "1"],
        "text alone": ["right", "wrong", "2"],
        "image alone": ["wrong", "right", "1"],
        "neither": ["right", "right", "2"],
    }


def test_a_p_value_of_a_ledger_says_no_more_than_that_of_a_comparison(run_wb):
    run = made("1" * 40, settings_key="sure")
    control = made("0" * 40, variant_of="sure", control="text-only")
    ledger = run_wb("runs", "ledger", run.id, "--existing")
    compared = run_wb("runs", "compare", run.id, control.id)
    assert "<0.0001" in ledger.out and "<0.0001" in compared.out
    assert "e-" not in ledger.out.replace("image-only", "").replace("text-only", "")


def test_a_report_has_the_whole_ledger_in_each_of_its_forms(run, run_wb, tmp_path):
    assert run_wb("runs", "report", run.id, "--out", str(tmp_path / "out")).code == 0
    printed = run_wb("runs", "ledger", run.id, "--existing").out
    change = "-0.250"  # text-only: four of eight against six
    assert change in printed
    for name in ("report.md", "report.html"):
        text = (tmp_path / "out" / name).read_text().replace("\\", "")
        assert change in text and "over 8 samples" in text, name
        assert "without image" in text and "most frequent label" in text, name


def test_the_ledger_stands_beside_the_figures_of_a_run_that_has_controls(run, run_wb):
    assert "RIGHT ANSWERS NEED" in run_wb("runs", "show", run.id).out
    assert run_wb("runs", "show", run.id, "--json").json["ledger"]["missing"] == []
    alone = made("10", settings_key="alone")
    assert "RIGHT ANSWERS NEED" not in run_wb("runs", "show", alone.id).out
    assert run_wb("runs", "ledger", alone.id, "--existing").code == 2


def test_one_control_alone_says_which_is_missing(run_wb):
    run = made("11", settings_key="half")
    made("10", variant_of="half", control="text-only")
    done = run_wb("runs", "ledger", run.id, "--existing")
    assert "no ledger without the control image-only" in done.out


def test_a_control_that_there_is_not_is_refused(run, run_wb):
    done = run_wb("runs", "ledger", run.id, "--controls", "upside-down")
    assert done.code == 2 and "upside-down" in done.err


def test_controls_of_an_unfinished_run_are_not_asked(run_wb):
    head = {"task": "statement", "dataset": "d", "split": "t", "model": "demo", "batch_size": 8}
    head |= {"template": "statement/true-false", "template_version": 1}
    with Run.create(head, "k", total=700) as run:
        run.append_many([line(i, True) for i in range(4)])
        run.set_state("running", paused=True)
    for name in ("ledger", "invariance"):
        done = run_wb("runs", name, run.id)
        assert done.code == 2, name
        assert f"run {run.id} is unfinished, 4 of 700 samples" in done.err
        assert f"wb run-eval --resume {run.id}" in done.err


def test_a_ledger_says_over_how_many_samples_it_is(run, run_wb):
    done = run_wb("runs", "ledger", run.id, "--existing")
    assert "over 8 samples" in done.out
    assert run_wb("runs", "ledger", run.id, "--existing", "--json").json["samples"] == 8
