"""The default prompt of a closed set of labels names each of them, whoever asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workbench.data.tables import mine, samples
from workbench.data.source import open_source
from workbench.data.understood import understand
from workbench.models.default_prompt import template_for, template_for_source
from workbench.models.spec import ModelSpec
from workbench.prompts.pool import (
    Template,
    default_template,
    list_templates,
    templates_about,
)
from workbench.prompts.preview import preview
from workbench.prompts.wording import words_of_left
from workbench.sample import ImageRef, Sample, Task

ENTAILMENT = ("entailment", "neutral", "contradiction")


def asked(task: Task, labels: tuple[str, ...], role: str, images: int = 1) -> tuple[str, str]:
    """The default template of a sample, and what it says."""
    texts = {role: "Is it red?"} if role else {}
    pictures = tuple(ImageRef(data=b"x", name=f"{i}.png") for i in range(images))
    sample = Sample("d/t/1", pictures, texts, task=task, labels=labels)
    template = default_template(task, sample)
    return template.name, template.render(sample)[-1].text


@pytest.mark.parametrize(
    ("labels", "name", "said"),
    [
        (("yes", "no"), "question/yes-no", "Is it red? Answer yes or no."),
        (("Yes", "No"), "question/yes-no", "Is it red? Answer yes or no."),
        (("0", "1"), "question/yes-no", "Is it red? Answer yes or no."),
        (("True", "False"), "question/true-false", "Is it red? Answer true or false."),
        (
            ("red", "blue", "green"),
            "question/labels",
            "Is it red? Answer with one of these: red, blue or green.",
        ),
        ((), "question/short", "Is it red? Answer in a word or a phrase."),
    ],
)
def test_a_question_names_its_answers_where_they_are_a_closed_set(
    labels: tuple[str, ...], name: str, said: str
):
    assert asked("question", labels, "question") == (name, said)


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize(
    ("task", "labels", "role"),
    [
        ("statement", ("true", "false"), "sentence"),
        ("statement", ("true", "false", "unknown"), "sentence"),
        ("entailment", ENTAILMENT, "hypothesis"),
        ("entailment", ("entails", "neutral", "contradicts"), "hypothesis"),
        ("classification", ("cat", "dog"), ""),
        ("classification", ("cat", "dog"), "text"),
        ("classification", ("hateful", "not hateful"), "text"),
    ],
)
def test_every_task_names_a_closed_set_in_its_default_prompt(
    task: Task, labels: tuple[str, ...], role: str, images: int
):
    name, said = asked(task, labels, role, images)
    words = next(t for t in list_templates(task) if t.name == name).said_words(labels)
    assert len(words) == len(labels)
    assert all(word in said for word in words)


def test_the_options_of_a_multiple_choice_go_before_its_closed_letters():
    texts = {"question": "Which?", "options": "A. red\nB. blue"}
    sample = Sample("d/t/1", (), texts, task="question", labels=("A", "B"))
    assert default_template("question", sample).name == "question/options"


def test_the_older_wordings_of_a_question_keep_their_identity():
    digests = {t.name: t.digest for t in list_templates("question")}
    assert digests["question/short"] == "82ac7d62c2e9"
    assert digests["question/options"] == "136a03728d29"


def test_adding_asking_and_evaluating_have_one_default_for_yes_and_no(tmp_path: Path):
    added = mine(tmp_path, "id,question,answer\n1,Is it red?,yes\n2,Is it blue?,no\n")
    spec, source = ModelSpec(), open_source("mine")
    (table,) = understand(added.mapping, preview).splits
    assert table.prompt is not None
    assert table.prompt["template"] == "question/yes-no"
    assert table.prompt["text"] == "Is it red? Answer yes or no."
    assert template_for(spec, samples()[0]).name == "question/yes-no"
    assert template_for_source(spec, source).name == "question/yes-no"


@pytest.mark.parametrize("answer", ["Yes.", "The answer is yes.", "yes, it is"])
def test_an_answer_to_it_is_read_as_its_label(answer: str):
    from workbench.prompts.parse import parse_answer

    sample = Sample("d/t/1", (), {"question": "?"}, task="question", labels=("Yes", "No"))
    template = default_template("question", sample)
    assert parse_answer(answer, template.read_words(sample)).label == "Yes"


@pytest.mark.parametrize(
    ("labels", "left"),
    [
        ((), {"question/yes-no", "question/true-false", "question/labels"}),
        (("yes", "no"), set()),
        (("red", "blue"), {"question/yes-no", "question/true-false"}),
    ],
)
def test_stars_leave_out_wordings_that_ask_for_other_answers(
    labels: tuple[str, ...], left: set[str]
):
    sample = Sample("d/t/1", (), {"question": "?"}, task="question", labels=labels)
    out: list[Template] = []
    kept = {t.name for t in templates_about("question/*", sample, out)}
    assert {t.name for t in out} == left
    assert not kept & left
    words = "left out, as they ask for other answers than a sample's labels: "
    assert words_of_left(out, sample).startswith(words if left else "")
    named = templates_about("question/yes-no", sample)
    assert [t.name for t in named] == ["question/yes-no"]
