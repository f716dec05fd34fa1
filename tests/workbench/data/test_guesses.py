"""What is guessed of a table: over all files, with its reason, and never what is measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from commands.data import command
from tests.workbench.data.tables import samples, write_pictures
from workbench.data.adding import add
from workbench.data.source import get_sample
from workbench.data.tables.guessing import guess_label, guess_texts
from workbench.data.tables.likely_roles import likely_options
from workbench.errors import DataError


def tables(folder: Path, column: str, train: list[str], test: list[str]) -> list[str]:
    """Two tables, of which the second one's labels are other ones."""
    for split, words in (("train", train), ("test", test)):
        lines = [f"{i},what {i}?,{word}\n" for i, word in enumerate(words)]
        (folder / f"{split}.csv").write_text(f"id,{column},answer\n" + "".join(lines))
    return [str(folder / "train.csv"), str(folder / "test.csv")]


def test_labels_are_those_of_all_files(tmp_path: Path):
    added = add("mine", tables(tmp_path, "text", ["a", "b"] * 20, ["c", "a"]))
    assert added.mapping.labels == ("a", "b", "c")
    assert [sample.error for sample in samples("mine/test")] == [None, None]


def test_no_closed_set_is_guessed_for_an_open_question(tmp_path: Path):
    added = add("mine", tables(tmp_path, "question", ["1", "2", "3"] * 10, ["red", "4"]))
    assert (added.mapping.task, added.mapping.labels) == ("question", ())
    assert any(guess.startswith("labels: none") for guess in added.guessed)
    assert [sample.error for sample in samples("mine/test")] == [None, None]


def test_yes_and_no_are_a_closed_set_of_a_question_where_no_file_has_another(tmp_path: Path):
    assert add(
        "mine", tables(tmp_path, "question", ["yes", "no"] * 10, ["no", "yes"])
    ).mapping.labels == ("yes", "no")
    paths = tables(tmp_path, "question", ["yes", "no"] * 10, ["no", "two"])
    assert add("mine", paths, replace=True).mapping.labels == ()


def test_one_word_alone_is_no_closed_set(tmp_path: Path):
    assert add("mine", tables(tmp_path, "text", ["no"], ["no"])).mapping.labels == ()


def test_each_guess_says_why_and_an_empty_value_switches_it_off(tmp_path: Path):
    paths = tables(tmp_path, "text", ["a", "b"], ["a", "b"])
    added = add("mine", paths)
    assert "label: answer (by the column's name)" in added.guessed
    assert "labels: a, b (all that 4 labelled rows have)" in added.guessed
    off = ["--labels", "", "--text", "", "--replace", "--id", "", "--image", "", "--reference", ""]
    result = CliRunner().invoke(command, ["add", "mine", *paths, *off], catch_exceptions=False)
    assert "labels" not in result.stderr
    sample = samples("mine/test")[0]
    assert (sample.labels, sample.texts, sample.label) == ((), {}, "a")


def test_a_test_split_need_not_be_labelled_where_another_one_is(tmp_path: Path):
    paths = tables(tmp_path, "question", ["a", "b"], ["a"])
    (tmp_path / "test.csv").write_text("id,question\n7,what?\n")
    for order in (paths, paths[::-1]):
        add("mine", order, replace=True)
        assert (get_sample("mine/test/7").label, get_sample("mine/train/0").label) == (None, "a")
    with pytest.raises(DataError, match="no column 'gold'"):
        add("mine", paths, label="gold", replace=True)


def test_a_column_of_names_of_image_files_is_the_image_whatever_it_is_called(tmp_path: Path):
    names = [f"p{i}.PNG" for i in range(3)]
    write_pictures(tmp_path / "pics", names)
    rows = "".join(f"{name},Is it red?,yes\n" for name in names)
    table = tmp_path / "t.csv"
    table.write_text(f"file,question,answer\n{rows}")
    guesses: list[str] = []
    added = add("mine", table, guesses=guesses, image_root=tmp_path / "pics")
    assert [s.images[0].name for s in samples("mine/t")] == names  # ids by the image, not twice
    assert any(said.startswith("image: file (all that it holds are") for said in guesses)
    assert added.mapping.images == ("file",)
    # a blank cell is a row without an image; a cell that names none speaks against it
    table.write_text(f"file,question,answer\n{rows},Is it blue?,no\n")
    assert add("mine", table, replace=True).mapping.images == ("file",)
    table.write_text(f"file,question,answer\n{rows}notes.txt,Is it blue?,no\n")
    assert add("mine", table, id="auto", replace=True).mapping.images == ()
    # what is called like an image goes first
    table.write_text("file,image,answer\na.png,b.png,yes\n")
    assert add("mine", table, replace=True).mapping.images == ("image",)


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        (("img", "q", "gt"), {"question": "q"}, "gt"),
        (("img", "Query", "a"), {"question": "Query"}, "a"),
        (("img", "question", "y"), {"question": "question"}, "y"),
        (("q", "sentence", "ans", "label"), {"sentence": "sentence"}, "label"),
        (("q", "a", "b", "c"), {"question": "q"}, ""),  # options
        (("img", "x", "y"), {}, ""),  # the places of a point
        (("img", "a"), {}, ""),
    ],
)
def test_short_names_count_where_nothing_else_is_meant(columns, text, label):
    assert (guess_texts(columns), guess_label(columns)) == (text, label)


def test_columns_without_a_known_name_are_proposed_by_their_values():
    rows = [
        {"n": i, "m1": f"Is there a shape number {i}?", "m2": "ja" if i % 2 else "nein"}
        for i in range(12)
    ]
    assert likely_options(rows) == ("--text", "question=m1", "--label", "m2")
    assert likely_options([{"n": i} for i in range(9)]) == (
        *("--text", "question=COLUMN", "--label", "COLUMN"),
    )
    assert likely_options([{}]) == ()
