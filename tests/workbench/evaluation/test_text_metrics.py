"""VQA's normalisation, BLEU-4 and ROUGE-L against literal values of their reference programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.evaluation.metrics.captions import bleu4, rouge_l, rouge_l_one
from workbench.evaluation.metrics.vqa_text import exact_match, normalize_answer, vqa_accuracy

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


# What VQA's own script made of 100 answers and of 40 answers beside those of ten people.
OFFICIAL = json.loads(Path(__file__).with_name("vqa_official.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("text", "normal"), OFFICIAL["normalised"])
def test_answers_are_normalised_as_the_official_script_does(text, normal):
    assert normalize_answer(text) == normal


@pytest.mark.parametrize(("said", "people", "accuracy"), OFFICIAL["accuracy"])
def test_an_answer_beside_peoples_scores_what_the_official_script_gives(said, people, accuracy):
    assert vqa_accuracy(said, people) == pytest.approx(accuracy, abs=1e-9)


def test_an_exact_match_is_of_any_accepted_answer():
    assert exact_match("The circle", ["square", "circle"])
    assert not exact_match("circles", ["circle"])
    assert not exact_match(None, ["circle"])


@pytest.mark.parametrize(
    ("hits", "score"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)]
)
def test_vqa_accuracy_of_so_many_of_ten(hits, score):
    assert vqa_accuracy("yes", ["yes"] * hits + ["no"] * (10 - hits)) == pytest.approx(score)


def test_equal_answers_are_left_out_one_at_a_time():
    # Comparing instead of counting would drop all the equal ones together, and give 0 here.
    assert vqa_accuracy("yes", ["yes"] * 4 + ["no"] * 6) == 1.0


def test_vizwiz_answers_score_by_leaving_out_people_and_not_equal_answers():
    file = SHARED / "vizwiz" / "val_annotations_head300.json"
    if not file.is_file():
        pytest.skip("shared/data/vizwiz is not beside the checkout")
    from collections import Counter

    ours = []
    for entry in json.loads(file.read_text())["annotations"]:
        people = [a["answer"] for a in entry["answers"]]
        ours.append(vqa_accuracy(Counter(people).most_common(1)[0][0], people))
    # The official script gives 0.942 with an `answer_id` for each person, and 0.74978 without,
    # where equal answers vanish together.
    assert sum(ours) / 300 == pytest.approx(0.942, abs=1e-9)


HYPOTHESES = [
    "a red circle and a blue square",
    "there are two circles, one of them red.",
    "a dog",
    "the left image has 3 green triangles (small)",
    "a man's hat & 1,000 dots",
    "something entirely different here now",
]
REFERENCES = [
    ["a red circle and a blue square on white", "a red circle next to a blue square"],
    ["there are two circles, one red and one blue.", "two circles"],
    ["a dog runs over the grass", "a dog"],
    ["the left image shows three green triangles", "3 small green triangles"],
    ["a man's hat and 1,000 dots", "a hat & dots"],
    ["a cat on a mat", "the cat"],
]


def test_bleu_agrees_with_sacrebleu():
    # sacrebleu 2.6.0: corpus_bleu(…, lowercase=True).score / 100
    assert bleu4(HYPOTHESES, REFERENCES).value == pytest.approx(0.4731351364579903, abs=1e-9)
    assert bleu4(HYPOTHESES[:3], REFERENCES[:3]).value == pytest.approx(0.663704963218877, abs=1e-9)
    assert bleu4(["a red circle moon"], [["a red box circle moon x", "y"]]).value == pytest.approx(
        0.27403115968356845, abs=1e-9
    )
    alone = [0.8668778998, 0.502658727, 0.0, 0.2136435032, 0.4272870064, 0.0]
    for hypothesis, references, expected in zip(HYPOTHESES, REFERENCES, alone, strict=True):
        assert bleu4([hypothesis], [references]).value == pytest.approx(expected, abs=1e-9)


def test_rouge_l_agrees_with_rouge_score():
    # rouge_score 0.1.2: RougeScorer(["rougeL"]).score_multi(…).fmeasure
    expected = [0.875, 0.7058823529, 1.0, 0.6666666667, 0.9333333333, 0.0]
    got = [rouge_l_one(h, r) for h, r in zip(HYPOTHESES, REFERENCES, strict=True)]
    assert got == pytest.approx(expected, abs=1e-9)
    assert rouge_l(HYPOTHESES, REFERENCES).value == pytest.approx(sum(expected) / 6, abs=1e-9)


def test_caption_scores_have_intervals_and_survive_emptiness():
    estimate = bleu4(HYPOTHESES, REFERENCES)
    assert 0 <= estimate.low < estimate.value < estimate.high <= 1
    assert bleu4([], []).value is None and rouge_l([], []).value is None
    assert bleu4([""], [["a dog"]]).value == 0.0
    assert rouge_l([""], [["a dog"]]).value == 0.0


@pytest.mark.parametrize(
    "caption",
    [
        "一只红色的狗在草地上跑",
        "赤い犬が草の上を走る",
        "สุนัขสีแดงวิ่งบนหญ้า",
        "ខ្មែរ​ ឆ្កែក្រហម",
        "красная собака бежит по траве",
        "빨간 개가 풀밭을 달린다",
    ],
)
def test_equal_captions_score_1_in_every_script(caption):
    assert rouge_l_one(caption, [caption]) == 1.0
    assert bleu4([caption], [[caption]]).value == pytest.approx(1.0)


def test_chinese_is_scored_by_characters():
    # The longest common subsequence of 4 and 5 characters is 3.
    assert rouge_l_one("红色的狗", ["红色大狗吗"]) == pytest.approx(2 * 3 / 9)
    assert rouge_l_one("红色的狗", ["蓝天白云"]) == 0.0
