"""What a cell may hold beside a word or a path: lists, nothing, base64, other spellings."""

from __future__ import annotations

import base64
import json
import unicodedata
from pathlib import Path

import pytest

from tests.workbench.data.tables import mine, picture, samples, write_lines, write_pictures
from workbench.data.adding import add
from workbench.data.source import get_sample


def lines(*rows: dict) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_a_list_of_one_label_is_that_label(tmp_path: Path):
    added = mine(tmp_path, lines({"id": 0, "gold": ["a"]}, {"id": 1, "gold": ["b"]}), "t.jsonl",
                 label="gold")  # fmt: skip
    assert [sample.label for sample in samples()] == ["a", "b"]
    assert added.mapping.labels == ("a", "b")


def test_minus_one_is_no_label_but_may_be_an_answer(tmp_path: Path):
    added = mine(tmp_path, "id,text,label\n1,x,0\n2,x,1\n3,x,-1\n")
    assert added.mapping.labels == ("0", "1")
    assert [(sample.label, sample.error) for sample in samples()][2] == (None, None)
    mine(tmp_path, "id,question,answer\n1,2-3?,-1\n")
    assert samples()[0].label == "-1"


@pytest.mark.parametrize("word", ["null", "nan", "NA"])
def test_words_for_nothing_are_labels_where_the_format_has_a_null(tmp_path: Path, word: str):
    rows = [{"id": i, "text": "x", "label": label} for i, label in enumerate([word, None])]
    mine(tmp_path, lines(*rows), "t.jsonl")
    assert [sample.label for sample in samples()] == [word, None]


def test_a_table_without_a_null_writes_it_in_words(tmp_path: Path):
    mine(tmp_path, "id,text,label\n1,x,null\n2,x,nan\n3,x,a\n")
    assert [sample.label for sample in samples()] == [None, None, "a"]


@pytest.mark.parametrize("cell", ['["1.png", "2.png"]', "['1.png', '2.png']"])
def test_a_list_in_a_cell_is_a_list(tmp_path: Path, cell: str):
    write_pictures(tmp_path, ["1.png", "2.png"])
    mine(tmp_path, f"id\tquestion\timages\n1\tsame?\t{cell}\n", "t.tsv")
    (sample,) = samples()
    assert ([ref.name for ref in sample.images], sample.error) == (["1.png", "2.png"], None)


@pytest.mark.parametrize("mark", [";", " | ", ", "])
def test_paths_in_a_cell_are_parted_where_each_is_a_file(tmp_path: Path, mark: str):
    write_pictures(tmp_path, ["1.png", "2.png", "a;b.png"])
    rows = f"1\tsame?\t1.png{mark}2.png\n2\tone?\ta;b.png\n3\tgone?\t1.png{mark}3.png\n"
    mine(tmp_path, "id\tquestion\timages\n" + rows, "t.tsv")
    found = samples()
    assert [[ref.name for ref in sample.images] for sample in found[:2]] == [
        ["1.png", "2.png"],
        ["a;b.png"],
    ]
    assert found[0].error is None and "does not exist" in (found[2].error or "")


def test_numbered_columns_are_images_in_their_order(tmp_path: Path):
    write_pictures(tmp_path, [f"{i}.png" for i in (1, 2, 10)])
    row = {"id": 1, "question": "?", "image_10": "10.png", "image_2": None, "image_1": "1.png"}
    added = mine(tmp_path, lines(row), "t.jsonl")
    assert added.mapping.images == ("image_1", "image_2", "image_10")
    (sample,) = samples()
    assert ([ref.name for ref in sample.images], sample.error) == (["1.png", "10.png"], None)


def test_a_row_that_says_null_has_no_image_and_a_blank_cell_lacks_one(tmp_path: Path):
    mine(tmp_path, lines({"id": 1, "question": "?", "image": None}), "t.jsonl")
    assert (samples()[0].images, samples()[0].error) == ((), None)
    mine(tmp_path, "id,question,image\n1,?,\n")
    assert samples()[0].error == "it has no image in 'image'"


def test_an_image_in_base64_is_that_image_and_is_never_shown(tmp_path: Path):
    text = base64.b64encode(picture(size=(30, 20))).decode()
    added = mine(tmp_path, f"id\timage\n1\t{text}\n2\t{text[:-6]}*\n", "t.tsv")
    first, second = samples()
    assert first.images[0].load().size == (30, 20)
    assert first.images[0].name == "image"
    assert text[:250] not in repr((second.error, second.images[0].name, second.metadata, added))


@pytest.mark.parametrize(
    "cell",
    ["img\\a.png", "/img/a.png", "file://img/a.png", "./img/a.png", "file://{root}/img/a.png"],
)
def test_a_path_is_found_however_it_is_spelled(tmp_path: Path, cell: str):
    write_pictures(tmp_path, ["img/a.png"])
    write_lines(tmp_path / "t.jsonl", [{"id": 1, "image": cell.replace("{root}", str(tmp_path))}])
    add("mine", tmp_path / "t.jsonl")
    assert get_sample("mine/t/1").images[0].load().size == (8, 6)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_are_found_composed_and_decomposed(tmp_path: Path, form: str):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    write_pictures(tmp_path, [unicodedata.normalize(form, "caf\u00e9.png")])
    name = unicodedata.normalize(other, "caf\u00e9.png")
    mine(tmp_path, lines({"id": 1, "image": name}), "t.jsonl")
    assert samples()[0].error is None


@pytest.mark.parametrize("cell", ["..\\x.png", "/../x.png", "file:///../../etc/passwd"])
def test_no_spelling_leads_out_of_the_root(tmp_path: Path, cell: str):
    write_pictures(tmp_path, ["x.png"])
    root = tmp_path / "in"
    root.mkdir()
    mine(root, lines({"id": 1, "image": cell}), "t.jsonl")
    (sample,) = samples()
    assert "leads out of the image root" in (sample.error or "")
