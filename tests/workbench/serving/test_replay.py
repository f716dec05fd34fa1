"""What a replay calls the same, and how two answers are laid side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sessions.records import PromptRecord
from workbench.playground.answer_diff import aligned, changed, marked, pieces_of_both, words_of
from workbench.playground.replay import Replayed, first_difference, question_from


def said(text, *, reason="stop", model="demo", pieces=None):
    words = words_of(text) if pieces is None else pieces
    tokens = tuple({"id": hash(w) % 1000, "text": w} for w in words)
    return PromptRecord(model=model, text=text, tokens=tokens, finish_reason=reason)


@pytest.mark.parametrize(
    ("old", "new", "position"),
    [
        (said("True. It is."), said("True. It is."), None),
        (said("True. It is."), said("True. It was."), 2),
        (said("True."), said("True. It was."), 1),
        (said("True. It is."), said(""), 0),
        # One that was cut short says nothing of what would have come.
        (said("True. It", reason="cancelled"), said("True. It is."), None),
        (said("", reason="cancelled"), said("True. It is."), None),
        (said("False. It", reason="cancelled"), said("True. It is."), 0),
        (said("True. It is.", reason="cancelled"), said("True. It"), 2),
    ],
)
def test_answers_are_the_same_or_part_at_their_first_other_token(old, new, position):
    found = first_difference(old, new)
    assert (found.position if found else None) == position
    assert Replayed(old, new).same is (position is None)
    assert Replayed(old, new).to_json()["same"] is (position is None)


def test_both_answers_are_cut_into_pieces_of_one_kind():
    whole = said("one two", pieces=["o", "ne", " two"])
    split = said("one é", pieces=["one ", "\ufffd", "\ufffd"])  # a character of two tokens
    assert pieces_of_both(whole, whole) == (["o", "ne", " two"],) * 2
    assert pieces_of_both(whole, split) == (["one", " two"], ["one", " é"])
    assert pieces_of_both(whole, replace(whole, model="other"))[0] == ["one", " two"]


def test_what_differs_stands_between_marks_and_the_rest_is_as_it_was():
    old, new = words_of("The left one  is red."), words_of("The right one  is blue now.")
    assert marked(old, new) == (
        "The [-left-] one  is [-red.-]",
        "The {+right+} one  is {+blue now.+}",
    )
    assert changed(old, new) == (2, 3)
    for side in (0, 1):
        joined = "".join(run[1 + side] for run in aligned(old, new))
        assert joined == "".join((old, new)[side])
    assert marked(old, old) == ("The left one  is red.",) * 2


def test_a_next_turn_is_asked_again_as_free_text_whatever_labels_its_sample_has():
    first = PromptRecord(
        model="demo",
        uid="demo/test/000012",
        messages=(
            {"content": [{"type": "image", "uid": "demo/test/000012", "index": 0}, "Is it so?"]},
        ),
    )
    assert set(question_from(first).words) == {"True", "False"}
    assert question_from(replace(first, follows="01abc")).words == {}
    assert question_from(replace(first, follows="01abc")).follows == "01abc"
