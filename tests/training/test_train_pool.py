"""The pool of wordings that a training draws from: names, and names with stars."""

from __future__ import annotations

import pytest

from tests.workbench.data.tables import mine, write_pictures
from training.train_data import choose_templates
from workbench.data.source import open_source
from workbench.errors import UnknownName, UsageError
from workbench.models.spec import ModelSpec
from workbench.prompts.pool import (
    Template,
    default_template,
    find_templates,
    templates_about,
)


def test_a_star_takes_all_wordings_of_a_task_and_each_source_its_own():
    sources = [open_source("demo/train"), open_source("demo_nli/train")]
    statements, entailments = choose_templates(
        ["statement/*", "entailment/labels"], sources, ModelSpec()
    )
    others = [t for t in find_templates("statement/*") if t.name != "statement/one-image"]
    assert statements == others
    assert [t.name for t in entailments] == ["entailment/labels"]


@pytest.mark.parametrize(
    ("images", "left", "kept"),
    [(1, {"true-false", "left-right"}, "one-image"), (2, {"one-image"}, "left-right")],
)
def test_a_star_leaves_out_wordings_about_another_number_of_images_and_says_so(
    tmp_path, images, left, kept
):
    write_pictures(tmp_path, ["1.png"])
    columns = ["a", "b"][:images]
    row = ",".join(["1,x,true", *["1.png"] * images]) + "\n"
    mine(tmp_path, f"id,statement,label,{','.join(columns)}\n{row}", image=columns)
    notes: list[str] = []
    source = open_source("mine")
    (pool,) = choose_templates(["statement/*"], [source], ModelSpec(), notes)
    names = {t.name.partition("/")[2] for t in pool}
    assert kept in names and not left & names and "yes-no" in names
    assert len(notes) == 1 and all(f"statement/{name}" in notes[0] for name in left)
    found: list[Template] = []
    assert templates_about("statement/*", source.at(0), found) == pool
    assert {t.name.partition("/")[2] for t in found} == left
    named = choose_templates([f"statement/{next(iter(left))}"], [source], ModelSpec())[0]
    assert [t.name for t in named] == [f"statement/{next(iter(left))}"]  # what was asked for


def test_a_name_given_twice_is_drawn_no_oftener():
    (pool,) = choose_templates(
        ["statement/yes-no", "statement/*"], [open_source("demo/train")], ModelSpec()
    )
    assert [t.name for t in pool].count("statement/yes-no") == 1


def test_a_star_over_several_tasks_takes_what_fits_and_the_default_stands_for_the_rest():
    sources = [open_source("demo/train"), open_source("demo_captions/train")]
    statements, captions = choose_templates(["*/yes-no"], sources, ModelSpec())
    assert [t.name for t in statements] == ["statement/yes-no"]
    assert captions == [default_template("caption")]


def test_a_name_that_fits_no_data_or_nothing_is_refused():
    with pytest.raises(UsageError, match=r"caption/\*"):
        choose_templates(["caption/*"], [open_source("demo/train")], ModelSpec())
    with pytest.raises(UnknownName):
        choose_templates(["nothing/*"], [open_source("demo/train")], ModelSpec())
