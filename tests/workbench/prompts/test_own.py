"""A wording about one sample becomes a template of any, word for word, or is refused."""

from __future__ import annotations

import random

import pytest

from workbench.errors import UsageError
from workbench.prompts.own import keep_template, moved, own_template, with_slots
from workbench.prompts.pool import get_template, list_templates
from workbench.sample import Sample


def sample(uid: str = "d/s/1", **texts: str) -> Sample:
    return Sample(uid=uid, task="question", texts=texts)


ODD = [
    *("\n", "\r\n", "\x0b", "\x1c", "\x85", "\u2028", "\t", "\xa0", "\ufeff", "\x1b[1m"),
    *('"', "'", "\\", '"""', "'" * 3, "#", "é", "🟥", "[[", "]]", "{", "}", " "),
]


@pytest.mark.parametrize(
    ("text", "texts", "wanted"),
    [
        ("Is it red? Say so.", {"question": "Is it red?"}, "{question} Say so."),
        ("the cat, a category", {"question": "cat"}, "the {question}, a category"),
        ("请问是红色吗？谢谢", {"question": "是红色吗？"}, "请问{question}谢谢"),
        ("a b", {"question": "a"}, "a b"),  # a letter is in every wording
        ("red or red car", {"a": "red", "b": "red car"}, "{a} or {b}"),
        ("no words of it", {"question": "Is it red?"}, "no words of it"),
    ],
)
def test_the_texts_of_the_sample_become_slots(text, texts, wanted):
    assert with_slots(text, sample(**texts)) == wanted


def test_a_wording_moves_from_one_sample_to_another():
    here, there = sample(question="Is it red?"), sample("d/s/2", question="Is it {blue}?")
    assert moved("Look. Is it red? Yes or no.", here, there) == "Look. Is it {blue}? Yes or no."
    assert moved("Look.", here, there) == "Look."


def test_a_template_says_of_its_sample_what_was_written_whatever_the_characters():
    rng, kept = random.Random(0), 0
    for _ in range(150):
        said = "x" + "".join(rng.choices(ODD, k=6)) + "y"
        text = "".join(rng.choices(ODD, k=4)) + said + "".join(rng.choices(ODD, k=4)) + "."
        about = sample(question=said)
        try:
            template = own_template("question/odd", text, "", about)
        except UsageError as error:
            assert "[" in text or "{" in text, error.message
            continue
        kept += 1
        keep_template(template)
        read = get_template("question/odd")
        assert (read.text, read.version) == (template.text, kept)
        assert read.render(about)[-1].text == text
    assert kept > 50


def test_what_stood_in_the_file_stays_there_with_its_comments():
    about = sample(question="Is it red?")
    path = keep_template(own_template("question/mine", "Is it red?", "Be brief.", about))
    path.write_text("# mine\n" + path.read_text())
    keep_template(own_template("question/mine", "Is it red? Think.", "", about))
    assert path.read_text().startswith("# mine\n")
    own = [t for t in list_templates() if t.name == "question/mine"]
    assert [(t.version, t.system) for t in own] == [(1, "Be brief."), (2, "")]


def test_a_text_with_a_slot_that_no_sample_has_is_refused():
    with pytest.raises(UsageError, match="word"):
        own_template("question/mine", "Say {word}.", "", sample(question="Is it red?"))
    with pytest.raises(UsageError, match="is a shipped template"):
        own_template("question/short", "Say it.", "", sample(question="Is it red?"))
