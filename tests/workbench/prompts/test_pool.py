"""The pool: what is shipped, the user's own, filling, and what is refused."""

from __future__ import annotations

import pytest

from workbench.errors import UnknownName, UsageError
from workbench.prompts.pool import (
    default_template,
    free_prompt,
    get_template,
    list_templates,
    user_folder,
)
from workbench.sample import ImageRef, Sample

LEFT, RIGHT = ImageRef(data=b"l", name="left"), ImageRef(data=b"r", name="right")


def statement(**kwargs) -> Sample:
    return Sample(
        **{
            "uid": "demo/test/0",
            "images": (LEFT, RIGHT),
            "texts": {"sentence": "There is a red circle."},
            "label": "True",
            "explanations": ("The left image has a red circle.",),
            "task": "statement",
            "labels": ("True", "False"),
        }
        | kwargs
    )


def mine(text: str) -> None:
    user_folder().mkdir(parents=True, exist_ok=True)
    (user_folder() / "mine.toml").write_text(text, encoding="utf-8")


def test_the_default_wordings_are_those_of_the_demo_model():
    assert default_template("statement").name == "statement/true-false"
    assert default_template("entailment").name == "entailment/labels"
    assert default_template("question").name == "question/short"
    assert default_template("caption").name == "caption/describe"
    (message,) = default_template("statement").render(statement())
    assert message.parts == (
        LEFT,
        RIGHT,
        "Is this statement about the two images true or false? There is a red circle.",
    )
    sample = Sample("d/t/1", (LEFT,), {"hypothesis": "A dog.", "question": "How many?"})
    text = default_template("entailment").render(sample)[0].text
    assert text == "Hypothesis: A dog. Is it entailment, neutral or contradiction? Explain."
    assert default_template("question").render(sample)[0].text == (
        "How many? Answer in a word or a phrase."
    )
    assert default_template("caption").render(sample)[0].text == "Describe the image."


@pytest.mark.parametrize("task", ["statement", "entailment", "question", "caption"])
def test_every_task_has_several_wordings(task):
    assert len(list_templates(task)) >= 4


def test_a_gold_answer_is_the_word_and_the_reason():
    template = default_template("statement")
    assert template.gold_answer(statement()) == "True. The left image has a red circle."
    assert template.gold_answer(statement(explanations=())) == "True."
    yes_no = get_template("statement/yes-no")
    assert yes_no.gold_answer(statement(label="False", explanations=())) == "No."


def test_every_shipped_gold_answer_is_parsed_back_to_its_label():
    from workbench.prompts.parse import parse_answer

    for task, labels in {
        "statement": ("True", "False"),
        "entailment": ("entailment", "neutral", "contradiction"),
    }.items():
        for template in list_templates(task):
            for label in labels:
                sample = statement(label=label, labels=labels, task=task)
                answer = template.gold_answer(sample)
                parsed = parse_answer(answer, template.words(labels))
                assert parsed.label == label, (template.name, answer)


def test_label_words_meet_the_spelling_of_the_dataset():
    template = get_template("statement/yes-no")
    assert template.words(("True", "False")) == {"yes": "True", "no": "False"}
    assert template.words(("0", "1")) == {"yes": "1", "no": "0"}
    assert template.words() == {"yes": "true", "no": "false"}
    assert template.words(("cat", "dog")) == {"cat": "cat", "dog": "dog"}
    offensive = get_template("classification/offensive")
    assert offensive.words(("0", "1")) == {"offensive": "1", "not offensive": "0"}


def test_labels_of_the_sample_fill_the_labels_slot():
    sample = Sample("c/t/1", (LEFT,), label="cat", labels=("cat", "dog", "horse"))
    template = default_template("classification")
    assert "cat, dog or horse?" in template.render(sample)[0].text
    assert template.gold_answer(sample) == "cat"


def test_braces_and_slots_in_a_sample_stay_text():
    nasty = "{labels} {sentence} {0} %s [/red] {unclosed"
    (message,) = default_template("statement").render(statement(texts={"sentence": nasty}))
    assert message.text.endswith(nasty)


def test_shots_are_turns_before_the_question_with_their_images():
    shot = statement(uid="demo/train/5", label="False", explanations=("No circle is red.",))
    messages = get_template("statement/explain").render(statement(), shots=[shot])
    assert [m.role for m in messages] == ["system", "user", "assistant", "user"]
    assert messages[1].images == (LEFT, RIGHT)
    assert messages[2].text == "False. No circle is red."


def test_a_missing_text_is_refused_by_name():
    with pytest.raises(UsageError, match=r"wants the text 'hypothesis'.*its texts: sentence"):
        default_template("entailment").render(statement())


def test_a_shot_without_a_label_is_refused():
    with pytest.raises(UsageError, match="has no label"):
        default_template("statement").render(statement(), shots=[statement(label=None)])


def test_an_unknown_template_names_the_nearest():
    with pytest.raises(UnknownName) as info:
        get_template("statement/true-flase")
    assert "statement/true-false" in info.value.hint


def test_the_users_own_templates_join_the_pool_and_versions_are_kept_apart():
    mine(
        '[[template]]\nname = "statement/mine"\nversion = 1\ntext = "{sentence}"\n'
        '[[template]]\nname = "statement/mine"\nversion = 2\ntext = "Judge: {sentence}"\n'
    )
    assert get_template("statement/mine").version == 2
    assert get_template("statement/mine@1").text == "{sentence}"
    assert get_template("statement/mine").digest != get_template("statement/mine@1").digest
    assert [t.name for t in list_templates("statement")].count("statement/mine") == 2
    assert default_template("statement").name == "statement/true-false"


def test_a_wrong_file_is_refused_with_every_problem_in_one_message():
    mine(
        '[[template]]\nname = "statement/mine"\nversion = "1"\ntext = "x"\ncolour = "red"\n'
        '[[template]]\nname = "painting/x"\nversion = 1\n'
    )
    with pytest.raises(UsageError) as info:
        list_templates()
    for piece in ("mine.toml", "'version' wants int", "unknown key 'colour'", "'text' is missing"):
        assert piece in info.value.message
    assert "painting" in info.value.message


def test_a_file_that_is_not_toml_is_refused_by_name():
    mine("[[template\n")
    with pytest.raises(UsageError, match=r"mine\.toml is not TOML"):
        list_templates()


def test_free_text_is_put_after_the_images():
    assert free_prompt(statement(), "What is it?")[0].parts == (LEFT, RIGHT, "What is it?")
    system, user = free_prompt([LEFT], "What?", system="Be brief.")
    assert (system.role, system.text) == ("system", "Be brief.")
    assert user.parts == (LEFT, "What?")


def test_the_description_does_not_change_the_digest_but_the_wording_does():
    from dataclasses import replace

    template = default_template("caption")
    assert replace(template, description="other").digest == template.digest
    assert replace(template, text="other").digest != template.digest
