"""Captions as a row each: those of one image are gathered as its references."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workbench.data.tables import write_pictures
from workbench.data.adding import add
from workbench.data.source import open_source
from workbench.errors import DataError

CSV = "image,caption\na.png,one\nb.png,three\na.png,two\n"
FORMS = {
    "captions.csv": CSV,
    "captions.txt": CSV,  # as Kaggle's Flickr8k
    "results.csv": "image_name| comment_number| comment\na.png| 0| one\nb.png| 0| three\n"
    "a.png| 1| two\n",
    "tokens.txt": "a.png#0\tone\nb.png#0\tthree\na.png#1\ttwo\n",
    "Flickr8k.token": "a.png#0\tone\nb.png#0\tthree\na.png#1\ttwo\n",
    "c.jsonl": "".join(
        json.dumps({"image": f"{image}.png", "caption": said}) + "\n"
        for image, said in (("a", "one"), ("b", "three"), ("a", "two"))
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_rows_of_one_image_are_its_references_and_none_is_lost(tmp_path: Path, name: str):
    write_pictures(tmp_path, ["a.png", "b.png"])
    (tmp_path / name).write_text(FORMS[name])
    added = add("mine", f"all={tmp_path / name}")
    assert added.guessed[0].startswith("layout: captions (the rows of one image")
    first, second = open_source("mine/all").iter()
    assert (first.label, first.references, first.task) == ("one", ("one", "two"), "caption")
    assert (second.references, second.images[0].load().size) == (("three",), (8, 6))


@pytest.mark.parametrize("wishes", [{"like": ""}, {"id": "hash"}])
def test_rows_stay_apart_where_that_is_said(tmp_path: Path, wishes: dict):
    write_pictures(tmp_path, ["a.png", "b.png"])
    (tmp_path / "t.csv").write_text(CSV)
    assert add("mine", tmp_path / "t.csv", **wishes).info.splits == {"t": 3}


@pytest.mark.parametrize(
    "text", ["image,caption\na.png,one\nb.png,two\n", CSV.replace("caption", "caption,label", 1)]
)
def test_a_table_of_single_captions_or_with_labels_is_a_table(tmp_path: Path, text: str):
    (tmp_path / "t.csv").write_text(text)
    added = add("mine", tmp_path / "t.csv")
    assert (added.mapping.recipe, added.info.splits["t"]) == ("", text.count("\n") - 1)


def test_a_list_of_coco_results_is_refused_as_what_it_is(tmp_path: Path):
    path = tmp_path / "captions_val2014_fake_results.json"
    path.write_text(json.dumps([{"image_id": 1, "caption": "a disc"}]))
    with pytest.raises(DataError, match="list of results"):
        add("mine", path)
