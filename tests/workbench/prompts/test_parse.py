"""The reading that a person would give of awkward answers, as a table; nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.prompts.parse import parse_answer

TF = {"true": "true", "false": "false"}
YN = {"yes": "true", "no": "false"}
ENT = {word: word for word in ("entailment", "neutral", "contradiction")}
ENTV = ENT | {"entails": "entailment", "contradicts": "contradiction"}
TMF = {"true": "entailment", "maybe": "neutral", "false": "contradiction"}
CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"

# The answer words of a template, by the name that the table uses.
WORDS: dict[str, dict[str, str]] = {
    "TF": TF,
    "YN": YN,
    "YNTF": YN | TF,
    "CI": {"correct": "true", "incorrect": "false"},
    "ENT": ENT,
    "ENTV": ENTV,
    "ENTC": ENT | {"contradict": "contradiction"},
    "ENTF": ENTV | {"contradict": "contradiction", "entail": "entailment"},
    "TMF": TMF,
    "ENTT": TMF | ENT,
    "OFF": {"offensive": "hateful", "not offensive": "not hateful"},
    "OFF1": {"offensive": "offensive", "benign": "benign"},
    "HATE": {"hateful": "hateful", "not hateful": "not hateful"},
    "HYN": {"yes": "hateful", "no": "not hateful"},
    "ABC": {letter: letter for letter in "ABC"},
    "PETS": {word: word for word in ("cat", "dog", "horse")},
    "CIFAR": {word: word for word in CIFAR10.split()},
    "ABCD": {letter: letter for letter in "ABCD"},
    "TREE": {word: word for word in ("truck", "pickup truck", "oak tree")},
    "COL": {word: word for word in ("red", "dark red", "blue")},
}


def table(name: str = "awkward_answers") -> list[tuple[str, str, str, str | None]]:
    """What the answer is awkward in, the answer words, the answer, a person's reading."""
    lines = Path(__file__).with_name(f"{name}.jsonl").read_text("utf-8")
    # Not `splitlines`, which cuts at characters that an answer may hold.
    return [tuple(json.loads(line)) for line in lines.rstrip("\n").split("\n")]


TABLE = table()
BY_A_PERSON = ("answers_by_hand", "answers_held_out", "answers_careless", "answers_fresh")
DOCS = Path(__file__).parents[3] / "docs"
# The answer words as the docs write them.
SETS = {
    "true, false": "TF",
    "yes, no": "YN",
    "yes, no (hateful)": "HYN",
    "entailment, neutral, contradiction": "ENTV",
    "offensive, not offensive": "OFF",
    "A, B, C, D": "ABCD",
    "CIFAR-10": "CIFAR",
    "truck, pickup truck": "TREE",
}


@pytest.mark.parametrize("about", sorted({row[0] for row in TABLE}))
def test_an_awkward_answer_is_read_as_a_person_would(about):
    wrong = [
        (words, text, f"want {expected}", f"got {got}")
        for kind, words, text, expected in TABLE
        if kind == about and (got := parse_answer(text, WORDS[words]).label) != expected
    ]
    assert not wrong


# Written by hand before the grammar; after it, to measure it; to trap a careless reader; and last,
# as models answer. Their readings are a person's.
@pytest.mark.parametrize("name", BY_A_PERSON)
def test_no_answer_is_misread_and_few_are_not_read(name):
    rows = table(name)
    read = [
        (words, text, want, parse_answer(text, WORDS[words]).label) for _, words, text, want in rows
    ]
    assert not [row for row in read if row[3] not in (None, row[2])]
    unread = [row for row in read if row[3] is None and row[2] is not None]
    assert len(unread) <= 0.05 * len(rows), unread


def test_the_table_in_the_docs_is_true():
    page = (DOCS / "reading-answers.md").read_text("utf-8")
    lines = page.partition("## Cases")[2].partition("## How well")[0].splitlines()
    cells = [line.strip("|").split(" | ") for line in lines if line.startswith("| `")]
    assert len(cells) >= 40
    for row in cells:
        words, text, want, _ = (cell.strip() for cell in row)
        text = text.strip("`").replace("⏎", "\n")
        found = parse_answer(text, WORDS[SETS[words.strip("`")]]).label
        assert (found or "unparsed") == want, row


