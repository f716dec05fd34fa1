"""Classes that a table has twice, by number and by name: the names are the labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from commands.data import command
from tests.workbench.data.tables import mine, samples, write_pictures

PETS = ((0, "cat"), (1, "dog"), (0, "cat"), (1, "dog"))


def table(numbers: str, names: str, pets: tuple[tuple[object, str], ...] = PETS) -> str:
    rows = "".join(f"{n}.png,{number},{name}\n" for n, (number, name) in enumerate(pets))
    return f"image,{numbers},{names}\n{rows}"


@pytest.mark.parametrize(
    ("numbers", "names"),
    [
        ("class_id", "class_name"),
        ("class", "class_name"),
        ("label", "label_name"),
        ("label", "Label Text"),
        ("label_idx", "label_str"),
        ("category_id", "category"),
        ("category_id", "category_name"),
        ("target", "className"),
    ],
)
def test_the_names_are_the_labels_and_their_numbers_are_told(
    tmp_path: Path, numbers: str, names: str
):
    write_pictures(tmp_path, [f"{n}.png" for n in range(4)])
    (tmp_path / "t.csv").write_text(table(numbers, names))
    words = ["add", "mine", str(tmp_path / "t.csv")]
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    row = " ".join(result.stdout.splitlines()[2].split())
    assert row == "t 4 4 – 4: cat 2, dog 2 4 found, 0 missing"
    why = f"the names of {numbers}, which stays in the metadata; --label {numbers} for the numbers"
    assert f"taken  label: {names} ({why})" in result.stderr
    assert f"in the metadata: {numbers}\n" in result.stdout
    assert "Which of these is it: cat or dog?" in result.stdout
    assert [s.metadata[numbers] for s in samples()] == ["0", "1", "0", "1"]


def test_the_numbers_are_the_labels_where_that_is_said(tmp_path: Path):
    added = mine(tmp_path, table("class_id", "class_name"), label="class_id")
    assert added.mapping.labels == ("0", "1")
    assert mine(tmp_path, table("class_id", "class_name"), label="").mapping.label == ""


@pytest.mark.parametrize(
    "pets",
    [
        ((0, "cat"), (0, "dog"), (1, "owl")),  # two names of one number
        ((0, "cat"), (1, "cat"), (2, "dog")),  # two numbers of one name
        (("red", "cat"), ("blue", "dog")),  # no numbers
        ((0, "10"), (1, "11")),  # no names
    ],
)
def test_columns_that_are_not_number_and_name_of_one_class_are_not_joined(
    tmp_path: Path, pets: tuple[tuple[object, str], ...]
):
    assert mine(tmp_path, table("label", "label_name", pets)).mapping.label == "label"


def test_a_row_that_lacks_either_speaks_against_nothing(tmp_path: Path):
    pets = ((0, "cat"), (-1, ""), (1, "dog"), ("", "cat"))
    assert mine(tmp_path, table("label", "label_name", pets)).mapping.label == "label_name"


def test_the_names_alone_are_labels_by_their_column(tmp_path: Path):
    added = mine(tmp_path, table("note", "class_name"))
    assert added.mapping.labels == ("cat", "dog")
    assert "label: class_name (by the column's name)" in added.guessed


@pytest.mark.parametrize("columns", ["question,answer", "caption,note", "sentence,label"])
def test_a_category_beside_a_text_is_no_label(tmp_path: Path, columns: str):
    rows = "".join(f"{n}.png,a {n},true,{n % 2},k{n % 2}\n" for n in range(4))
    added = mine(tmp_path, f"image,{columns},category_id,category\n{rows}")
    assert added.mapping.label != "category"


def test_class_names_beside_a_question_are_no_answers(tmp_path: Path):
    rows = "".join(f"{n}.png,what?,{n},k{n % 2}\n" for n in range(4))
    assert mine(tmp_path, f"image,question,no,class_name\n{rows}").mapping.label == ""
