"""The reading that a person would give of awkward answers, as a table; nothing is guessed."""

from __future__ import annotations

import pytest

from workbench.prompts.parse import parse_answer

TF = {"true": "true", "false": "false"}
YN = {"yes": "true", "no": "false"}
YNTF = {"yes": "true", "no": "false", "true": "true", "false": "false"}
ENT = {"entailment": "entailment", "neutral": "neutral", "contradiction": "contradiction"}
ENTV = ENT | {"entails": "entailment", "contradicts": "contradiction"}
OFF = {"offensive": "hateful", "not offensive": "not hateful"}
OFF1 = {"offensive": "offensive", "benign": "benign"}
ABC = {"A": "A", "B": "B", "C": "C"}
PETS = {"cat": "cat", "dog": "dog", "horse": "horse"}

T, F = "true", "false"
E, N, C = "entailment", "neutral", "contradiction"

TABLE: list[tuple[str, dict[str, str], str | None]] = [
    # Case, punctuation, quotes, markup.
    ("True", TF, T),
    ("true", TF, T),
    ("TRUE", TF, T),
    ("tRuE.", TF, T),
    ("  False  ", TF, F),
    ("\n\nFalse\n", TF, F),
    ("True!", TF, T),
    ('"True"', TF, T),
    ("'false'", TF, F),
    ("“True.”", TF, T),
    ("«False»", TF, F),
    ("`true`", TF, T),
    ("**True**", TF, T),
    ("**False.** The left image has no circle.", TF, F),
    ("__True__", TF, T),
    ("*true*", TF, T),
    ("## True", TF, T),
    ("> True", TF, T),
    ("- True", TF, T),
    ("(True)", TF, T),
    ("[False]", TF, F),
    ("{true}", TF, T),
    ("(a) True", TF, T),
    ("A. True", TF, T),
    ("1) entailment", ENT, E),
    ("2. neutral", ENT, N),
    ("\\boxed{True}", TF, T),
    ("$\\boxed{\\text{false}}$", TF, F),
    ("<answer>true</answer>", TF, T),
    ('{"label": "true"}', TF, T),
    ('{"answer": "false", "explanation": "no circle"}', TF, F),
    ("True。左图有一个红色圆圈。", TF, T),
    ("Ｔｒｕｅ", TF, T),
    ("True…", TF, T),
    ("true, because the left image has a red circle", TF, T),
    ("True - the left image has a red circle.", TF, T),
    ("True — there is a circle.", TF, T),
    ("True: the left image has a red circle.", TF, T),
    ("True; there is a circle.", TF, T),
    ("True\nThe left image has a red circle.", TF, T),
    ("True because the circle is red.", TF, T),
    ("true the left image has a red circle", TF, T),
    ("false there is no circle", TF, F),
    # A heading or a phrase before the label.
    ("Answer: True", TF, T),
    ("Answer: **False**", TF, F),
    ("answer=true", TF, T),
    ("Answer - true", TF, T),
    ("The answer is true.", TF, T),
    ("The correct answer is: False", TF, F),
    ("Label: entailment. Explanation: a dog is an animal.", ENT, E),
    ("My final answer is neutral.", ENT, N),
    ("The statement is true.", TF, T),
    ("This statement is false.", TF, F),
    ("The statement about the two images is true.", TF, T),
    ("It is true that there is a red circle.", TF, T),
    ("It's false.", TF, F),
    ("That is true.", TF, T),
    ("I think it is true.", TF, T),
    ("I would say true.", TF, T),
    ("I'd say it's neutral.", ENT, N),
    ("I believe the statement is false because no circle is red.", TF, F),
    ("Definitely true.", TF, T),
    ("Most likely entailment.", ENT, E),
    ("Yes, the statement is true.", TF, T),
    ("Sure, the answer is contradiction.", ENT, C),
    ("The relationship between the image and the hypothesis is entailment.", ENT, E),
    ("The hypothesis is neutral with respect to the image.", ENT, N),
    ("This is a contradiction.", ENT, C),
    ("This is a true statement.", TF, T),
    ("Neutral. The image shows a man, his job is not shown.", ENT, N),
    ("The image contradicts the hypothesis.", ENT, None),
    ("<think>Is it true or false? Perhaps false.</think>True. The circle is red.", TF, T),
    ("True or false? True.", TF, T),
    ("True/False: True", TF, T),
    # The label at the end.
    ("The left image has a red circle, so the statement is true.", TF, T),
    ("The left image has no red circle. Therefore, false.", TF, F),
    ("There are two circles. Answer: true", TF, T),
    ("There are two circles.\n\nFalse", TF, F),
    ("The man rides a bike and a bike is a vehicle. So it is entailment.", ENT, E),
    ("The left image shows a circle, thus the answer is true", TF, T),
    ("No red circle is in the left image, so the statement is false.", TF, F),
    ("A dog is an animal => entailment", ENT, E),
    ("A dog is an animal -> entailment", ENT, E),
    ("The image shows a dog, which makes the statement false.", TF, F),
    ("We can conclude that the statement is false.", TF, None),
    # Negation.
    ("not offensive", OFF, "not hateful"),
    ("offensive", OFF, "hateful"),
    ("Not offensive. It is a joke about cats.", OFF, "not hateful"),
    ("**Not offensive**", OFF, "not hateful"),
    ("This meme is not offensive.", OFF, "not hateful"),
    ("This meme isn't offensive.", OFF, "not hateful"),
    ("The meme is not an offensive one.", OFF, "not hateful"),
    ("It does not seem to be offensive.", OFF, "not hateful"),
    ("It doesn't appear offensive", OFF, "not hateful"),
    ("I don't think it is offensive.", OFF, "not hateful"),
    ("It is not the case that the meme is offensive.", OFF, "not hateful"),
    ("non-offensive", OFF, "not hateful"),
    ("The meme is never offensive.", OFF, "not hateful"),
    ("It is offensive, not benign.", OFF1, "offensive"),
    ("Not offensive but benign.", OFF1, "benign"),
    ("not benign", OFF1, "offensive"),
    ("inoffensive", OFF, None),
    ("The statement is not true.", TF, F),
    ("The statement isn't true.", TF, F),
    ("That's not false.", TF, T),
    ("Not true.", TF, F),
    ("True, not false.", TF, T),
    ("It is true rather than false.", TF, T),
    ("False instead of true.", TF, F),
    ("untrue", TF, None),
    ("The image does not contradict the hypothesis.", ENTV, None),
    ("The image does not contradict the hypothesis.", ENT | {"contradict": "contradiction"}, None),
    ("It is not a contradiction.", ENT, None),
    ("Not neutral but contradiction.", ENT, C),
    ("Neither entailment nor contradiction.", ENT, None),
    ("It is not a contradiction, it is neutral.", ENT, N),
    ("There is no contradiction.", ENT, None),
    ("not necessarily true", TF, None),
    ("It's not entirely true.", TF, None),
    # Two labels at once, or against each other.
    ("True or false", TF, None),
    ("true/false", TF, None),
    ("True and false", TF, None),
    ("True, false", TF, None),
    ("True. False.", TF, None),
    ("True. Actually, false.", TF, None),
    ("The statement is true. The answer is false.", TF, None),
    ("both true and false", TF, None),
    ("neither true nor false", TF, None),
    ("True for the left image but false for the right.", TF, None),
    ("entailment, neutral", ENT, None),
    ("entailment, neutral or contradiction", ENT, None),
    ("either entailment or neutral", ENT, None),
    ("entailment and neutral", ENT, None),
    ("Neutral. Contradiction.", ENT, None),
    ("Labels: entailment, neutral, contradiction.", ENT, None),
    ("offensive and not offensive", OFF, None),
    ("Yes. No.", YN, None),
    ("True. The statement would be false if the circle were blue.", TF, T),
    ("True, since it would be false only without a circle.", TF, T),
    ("Entailment. It does not contradict the image.", ENT | {"contradict": "contradiction"}, E),
    # Mentions that are no verdict.
    ("The true colour of the circle is red.", TF, None),
    ("True colours are shown.", TF, None),
    ("False teeth lie on the table.", TF, None),
    ("The background is neutral.", ENT, None),
    ("A neutral background with a circle.", ENT, None),
    ("The tone of the statement is neutral.", ENT, None),
    ("There is a red circle.", TF, None),
    ("", TF, None),
    ("   \n ", TF, None),
    ("...", TF, None),
    ("truely", TF, None),
    ("true-ish", TF, None),
    ("falsehood", TF, None),
    ("entailments", ENT, None),
    ("T", TF, None),
    ("Yes", TF, None),
    ("1", TF, None),
    # Hedged, conditional, a question, a refusal.
    ("It might be true.", TF, None),
    ("It could be true or false.", TF, None),
    ("True if the circle is red.", TF, None),
    ("If the circle is red, it would be true.", TF, None),
    ("Is it true?", TF, None),
    ("True?", TF, None),
    ("I cannot tell whether it is true.", TF, None),
    ("I can't determine if the statement is false.", TF, None),
    ("It is unclear, partly true.", TF, None),
    ("half true", TF, None),
    ("Is this statement about the two images true or false?", TF, None),
    ("As an AI model I cannot judge this.", TF, None),
    # Other languages.
    ("Verdadero", TF, None),
    ("vrai", TF, None),
    ("wahr", TF, None),
    ("真", TF, None),
    ("Правда", TF, None),
    ("Die Aussage ist neutral.", ENT, None),
    ("contradicción", ENT, None),
    ("Sí", YN, None),
    # "yes" means "true" only where the template says so.
    ("Yes", YN, T),
    ("No.", YN, F),
    ("No, there is no circle.", YN, F),
    ("Yes, it is correct.", YN, T),
    ("yes, because there are two", YN, T),
    ("No red circle can be seen.", YN, None),
    ("There is no circle.", YN, None),
    ("True", YN, None),
    ("Yes, true.", YNTF, T),
    ("Yes, false.", YNTF, None),
    ("No, it is true.", YNTF, None),
    # Other label sets.
    ("A", ABC, "A"),
    ("(B)", ABC, "B"),
    ("The answer is C.", ABC, "C"),
    ("a dog is shown", ABC, None),
    ("It is a cat.", PETS, "cat"),
    ("A cat.", PETS, "cat"),
    ("a dog, not a cat", PETS, "dog"),
    ("This is a photo of a cat and a dog.", PETS, None),
    ("The picture shows a catalogue.", PETS, None),
]


@pytest.mark.parametrize(("text", "labels", "expected"), TABLE, ids=lambda v: repr(v)[:40])
def test_an_awkward_answer_is_read_as_a_person_would(text, labels, expected):
    assert parse_answer(text, labels).label == expected


def test_the_table_is_as_large_as_promised():
    assert len({(text, tuple(labels)) for text, labels, _ in TABLE}) >= 150


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        ("True. The left image has a red circle.", "The left image has a red circle."),
        ("**False** because no circle is red.", "no circle is red."),
        ("entailment", ""),
        ("Label: true\nExplanation: two circles.", "two circles."),
        ("The left image has a red circle. Answer: true", "The left image has a red circle."),
    ],
)
def test_the_explanation_is_what_is_left(text, explanation):
    assert parse_answer(text, TF | {"entailment": "entailment"}).explanation == explanation


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


def test_a_very_long_answer_is_read_in_reasonable_time():
    import time

    start = time.perf_counter()
    parse_answer("the circle is red and " * 20_000, TF)
    parse_answer("true or false, " * 20_000, TF)
    assert time.perf_counter() - start < 10
