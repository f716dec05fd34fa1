"""The pool of wordings that a training draws from: names, and names with stars."""

from __future__ import annotations

import pytest

from training.train_data import choose_templates
from workbench.data.source import open_source
from workbench.errors import UnknownName, UsageError
from workbench.models.spec import ModelSpec
from workbench.prompts.pool import default_template, find_templates


def test_a_star_takes_all_wordings_of_a_task_and_each_source_its_own():
    sources = [open_source("demo/train"), open_source("demo_nli/train")]
    statements, entailments = choose_templates(
        ["statement/*", "entailment/labels"], sources, ModelSpec()
    )
    assert statements == find_templates("statement/*")
    assert [t.name for t in entailments] == ["entailment/labels"]


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