def test_the_tables_are_large_and_say_nothing_twice():
    assert len(table("answers_by_hand")) >= 250
    assert len(table("answers_held_out")) >= 80
    for name in BY_A_PERSON:
        rows = table(name)
        assert len({(words, text) for _, words, text, _ in rows}) == len(rows)
        assert {want is None for *_, want in rows} == {True, False}


def test_the_table_is_as_large_as_promised_and_says_nothing_twice():
    assert len(TABLE) >= 200
    assert len({(words, text) for _, words, text, _ in TABLE}) == len(TABLE)
    unread = sum(expected is None for *_, expected in TABLE)
    assert len(TABLE) / 4 < unread < len(TABLE) * 3 / 4  # not a table of one kind alone


def test_a_reading_does_not_change_when_the_words_stand_in_another_order():
    for _, words, text, _ in TABLE:
        turned = dict(reversed(WORDS[words].items()))
        assert parse_answer(text, turned).label == parse_answer(text, WORDS[words]).label, text


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        ("True. The left image has a red circle.", "The left image has a red circle."),
        ("**False** because no circle is red.", "no circle is red."),
        ("Label: true\nExplanation: two circles.", "two circles."),
        ("The left image has a red circle. Answer: true", "The left image has a red circle."),
        ("The left image has a red circle, so it is true.", "The left image has a red circle"),
        ("**Answer:** False\n\n**Reason:** no circle", "no circle"),
        ('{"label": "true", "explanation": "two circles"}', "two circles"),
        ('```json\n{"label": "true", "explanation": "two circles"}\n```', "two circles"),
        ("True", ""),
        ("True<|im_end|>", ""),
        ("Not false. Two circles.", "Two circles."),
        ("It isn't true because there is one (on the left).", "there is one (on the left)."),
        ("Explanation: two circles.\nLabel: true", "two circles."),
        ("True (95% sure)", "95% sure"),
        ("Label: true | Explanation: two circles", "two circles"),
        ("<think>Is it false?</think>True. Two circles.", "Two circles."),
    ],
)
def test_the_explanation_is_what_is_left(text, explanation):
    assert parse_answer(text, TF).explanation == explanation


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        ("It contradicts the image, since the man sits.", "the man sits."),
        ("It contradicts the image. The man sits.", "The man sits."),
        ("It neither entails nor contradicts it, so it is neutral.", "It neither entails nor"),
        ("It is not neutral; it's a contradiction. The man sits.", "The man sits."),
    ],
)
def test_the_object_of_a_verdict_is_no_explanation_and_what_was_ruled_out_is(text, explanation):
    assert parse_answer(text, ENTV).explanation.startswith(explanation)


def test_an_unparsed_answer_keeps_its_text_as_explanation():
    assert parse_answer("Quién sabe", TF).explanation == "Quién sabe"


def test_labels_can_be_a_plain_list_and_keep_their_spelling():
    assert parse_answer("contradiction.", ("Entailment", "Contradiction")).label == "Contradiction"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("red", "red"),
        ("Red.", "Red"),
        ('"a red circle"', "a red circle"),
        ("Answer: 2\nbecause", "2"),
        ("**yes**", "yes"),
        ("", None),
        ("  \n", None),
    ],
)
def test_an_open_answer_is_the_first_line_as_it_stands(text, answer):
    assert parse_answer(text, ()).label == answer


@pytest.mark.parametrize(
    "text", ["the circle is red and ", "true or false, ", "x, the statement ", '( "a ', "not "]
)
def test_an_answer_without_end_is_read_to_its_end(text):
    # A pattern that tries every way to match would not come back from this.
    assert parse_answer(text * 4_000, TF).label is None
    assert parse_answer(text * 4_000 + "\nAnswer: true", TF).label == "true"
