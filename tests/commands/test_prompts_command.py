"""`wb prompts`: the pool listed, one template shown, several tried on a sample; no model asked."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.prompts.pool import default_template, list_templates, user_folder

UID = "demo/test/000012"


def mine(text: str) -> None:
    user_folder().mkdir(parents=True, exist_ok=True)
    (user_folder() / "mine.toml").write_text(text, encoding="utf-8")


def own(version: int, text: str = "Judge: {sentence}") -> str:
    return f'[[template]]\nname = "statement/mine"\nversion = {version}\ntext = "{text}"\n'


def test_the_list_has_every_template_with_the_default_of_a_task_first(run_wb):
    listed = run_wb("prompts", "list", "--json").json
    assert {t["name"] for t in listed} == {t.name for t in list_templates()}
    assert list(listed[0])[0] == "name"
    classes = run_wb("prompts", "list", "--task", "statement", "--json").json
    assert classes[0]["name"] == default_template("statement").name
    assert {t["task"] for t in classes} == {"statement"}
    shown = run_wb("prompts", "list").out
    assert "statement/yes-no@1" in shown and "yes → true, no → false" in shown


def test_older_versions_are_listed_when_asked_for(run_wb):
    mine(own(1) + own(2))

    def names(*flags: str) -> list[tuple[str, int]]:
        listed = run_wb("prompts", "list", "--task", "statement", *flags, "--json").json
        return [(t["name"], t["version"]) for t in listed if t["name"] == "statement/mine"]

    assert names() == [("statement/mine", 2)]
    assert names("--all") == [("statement/mine", 1), ("statement/mine", 2)]
    assert "mine.toml" in run_wb("prompts", "list").out


def test_one_template_is_shown_whole(run_wb):
    body = run_wb("prompts", "show", "entailment/labels-first", "--json").json
    assert body["slots"] == ["hypothesis"]
    assert body["labels"]["contradicts"] == "contradiction"
    shown = run_wb("prompts", "show", "statement/form-shown").out
    assert "{example}" in shown and "Only one of the two doors is open." in shown
    assert body["digest"] in run_wb("prompts", "show", "entailment/labels-first@1").out


def test_trying_fills_the_default_from_the_sample(run_wb):
    body = run_wb("prompts", "try", UID, "--json").json
    (one,) = body["prompts"]
    assert (body["uid"], one["name"]) == (UID, "statement/true-false")
    parts = one["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image", "image", "text"]
    assert one["gold"].startswith(("True", "False"))
    shown = run_wb("prompts", "try", UID).out
    assert "[left] [right]" in shown and parts[2]["text"] in shown


def test_a_name_with_a_star_tries_all_that_fit_it_and_says_of_the_others_why_not(run_wb):
    body = run_wb("prompts", "try", UID, "--template", "statement/*", "--json").json
    assert [p["name"] for p in body["prompts"]] == [t.name for t in list_templates("statement")]
    mixed = run_wb(
        "prompts", "try", UID, "--template", "entailment/labels*", "--template", "*/yes*"
    )
    assert mixed.code == 0
    assert "wants the text 'hypothesis'" in mixed.out and "Answer yes or no." in mixed.out
    other = run_wb("prompts", "try", UID, "--template", "caption/begin", "--json").json
    assert other["prompts"][0]["gold"] is None, "its label is no caption"
    none = run_wb("prompts", "try", UID, "--template", "entailment/labels", "--json")
    assert none.code == 2 and "hypothesis" in none.json["error"]["message"]


def test_an_answer_is_read_by_the_words_of_the_template(run_wb):
    def read(answer: str):
        tried = run_wb("prompts", "try", UID, "--answer", answer, "--json")
        return tried.json["prompts"][0]["read"]

    assert read("Not true.")["label"] == "False"
    assert read("True or false?") == {"label": None, "explanation": "True or false?"}
    assert "unparsed" in run_wb("prompts", "try", UID, "--answer", "Quizás").out


def test_examples_are_shown_as_turns_and_named(run_wb):
    body = run_wb("prompts", "try", UID, "--shots", "1", "--seed", "3", "--json").json
    assert len(body["shots"]) == 2
    assert all(uid.startswith("demo/train/") for uid in body["shots"])
    roles = [m["role"] for m in body["prompts"][0]["messages"]]
    assert roles == ["user", "assistant"] * 2 + ["user"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("show", "no/such"), "no template"),
        (("list", "--task", "painting"), "painting"),
        (("try", UID, "--template", "zzz*"), "zzz*"),
        (("try", "demo/test/nosuch"), "nosuch"),
        (("try", "nonsense"), "nonsense"),
        (("try", UID, "--shots", "-1"), "--shots"),
    ],
)
def test_what_is_not_there_is_one_message(run_wb, args, words):
    done = run_wb("prompts", *args)
    assert (done.code, done.out) == (2, "")
    assert words in done.err and "hint:" in done.err or "--shots" in done.err


def test_a_wrong_file_of_ones_own_is_named_with_all_that_is_wrong(run_wb):
    mine(own(0) + own(1, "").replace("mine", "mine two"))
    done = run_wb("prompts", "list", "--json")
    assert done.code == 2
    message = done.json["error"]["message"]
    assert "mine.toml" in message and "'version'" in message
    assert "'name'" in message and "'text' is empty" in message


def test_what_a_terminal_would_act_on_is_not_printed(run_wb):
    mine(own(1, "Judge \\u001b[31m {sentence}"))
    for args in (("list",), ("show", "statement/mine"), ("try", UID, "--template", "*/mine")):
        assert "\x1b" not in run_wb("prompts", *args).out


def test_nothing_heavy_is_imported_to_try_a_prompt():
    code = (
        "import sys; from click.testing import CliRunner; from commands.prompts import command;"
        f"done = CliRunner().invoke(command, ['try', '{UID}', '--shots', '1']);"
        "assert done.exit_code == 0, done.output;"
        "heavy = {'torch', 'transformers', 'datasets', 'pyarrow'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_commands_and_the_template_of_the_docs_work_as_they_stand(run_wb):
    page = (Path(__file__).parents[2] / "docs" / "prompts.md").read_text("utf-8")
    commands = re.search(r"```sh\n(.*?)```", page, re.S)
    own_template = re.search(r"```toml\n(.*?)```", page, re.S)
    assert commands and own_template
    mine(own_template[1])
    lines = [line for line in commands[1].splitlines() if line]
    assert len(lines) >= 3
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "wb"
        assert run_wb(*words[1:]).code == 0, line
    body = run_wb("prompts", "show", "statement/mine", "--json").json
    assert body["system"] and body["example"] and body["labels"] == {"yes": "true", "no": "false"}
    for template in list_templates():
        if template.name != "statement/mine":
            assert f"`{template.name}`" in page or f"`{template.name.split('/')[1]}`" in page


def test_examples_of_boxes_are_shown_in_the_coordinates_of_a_named_model(run_wb):
    uid = "demo_boxes/test/000001"
    body = run_wb("prompts", "try", uid, "--shots", "1", "--model", "demo", "--json").json
    (tried,) = body["prompts"]
    assert tried["name"] == "grounding/region"
    shown = json.dumps(tried["messages"][1])
    assert re.search(r'"the \w+ \w+\(\d+,\d+\),\(\d+,\d+\)"', shown)
    assert tried["gold"] == "the blue star(422,47),(656,266)"
    fractions = run_wb("prompts", "try", uid, "--shots", "1", "--json").json["prompts"][0]
    assert fractions["gold"] == "[0.422, 0.047, 0.656, 0.266]"
    refused = run_wb("prompts", "try", uid, "--shots", "1", "--template", "grounding/region")
    assert (refused.code, refused.out) == (2, "")
    assert "nobody knows in which units" in refused.err and "--model NAME" in refused.err
