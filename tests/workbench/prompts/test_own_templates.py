"""The user's own templates: they join the pool, and what is wrong in a file is named."""

from __future__ import annotations

import pytest

from workbench.errors import UsageError
from workbench.prompts.pool import (
    Template,
    default_template,
    get_template,
    list_templates,
    user_folder,
)
from workbench.sample import Sample


def mine(text: str) -> None:
    user_folder().mkdir(parents=True, exist_ok=True)
    (user_folder() / "mine.toml").write_text(text, encoding="utf-8")


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
    for piece in (
        "mine.toml",
        "'version' wants a whole number",
        "unknown key 'colour'",
        "'text' is missing",
    ):
        assert piece in info.value.message
    assert "painting" in info.value.message


HEAD = 'name = "statement/mine"\nversion = 1\n'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('text = ""', "'text' is empty"),
        ('text = "x"\nanswer = "{wrod}"', "'answer' has the slot {wrod}"),
        ('text = "like {example}"', "'example' is missing"),
        ('text = "x"\nexample = "True."', "{example} stands nowhere"),
        ('text = "x"\nlabels = { yes = "true" }', "at least two labels"),
        ('text = "x"\nlabels = { yes = "true", YES = "false" }', "capitals alone"),
        ('text = "x"\nlabels = { yes = 1, no = 0 }', "label word 'yes' wants a string"),
        ('text = "x"\nlabels = { "!" = "true", no = "false" }', "a letter or a digit"),
        ('text = "x"\nlabels = ["yes", "no"]', "a table of word = label"),
        ('text = "x"\nsystem = true', "'system' wants a text"),
        ('text = "x"\ntask = "painting"', "task 'painting' is none of statement"),
    ],
)
def test_each_thing_that_can_be_wrong_is_named(body, words):
    mine(f"[[template]]\n{HEAD}{body}\n")
    with pytest.raises(UsageError) as info:
        list_templates()
    assert words in info.value.message and "statement/mine" in info.value.message
    assert info.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'[template]\n{HEAD}text = "x"\n', "two brackets"),
        (f'[[templates]]\n{HEAD}text = "x"\n', "unknown table or key 'templates'"),
        ("", "no [[template]] table"),
        ('[[template]]\nname = "statement/my own"\nversion = 0\ntext = "x"\n', "at least 1"),
        (f'[[template]]\n{HEAD}text = "x"\n' * 2, "version 1 is here twice"),
    ],
)
def test_a_file_in_another_form_says_what_the_form_is(text, words):
    mine(text)
    with pytest.raises(UsageError) as info:
        list_templates()
    assert words in info.value.message and "mine.toml" in info.value.message


def test_the_same_name_and_version_in_two_files_of_ones_own_is_refused():
    mine(f'[[template]]\n{HEAD}text = "x"\n')
    (user_folder() / "other.toml").write_text(f'[[template]]\n{HEAD}text = "y"\n')
    with pytest.raises(UsageError, match=r"mine@1 is in .*mine\.toml and in .*other\.toml"):
        list_templates()


def test_ones_own_may_take_the_place_of_a_shipped_one():
    mine('[[template]]\nname = "caption/describe"\nversion = 1\ntext = "Well?"\n')
    assert get_template("caption/describe").text == "Well?"
    assert default_template("caption").text == "Describe the image."


def test_a_file_that_is_not_toml_is_refused_by_name():
    mine("[[template\n")
    with pytest.raises(UsageError, match=r"mine\.toml is not TOML"):
        list_templates()


def test_a_part_in_double_brackets_falls_away_without_its_text():
    text = "{question} [[(said: {context}, of {place}) ]][[1, 2]] [[{labels}]]"
    own = Template("question/mine", 1, "question", text, labels={"yes": "a", "no": "b"})
    assert own.slots == ("question",) and own.optional_slots == ("context", "place")

    def asked(**texts: str) -> str:
        return own.render(Sample("a/b/1", texts={"question": "q?"} | texts))[-1].text

    bare = asked()
    assert (
        bare == asked(context="x") == asked(context="x", place=" ") == "q? [[1, 2]] [[yes or no]]"
    )
    assert asked(context="{place}", place="[[{question}]]") == (
        "q? (said: {place}, of [[{question}]]) [[1, 2]] [[yes or no]]"
    )
