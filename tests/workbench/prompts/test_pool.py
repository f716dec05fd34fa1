"""The pool: what is shipped, the user's own, filling, and what is refused."""

from __future__ import annotations

import pytest

from workbench.errors import DataError, UnknownName, UsageError
from workbench.prompts.pool import (
    default_for,
    default_template,
    find_templates,
    free_prompt,
    get_template,
    list_templates,
    user_folder,
)
from workbench.prompts.wording import misnames
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


MEME = ("not hateful", "hateful")
CIFAR10 = tuple(
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
)

# What a sample of each dataset has: its task, its texts, its labels.
DATASETS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "nlvr2": ("statement", ("sentence",), ("True", "False")),
    "nlvr1": ("statement", ("sentence",), ("true", "false")),
    "esnlive": ("entailment", ("hypothesis",), ("contradiction", "neutral", "entailment")),
    "hateful_memes": ("classification", ("text",), MEME),
    "cifar10": ("classification", (), CIFAR10),
    "vqa": ("question", ("question",), ()),
    "captions": ("caption", (), ()),
}


def one_of(dataset: str, label: str | None = None) -> Sample:
    task, roles, labels = DATASETS[dataset]
    return Sample(
        f"{dataset}/train/1",
        (LEFT, RIGHT) if dataset == "nlvr2" else (LEFT,),
        {role: f"some {role} of it" for role in roles},
        label=label or (labels[0] if labels else "a red bus"),
        explanations=("It shows a bus.",),
        task=task,
        labels=labels,
    )


def fitting(dataset: str) -> list:
    """The templates that can be filled from its samples and whose words are its labels'."""
    sample = one_of(dataset)
    own = set(sample.labels)
    pool = [t for t in list_templates(sample.task) if set(t.slots) <= set(sample.texts)]
    pool = [t for t in pool if not misnames(t, sample)]
    return [t for t in pool if not own or set(t.words(sample.labels).values()) == own]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_has_several_wordings_and_paligemmas_prefix(dataset):
    found = fitting(dataset)
    assert len({t.render(one_of(dataset))[-1].text for t in found}) >= 4
    assert any("paligemma" in t.name for t in found)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_shipped_gold_answer_is_read_back_as_its_label(dataset):
    from workbench.prompts.parse import parse_answer

    for template in fitting(dataset):
        for label in DATASETS[dataset][2] or ("a red bus", "2", "yes"):
            sample = one_of(dataset, label)
            answer = template.gold_answer(sample)
            parsed = parse_answer(answer, template.words(sample.labels))
            assert parsed.label == label, (template.name, answer)


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_default_wording_can_be_filled_from_every_dataset(dataset):
    sample = one_of(dataset)
    template = default_template(sample.task, sample)
    text = template.render(sample)[-1].text
    assert all(said in text for said in sample.texts.values())
    assert set(template.words(sample.labels).values()) == set(sample.labels)


def test_a_meme_is_asked_with_its_text_and_another_classification_is_not():
    assert default_template("classification", one_of("hateful_memes")).slots == ("text",)
    assert default_template("classification", one_of("cifar10")).slots == ()
    odd = Sample("d/t/1", texts={"text": "x"}, labels=("0", "1"), task="classification")
    assert default_template("classification", odd).name == "classification/text-labels"
    assert default_template("classification").name == "classification/labels"


def test_the_default_of_a_source_is_told_by_a_sample_that_can_be_read():
    class Memes:
        task, length = "classification", 3

        def at(self, ordinal: int) -> Sample:
            if ordinal == 0:
                raise DataError("gone")
            return one_of("hateful_memes")

    assert default_for(Memes()).name == "classification/offensive"


def test_entailment_has_the_labels_listed_then_the_hypothesis_then_a_line_asked_for():
    text = get_template("entailment/labels-first").render(one_of("esnlive"))[0].text
    labels, hypothesis, request = text.split("\n")
    assert labels == "Labels: entailment, neutral, contradiction."
    assert hypothesis == "Hypothesis: some hypothesis of it"
    assert "one line" in request


def test_a_name_with_a_star_is_all_that_fit_it_in_the_newest_version():
    mine(
        '[[template]]\nname = "statement/mine"\nversion = 1\ntext = "{sentence}"\n'
        '[[template]]\nname = "statement/mine"\nversion = 2\ntext = "Judge: {sentence}"\n'
    )
    found = find_templates("statement/*")
    assert {t.task for t in found} == {"statement"}
    assert [t.version for t in found if t.name == "statement/mine"] == [2]
    assert find_templates("statement/mine@1")[0].version == 1
    assert len(find_templates("*/paligemma")) >= 5
    with pytest.raises(UnknownName, match=r"nothing/\*"):
        find_templates("nothing/*")


def test_an_example_stands_where_the_wording_wants_it():
    template = get_template("statement/form-shown")
    assert template.slots == ("sentence",)
    assert template.render(statement())[0].text.endswith(f"in this form: {template.example}")


def test_a_gold_answer_is_the_word_and_the_reason():
    template = default_template("statement")
    assert template.gold_answer(statement()) == "True. The left image has a red circle."
    assert template.gold_answer(statement(explanations=())) == "True."
    yes_no = get_template("statement/yes-no")
    assert yes_no.gold_answer(statement(label="False", explanations=())) == "No."


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


def test_the_identity_of_the_shipped_wordings_does_not_move():
    digests = {t.name: t.digest for t in list_templates()}
    assert digests["statement/true-false"] == "cc64e7e5c737"
    assert digests["caption/describe"] == "6f17dc845357"


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


def test_a_template_name_that_is_near_none_suggests_none():
    with pytest.raises(UnknownName) as near:
        get_template("questions/short")
    assert "did you mean: question/short" in (near.value.hint or "")
    with pytest.raises(UnknownName) as far:
        get_template("zzzz")
    assert far.value.hint == "see: wb prompts list"
