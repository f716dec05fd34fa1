"""A run of boxes as commands show it: overlap beside each error, boxes over the pictures."""

from __future__ import annotations

import json

import pytest

from sessions.runs import Run
from workbench.evaluation.lines import Prompter, answer_line
from workbench.prompts.pool import shipped_template
from workbench.sample import Answer, CoordinateFrame, Sample

FRAME = CoordinateFrame((64, 64), units=(1.0, 1.0))
ANSWERS = ("[0.25, 0.25, 0.75, 0.5]", "[0.25, 0.25, 0.75, 1.0]", "nowhere")


@pytest.fixture
def run() -> Run:
    """Of three samples of the demo, each with the gold box [16, 16, 48, 64]."""
    from workbench.data.source import get_sample

    prompter = Prompter(shipped_template("grounding/fractions"), "grounding", ())
    config = {"task": "grounding", "dataset": "demo_vqa", "split": "test", "model": "m"}
    with Run.create(config, "k", total=3) as run:
        for number, text in enumerate(ANSWERS):
            shown = get_sample(f"demo_vqa/test/{number:06d}")
            sample = Sample(
                shown.uid,
                images=shown.images,
                label="[16, 16, 48, 64]",
                metadata={"objects": [[{"name": "<b>", "box": [16, 16, 48, 64]}]]},
                task="grounding",
            )
            answer = Answer(text, frames=(FRAME,))
            run.append(answer_line(prompter, sample, answer, share_s=0.1))
        run.set_state("done", total=3)
    return run


def test_errors_have_their_overlap_beside_them(run, run_wb):
    done = run_wb("runs", "show", run.id, "--errors")
    assert done.code == 0, done.err
    head, wrong, unparsed = done.out.splitlines()
    assert "OVERLAP" in head
    assert "[16, 16, 48, 32]" in wrong and "IoU 0.33" in wrong
    assert "unparsed" in unparsed and "IoU" not in unparsed
    told = json.loads(run_wb("runs", "show", run.id, "--errors", "--json").out)
    assert told[0]["grounding"]["regions"] == [{"box": [16, 16, 48, 32]}]


def test_a_report_lays_the_boxes_over_its_pictures(run, run_wb, tmp_path):
    out = tmp_path / "r.html"
    assert run_wb("runs", "report", run.id, "--out", str(out)).code == 0
    page = out.read_text()
    assert page.count("2px solid #ff00c8") == 1  # of the wrong one; the unparsed has none
    assert page.count("2px dashed #00e640") == 2
    assert "left:25.00%;top:25.00%;width:50.00%;height:75.00%" in page
    assert "IoU 0.33" in page and "<b></div>" not in page


def test_the_gallery_draws_boxes_where_it_is_asked_to(run_wb):
    plain, boxes = (
        run_wb("gallery", "demo/test", "--limit", "1", "--images", "truecolor", *more).out
        for more in ((), ("--draw-boxes",))
    )
    gold = "0;230;64"
    assert gold in boxes and gold not in plain
    assert boxes.count("\n") == plain.count("\n")


def test_inspect_draws_the_objects_of_a_sample(run_wb):
    done = run_wb("inspect", "demo_vqa/test/000001", "--draw-boxes", "--images", "truecolor")
    assert done.code == 0, done.err
    assert "0;230;64" in done.out


def test_flips_of_a_report_show_both_answers_boxes_and_say_what_is_which(run, run_wb, tmp_path):
    with Run.create(run.config | {"model": "n"}, "k2", total=3) as other:
        for line, text in zip(run.predictions(), reversed(ANSWERS), strict=True):
            sample = Sample(
                line["uid"],
                label="[16, 16, 48, 64]",
                metadata={"objects": [[{"name": "b", "box": [16, 16, 48, 64]}]]},
                task="grounding",
            )
            prompter = Prompter(shipped_template("grounding/fractions"), "grounding", ())
            answer = Answer(text, frames=(FRAME,))
            other.append(answer_line(prompter, sample, answer, share_s=0.1))
        other.set_state("done", total=3)
    out = tmp_path / "r.html"
    assert run_wb("runs", "report", run.id, other.id, "--out", str(out)).code == 0
    page = out.read_text()
    assert "answer [16, 16, 48, 64]" in page and "gold [16, 16, 48, 64]" in page
    assert "no box or point in the answer" in page
    flips = page[page.index("broken and") :].split("<h3>")[0].split("<h2")[0]
    assert flips.count("2px dashed") == 2 * flips.count("first answer") > 0


def test_the_gallery_draws_a_phrases_own_boxes_and_no_other_objects(run_wb):
    from workbench.data.show import _marks
    from workbench.data.source import get_sample

    sample = get_sample("demo_boxes/test/000001")
    (marks,) = _marks(sample)
    assert len(sample.metadata["objects"][0]) > len(marks) == len(sample.metadata["targets"])
    (every,) = _marks(get_sample("demo_vqa/test/000001"))
    assert len(every) == len(get_sample("demo_vqa/test/000001").metadata["objects"][0])
