"""Reading which option of a multiple choice an answer names."""

from __future__ import annotations

import pytest

from workbench.prompts.parse import parse_answer

COLOURS = {"A": "red", "B": "green", "C": "blue", "D": "dark green"}
WORDS = {letter: letter for letter in COLOURS} | {text: key for key, text in COLOURS.items()}


@pytest.mark.parametrize(
    "answer",
    [
        *("B", "b", "(b)", "B.", "B)", "**B**", "B) green", "B. green", "b: green", "B - green"),
        *("Answer: B", "Answer: B) green", "The answer is B.", "The correct option is (B)."),
        *("green", "Green.", "The disc is green.", "It is green, so the answer is B."),
        *("<think>A? No.</think> B", "B\nThe disc is green.", "Answer: green"),
    ],
)
def test_an_option_is_read_by_its_letter_or_its_text(answer: str):
    assert parse_answer(answer, WORDS).label == "B"


@pytest.mark.parametrize(
    "answer", ["", "E", "B) red", "red or green", "A disc.", "I cannot tell.", "either A or B"]
)
def test_what_names_no_option_or_two_is_unparsed(answer: str):
    assert parse_answer(answer, WORDS).label is None


def test_an_option_that_holds_another_is_that_one():
    assert parse_answer("dark green", WORDS).label == "D"
    assert parse_answer("It is dark green.", WORDS).label == "D"
