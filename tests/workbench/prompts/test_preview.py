"""Which texts of a sample its default prompt shows, and what is said of those it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workbench.data.tables import mine, samples, write_pictures
from workbench.data.source import open_source
from workbench.data.understood import understand
from workbench.evaluation.notes import notes_of
from workbench.prompts.pool import default_for, get_template
from workbench.prompts.preview import preview, unseen_of


@pytest.mark.parametrize(
    ("columns", "labels", "task", "template"),
    [
        ("text", ("yes", "no"), "question", "question/yes-no"),
        ("prompt", ("yes", "no"), "question", "question/yes-no"),
        ("caption", ("0", "1"), "statement", "statement/true-false"),
        ("statement", ("true", "false"), "statement", "statement/true-false"),
        ("text", ("good", "bad"), "classification", "classification/text-labels"),
    ],
)
def test_the_default_prompt_holds_the_text(
    tmp_path: Path, columns: str, labels: tuple[str, str], task: str, template: str
):
    rows = [f"{i},there is a disc,{label}\n" for i, label in enumerate(labels)]
    added = mine(tmp_path, f"id,{columns},label\n" + "".join(rows))
    source = open_source("mine")
    assert (source.task, default_for(source).name) == (task, template)
    assert samples()[0].label == labels[0]
    (table,) = understand(added.mapping, preview).splits
    assert table.prompt is not None
    assert "there is a disc" in table.prompt["text"]
    assert table.prompt["unseen"] == []


def test_a_text_that_no_default_prompt_shows_is_told_when_added_and_evaluated(tmp_path: Path):
    texts = {"question": "question", "hint": "hint"}
    added = mine(tmp_path, "id,question,hint,answer\n1,what?,look,red\n", texts=texts)
    warnings = understand(added.mapping, preview).warnings
    assert any("does not show the text 'hint'" in warning for warning in warnings)
    template = get_template("question/short")
    unseen = unseen_of(template, open_source("mine"))
    assert unseen == ["hint"]
    config = {"task": "question", "template": template.name, "texts_unseen": unseen}
    assert notes_of(config, []) == [
        "the prompt (question/short) does not show the text 'hint' of a sample"
    ]


def test_a_caption_that_is_asked_for_is_not_missed_in_its_prompt(tmp_path: Path):
    added = mine(tmp_path, "id,caption\n1,a disc\n")
    assert not any("does not show" in line for line in understand(added.mapping, preview).warnings)


@pytest.mark.parametrize(
    ("images", "template"),
    [(["a"], "statement/one-image"), (["a", "b"], "statement/true-false")],
)
def test_the_default_prompt_speaks_of_as_many_images_as_there_are(tmp_path, images, template):
    write_pictures(tmp_path, ["1.png"])
    rows = "id,statement,label,a,b\n1,x,true,1.png,1.png\n2,y,false,1.png,1.png\n"
    found = understand(mine(tmp_path, rows, image=images).mapping, preview)
    (table,) = found.splits
    assert table.prompt is not None and table.prompt["template"] == template
    assert not any("number of images" in warning for warning in found.warnings)


def test_a_template_of_another_task_than_the_data_s_is_noted():
    run = {"task": "statement", "template": "caption/none"}
    (note,) = notes_of(run, [])
    assert "caption/none asks for a caption" in note and "--task statement" in note
    assert notes_of({**run, "template": "statement/yes-no"}, []) == []
    assert notes_of({**run, "template": "my-own"}, []) == []
