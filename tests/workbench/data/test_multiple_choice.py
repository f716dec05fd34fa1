"""Multiple choice: options in columns or in a list, gold by letter, text or index."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from commands.data import command
from tests.workbench.data.tables import mine, picture, samples
from workbench.data.source import open_source
from workbench.evaluation.lines import Prompter, answer_line
from workbench.prompts.pool import default_for, default_template
from workbench.sample import Answer

CHOICES = ["red", "green", "blue"]


def listed(gold: object, choices: object = CHOICES) -> str:
    return json.dumps({"id": 0, "question": "What?", "choices": choices, "answer": gold}) + "\n"


@pytest.mark.parametrize("gold", ["B", "b", "(B)", "green", "Green", 1, "1", ["B"]])
def test_the_gold_answer_is_a_letter_a_text_or_an_index(tmp_path: Path, gold: object):
    mine(tmp_path, listed(gold), "t.jsonl")
    (sample,) = samples()
    assert (sample.label, sample.labels, sample.error) == ("B", ("A", "B", "C"), None)
    assert sample.texts == {"question": "What?", "options": "A. red\nB. green\nC. blue"}


def test_a_gold_answer_that_is_no_option_is_a_problem(tmp_path: Path):
    mine(tmp_path, listed(3), "t.jsonl")
    assert samples()[0].label is None
    assert "none of A, B, C" in (samples()[0].error or "")


def test_a_number_that_is_an_options_text_is_that_option(tmp_path: Path):
    mine(tmp_path, listed("1", ["1", "2", "3"]), "t.jsonl")
    assert samples()[0].label == "A"


@pytest.mark.parametrize("choices", [CHOICES, str(CHOICES), {"text": CHOICES, "label": ["A"]}])
def test_options_may_stand_in_a_list_in_a_cell_or_under_text(tmp_path: Path, choices: object):
    mine(tmp_path, listed("A", choices), "t.jsonl")
    assert samples()[0].labels == ("A", "B", "C")


def test_mmbenchs_table_is_read_and_its_pictures_are_never_printed(tmp_path: Path):
    text = base64.b64encode(picture()).decode()
    rows = [f"7\tWhat?\tred\tgreen\t\t\tB\t{text}\n", f"8\tWhich?\ta\tb\tc\td\tD\t{text}\n"]
    path = tmp_path / "t.tsv"
    path.write_text("index\tquestion\tA\tB\tC\tD\tanswer\timage\n" + "".join(rows))
    result = CliRunner().invoke(command, ["add", "mine", str(path)], catch_exceptions=False)
    assert text[:40] not in result.output
    assert "  [image image]\n  What?\n  A. red\n  B. green\n" in result.stdout
    first, second = samples()
    assert (first.uid, first.label, first.labels) == ("mine/t/7", "B", ("A", "B"))
    assert (second.label, second.labels) == ("D", ("A", "B", "C", "D"))
    assert first.images[0].load().size == (8, 6)


def test_options_are_switched_off_by_an_empty_value(tmp_path: Path):
    mine(tmp_path, listed("green"), "t.jsonl", options=[])
    assert (samples()[0].label, samples()[0].labels) == ("green", ())


@pytest.mark.parametrize(("answer", "right"), [("B) green", True), ("red", False), ("hm", False)])
def test_an_evaluation_reads_letters_and_texts(tmp_path: Path, answer: str, right: bool):
    mine(tmp_path, listed("green"), "t.jsonl")
    source = open_source("mine")
    template, (sample,) = default_for(source), samples()
    assert template.name == default_template("question", sample).name == "question/options"
    line = answer_line(Prompter(template, "question", ()), sample, Answer(answer), share_s=0)
    assert line["correct"] is right
    assert template.gold_answer(sample) == "B"


def test_a_hint_is_in_the_prompt_of_the_rows_that_have_one(tmp_path: Path):
    rows = [
        {"id": 0, "question": "What?", "choices": CHOICES, "answer": 1, "hint": hint}
        for hint in (None, "nan", "", "It is [[{question}]].")
    ]
    rows[3]["question"] = "Which {hint}?"
    mine(
        tmp_path,
        "".join(json.dumps(row | {"id": i}) + "\n" for i, row in enumerate(rows)),
        "t.jsonl",
    )
    template = default_for(open_source("mine"))
    assert template.name == "question/options-hint"
    plain = "What?\nA. red\nB. green\nC. blue\nAnswer with the letter of the right option."
    asked = [(sample.error, template.render(sample)[-1].text) for sample in samples()]
    assert asked[:3] == [(None, plain)] * 3
    hinted = f"Hint: It is [[{{question}}]].\n{plain}".replace("What?", "Which {hint}?")
    assert asked[3] == (None, hinted)


def test_without_hints_the_prompt_and_its_identity_are_what_they_were(tmp_path: Path):
    mine(tmp_path, listed("B"), "t.jsonl")
    template = default_for(open_source("mine"))
    assert (template.name, template.digest) == ("question/options", "136a03728d29")
    assert "optional_slots" not in template.to_json()
