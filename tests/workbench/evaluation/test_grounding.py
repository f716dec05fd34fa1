"""Boxes in answers, from a sample to the figures of its run: a table made by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sessions.records import PromptRecord, from_json
from sessions.verdict import answer_verdict, verdict
from tests.workbench.models.make_families import FAMILIES
from tests.workbench.models.tiny import picture
from workbench.data.source import get_sample
from workbench.errors import UsageError
from workbench.evaluation.comparison import compare_runs
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.lines import Prompter, answer_line, failed_line
from workbench.evaluation.metrics.of_run import compute_metrics
from workbench.evaluation.notes import notes_of
from workbench.evaluation.prepare import check_samples
from workbench.evaluation.recorded import _answer, _body
from workbench.grounding.answered import answered_regions, typed_regions
from workbench.grounding.gold import gold_of
from workbench.inference.decoding import Decoding
from workbench.models.box_writer import box_writer
from workbench.models.spec import ModelSpec
from workbench.playground.question import question_of
from workbench.playground.record import record_of
from workbench.playground.replay import question_asked
from workbench.prompts.pool import get_template, shipped_template
from workbench.sample import Answer, CoordinateFrame, Sample
from workbench.serving.protocol import answer_json, read_answer

IMAGE = picture(100, 100)
FRAME = CoordinateFrame((100, 100), units=(1.0, 1.0), convention="fractions")
TEMPLATE = shipped_template("grounding/fractions")
PROMPTER = Prompter(TEMPLATE, "grounding", ())
BOX = [10, 10, 50, 50]
# Answer -> verdict, IoU.
TABLE = [
    ("[0.1, 0.1, 0.5, 0.5]", "right", 1.0),
    ("[0.1, 0.1, 0.5, 0.3]", "right", 0.5),
    ("[0.1, 0.1, 0.5, 0.4]", "right", 0.75),
    ("[0.6, 0.6, 0.9, 0.9]", "wrong", 0.0),
    ("I see no such thing.", "unparsed", None),
    ("(0.3, 0.3)", "right", None),
]


def sample(number: int, objects=None) -> Sample:
    objects = [{"name": "cat", "box": BOX}] if objects is None else objects
    return Sample(
        f"d/s/{number}",
        images=(picture(100, 100, number),),
        texts={"expression": "the cat"},
        label=str(BOX),
        metadata={"objects": [objects]},
        task="grounding",
    )


def line_of(number: int, text: str) -> dict:
    answer = Answer(text, frames=(FRAME,))
    return {"v": 1, **answer_line(PROMPTER, sample(number), answer, share_s=0.1)}


def test_each_answer_of_the_table_is_judged_as_by_hand():
    for number, (text, wanted, overlap) in enumerate(TABLE):
        line = line_of(number, text)
        assert verdict(line) == wanted, text
        assert line["grounding"]["judged"]["iou"] == overlap, text


def test_figures_are_those_of_the_table_and_nothing_undefined_is_a_zero():
    lines = [line_of(number, text) for number, (text, _, _) in enumerate(TABLE)]
    found = compute_metrics(lines, task="grounding")
    figures, counts = found["metrics"], found["counts"]
    assert (counts["unparsed"], counts["done"]) == (1, 6)
    assert figures["accuracy"]["value"] == pytest.approx(4 / 6)
    # Of four answers with a box; the point and the unparsed one have no IoU.
    assert (figures["iou"]["value"], figures["iou"]["n"]) == (pytest.approx(2.25 / 4), 4)
    assert figures["accuracy_iou75"]["value"] == pytest.approx(2 / 6)
    assert (figures["pointing"]["value"], figures["pointing"]["n"]) == (pytest.approx(4 / 5), 5)
    assert figures["box_precision"]["value"] == pytest.approx(3 / 4)
    assert figures["box_recall"]["value"] == pytest.approx(3 / 6)
    assert figures["box_f1"]["value"] == pytest.approx(2 * 3 / (4 + 6))
    for name in ("accuracy", "iou", "accuracy_iou75", "pointing", "box_f1"):
        figure = figures[name]
        assert figure["low"] <= figure["value"] <= figure["high"], name
    assert "confusion" not in found


def test_a_failed_sample_is_wrong_where_gold_says_an_area_and_unjudged_where_it_is_a_point():
    error = UsageError("no")
    assert failed_line(PROMPTER, sample(0), error)["correct"] is False
    points = sample(0, [{"name": "nose", "point": [5, 5]}])
    assert failed_line(PROMPTER, points, error)["correct"] is None


def test_an_answer_to_gold_points_has_a_distance_and_no_verdict():
    points = sample(0, [{"name": "nose", "point": [30, 40]}])
    line = answer_line(PROMPTER, points, Answer("(0.3, 0.3)", frames=(FRAME,)), share_s=0.1)
    assert (verdict(line), line["grounding"]["judged"]["distance"]) == ("none", 10)
    figures = compute_metrics([line], task="grounding")["metrics"]
    assert figures["point_distance"]["value"] == 10
    assert figures["accuracy"]["value"] is None


def test_boxes_in_fractions_of_the_image_are_gold_in_its_pixels():
    shares = sample(0, [{"name": "cat", "shares": [0.1, 0.1, 0.5, 0.5]}])
    line = answer_line(PROMPTER, shares, Answer("[0.1, 0.1, 0.5, 0.5]", frames=(FRAME,)), share_s=1)
    assert line["grounding"]["gold"] == [{"box": [10, 10, 50, 50], "name": "cat"}]
    assert line["correct"] is True


def question():
    return question_of(
        sample(0), spec=ModelSpec(), decoding=Decoding(), template=get_template(TEMPLATE.name)
    )


@pytest.mark.parametrize(("text", "wanted", "overlap"), TABLE)
def test_a_session_judges_an_answer_as_a_run_does_and_its_record_comes_back(text, wanted, overlap):
    record = record_of(question(), Answer(text, frames=(FRAME,)))
    assert answer_verdict(record) == wanted
    again = from_json(record.to_json())
    assert isinstance(again, PromptRecord)
    assert (again, answer_verdict(again)) == (record, wanted)


def test_a_replay_is_judged_by_the_gold_on_record():
    asked = question()
    record = record_of(asked, Answer("nothing", frames=(FRAME,)))
    again = question_asked(record, asked.messages, asked.spec, ())
    assert again.gold == asked.gold
    new = record_of(again, Answer("[0.1, 0.1, 0.5, 0.5]", frames=(FRAME,)))
    assert (answer_verdict(record), answer_verdict(new)) == ("unparsed", "right")


def test_boxes_in_free_text_are_on_record_and_judge_nothing():
    free = question_of(sample(0), spec=ModelSpec(), decoding=Decoding(), text="Where is it?")
    record = record_of(free, Answer("[0.1, 0.1, 0.5, 0.5]", frames=(FRAME,)))
    assert record.grounding["regions"] == [{"box": [10, 10, 50, 50]}]
    assert answer_verdict(record) == "none"
    for text in ("On the left.", "The second row (1, 2).", "[5, 6, 7, 8]"):
        assert record_of(free, Answer(text, frames=(FRAME,))).grounding is None


def test_a_record_of_before_has_no_places_and_is_judged_as_before():
    line = record_of(question(), Answer("x")).to_json()
    del line["grounding"]
    old = from_json(line | {"label": "a", "target": "a", "words": {"a": "a"}})
    assert answer_verdict(old) == "right"


@pytest.mark.parametrize("frame", [FRAME, CoordinateFrame((5, 7), (-1.0, 0.0, 6.0, 7.0))])
def test_what_coordinates_are_of_goes_with_an_answer_that_is_sent_or_kept(frame):
    answer = Answer("[0.1, 0.1, 0.5, 0.5]", counted=9, frames=(frame, FRAME))
    sent = json.loads(json.dumps(answer_json(answer)))
    assert read_answer(sent, []).frames == answer.frames
    assert read_answer({k: v for k, v in sent.items() if k != "frames"}, []).frames == ()
    kept = _answer(json.loads(str(_body(answer))))
    assert kept is not None
    assert kept.frames == answer.frames


def test_without_a_model_no_box_is_an_example_since_each_writes_its_own_coordinates():
    with pytest.raises(UsageError, match="coordinates of the model"):
        TEMPLATE.gold_answer(sample(0))


def test_a_sample_of_another_task_is_no_example_of_boxes():
    shown = replace(sample(0), task="caption")
    with pytest.raises(UsageError, match=r"d/s/0 \(caption\) has no box"):
        TEMPLATE.gold_answer(shown, write=box_writer(None))


def test_examples_of_an_evaluation_are_in_the_coordinates_that_its_answers_are_read_in():
    config = EvalConfig("demo_boxes", "test", limit=2, shots=2, spec=ModelSpec(device="cpu"))
    _, prompter, _ = check_samples(config)
    asked = prompter.render(get_sample("demo_boxes/test/000001"))
    assert [turn.role for turn in asked] == ["user", "assistant"] * 2 + ["user"]
    for shot, turn in zip(prompter.shots, asked[1::2], strict=True):
        frame = CoordinateFrame((64, 64), units=(1000.0, 1000.0))
        places = answered_regions(Answer(turn.text, frames=(frame,)), asked[:1], gold_of(shot))
        assert places.judged is not None and places.judged.iou > 0.99


def test_examples_that_cannot_be_written_end_an_evaluation_before_the_model_is_loaded():
    knobs = {"limit": 1, "shots": 1, "template": "grounding/fractions"}
    with pytest.raises(UsageError, match="asks for fractions"):
        check_samples(EvalConfig("demo_boxes", "test", spec=ModelSpec(device="cpu"), **knobs))


def test_a_model_of_one_prompt_is_shown_no_examples(tmp_path):
    folder = FAMILIES["paligemma"](tmp_path / "paligemma")
    knobs = {"limit": 1, "shots": 1, "spec": ModelSpec(str(folder), device="cpu")}
    with pytest.raises(UsageError, match="takes no examples") as caught:
        check_samples(EvalConfig("demo_boxes", "test", **knobs))
    assert "wb train" in caught.value.hint


def test_a_question_with_examples_of_boxes_is_asked_as_a_run_asks_it():
    shown = [get_sample(f"demo_boxes/train/{n:06d}") for n in (1, 2)]
    asked = question_of(
        get_sample("demo_boxes/test/000001"),
        spec=ModelSpec(),
        decoding=Decoding(),
        template=get_template("grounding/region"),
        shots=shown,
    )
    assert asked.messages[1].text == "the black square(16,672),(297,969)"


@pytest.mark.parametrize(
    ("template", "text", "wanted"),
    [
        ("grounding/fractions", "[0.1, 0.1, 0.5, 0.5]", BOX),
        ("grounding/internvl", "[[100, 100, 500, 500]]", BOX),
        ("grounding/paligemma-detect", "<loc0128><loc0128><loc0512><loc0512> cat", None),
        ("grounding/json", '{"bbox_2d": [10, 10, 50, 50]}', []),
    ],
)
def test_a_typed_answer_is_read_in_the_units_that_its_template_asks_for(template, text, wanted):
    found = typed_regions(text, sample(0), template)
    if wanted == []:  # of which image its pixels are, only a model's processor knows
        assert (found.label, found.problems) == (
            None,
            ("1 left out: nobody knows what its numbers are of",),
        )
        return
    assert [round(v) for v in found.regions[0].at] == (wanted or [12, 12, 50, 50])
    assert found.judged is not None and found.judged.right


def test_two_runs_differ_by_the_mean_iou_of_the_samples_that_both_have_a_box_for():
    first = [line_of(number, text) for number, (text, _, _) in enumerate(TABLE)]
    better = [
        text if number == 4 else "[0.1, 0.1, 0.5, 0.5]" for number, (text, _, _) in enumerate(TABLE)
    ]
    second = [line_of(number, text) for number, text in enumerate(better)]
    config = {"task": "grounding"}
    found = {
        change.name: change for change in compare_runs((config, first), (config, second)).changes
    }
    assert set(found) == {"accuracy", "iou"}
    assert found["accuracy"].difference.value == pytest.approx(1 / 6)
    assert found["iou"].difference.n == 4
    assert found["iou"].difference.value == pytest.approx(1 - 2.25 / 4)


def test_if_no_answer_has_a_box_no_gold_box_is_found_and_what_is_of_answered_boxes_is_undefined():
    nothing = compute_metrics([line_of(1, "nowhere"), line_of(2, "")], task="grounding")["metrics"]
    of_answers, of_gold = ("iou", "box_precision"), ("accuracy_iou75", "box_recall", "box_f1")
    for name in of_answers:
        assert nothing[name]["value"] is None and nothing[name]["n"] == 0
        assert nothing[name]["reason"] == "no answer has a box"
    for name in of_gold:
        assert (nothing[name]["value"], nothing[name]["n"]) == (0, 2), name
        assert "reason" not in nothing[name]
    assert nothing["pointing"]["reason"] == "no answer has a place"
    assert nothing["accuracy"]["value"] == 0
    points = compute_metrics([line_of(1, "(0.3, 0.3)")], task="grounding")["metrics"]
    assert points["pointing"]["value"] == 1
    assert all(points[name]["value"] is None for name in of_answers)
    assert all(points[name]["value"] == 0 for name in of_gold)


def test_what_is_left_out_of_answers_is_counted_over_the_run():
    texts = ["[2, 2, 3, 3] [0.1, 0.1, 0.5, 0.5]", "[0.5, 0.5, 0.1, 0.1] [3, 3, 4, 4] [5, 5, 6, 6]"]
    lines = [line_of(number, text) for number, text in enumerate([*texts, "[0.1, 0.1, 0.5, 0.5]"])]
    (note,) = notes_of({"task": "grounding"}, lines)[-1:]
    assert note == (
        "boxes and points in 2 answers: 3 left out: outside of the image, "
        "1 with its corners in another order"
    )
    assert not any("boxes" in one for one in notes_of({"task": "grounding"}, lines[2:]))


def test_an_answer_of_a_model_on_a_server_is_in_the_units_that_its_template_asked_for():
    answer = Answer("[0.1, 0.1, 0.5, 0.5]")  # nobody says what its numbers are of
    line = answer_line(PROMPTER, sample(0), answer, share_s=0.1)
    assert line["grounding"]["regions"] == [{"box": [10, 10, 50, 50]}] and line["correct"]
    record = record_of(question(), answer)
    assert answer_verdict(record) == "right"
    silent = Prompter(shipped_template("grounding/region"), "grounding", ())
    line = answer_line(silent, sample(0), answer, share_s=0.1)
    assert line["grounding"]["problems"] == ["1 left out: nobody knows what its numbers are of"]
    own = Answer(answer.text, frames=(replace(FRAME, units=(1000.0, 1000.0)),))
    line = answer_line(PROMPTER, sample(0), own, share_s=0.1)  # a model whose units are known
    assert line["grounding"]["regions"] != [{"box": [10, 10, 50, 50]}]
