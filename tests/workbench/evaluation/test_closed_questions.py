"""How answers to a question of a closed set are read in an evaluation."""

from __future__ import annotations

import pytest

from workbench.evaluation.lines import Prompter, answer_line
from workbench.prompts.pool import get_template
from workbench.sample import Answer, Sample


@pytest.mark.parametrize(
    ("answer", "labels", "read"),
    [
        ("The answer is yes.", ("yes", "no"), "yes"),
        ("No, it is not.", ("yes", "no"), "no"),
        ("Who knows?", ("yes", "no"), None),
        ("two dogs.", (), "two dogs"),
    ],
)
def test_a_closed_question_goes_through_the_label_parser(
    answer: str, labels: tuple[str, ...], read: str | None
):
    sample = Sample("d/s/1", texts={"question": "?"}, label="yes", task="question", labels=labels)
    prompter = Prompter(get_template("question/short"), "question", labels)
    line = answer_line(prompter, sample, Answer(answer), share_s=0)
    assert (line["label"], line["correct"]) == (read, read == "yes")
