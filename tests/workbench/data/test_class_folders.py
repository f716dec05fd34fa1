"""Class folders whose images have a metadata file: the class is the label where it has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from commands.data import command
from tests.workbench.data.tables import samples, write_lines, write_pictures
from workbench.data.adding import add
from workbench.data.looking import OwnData, look


def class_folder(root: Path, *, images: int = 2, below: str = "", **beside: Any) -> Path:
    """`cat/0.png`, … with a line each in `metadata.jsonl`."""
    names = [f"{kind}/{n}.png" for kind in ("cat", "dog") for n in range(images)]
    write_pictures(root / below, names)
    rows = [{"file_name": name, **beside} for name in names]
    write_lines(root / below / "metadata.jsonl", rows)
    return root


@pytest.mark.parametrize("beside", [{}, {"text": "a picture"}, {"caption": "a picture"}])
def test_the_folders_are_the_classes_where_the_metadata_has_no_label(
    tmp_path: Path, beside: dict[str, str]
):
    folder = str(class_folder(tmp_path, **beside))
    words = ["add", "mine", folder, "--id", "file_name"]
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    row = " ".join(result.stdout.splitlines()[2].split())
    text = "caption 4" if beside else "–"
    assert row == f"all 4 4 {text} 4: cat 2, dog 2 4 found, 0 missing"
    instead = "--task caption for the captions, " if beside else ""
    why = f"the folders that the images lie in: cat, dog; {instead}--label '' for none"
    assert f"taken  label: file_name:folder ({why})" in result.stderr
    assert "Which of these is it: cat or dog?" in result.stdout
    assert [s.texts for s in samples()] == [{"caption": "a picture"} if beside else {}] * 4


def test_a_label_of_the_metadata_goes_before_the_folders(tmp_path: Path):
    added = add("mine", class_folder(tmp_path, label="pet"), id="file_name")
    assert added.mapping.label == "label"


@pytest.mark.parametrize("beside", [{"question": "what?"}, {"captions": ["a", "b"]}])
def test_a_question_and_listed_captions_are_not_answered_by_the_folders(
    tmp_path: Path, beside: dict[str, Any]
):
    added = add("mine", class_folder(tmp_path, **beside), id="file_name")
    assert not added.mapping.label.endswith(":folder")


@pytest.mark.parametrize(
    ("wishes", "task", "label"),
    [
        ({"task": "caption"}, "caption", "a picture"),
        ({"label": "text"}, "caption", "a picture"),
        ({"label": ""}, "caption", None),
    ],
)
def test_the_guess_is_switched_off_by_what_is_said(
    tmp_path: Path, wishes: dict[str, Any], task: str, label: str | None
):
    added = add("mine", class_folder(tmp_path, text="a picture"), id="file_name", **wishes)
    assert added.mapping.task == task
    assert {s.label for s in samples()} == {label}


def test_each_split_has_its_classes(tmp_path: Path):
    class_folder(tmp_path / "f", below="train", text="a picture")
    add("mine", class_folder(tmp_path / "f", below="test", text="a picture"), id="file_name")
    assert [s.label for s in samples("mine/test")] == ["cat", "cat", "dog", "dog"]
    assert samples("mine/train")[0].labels == ("cat", "dog")


@pytest.mark.parametrize(
    "names",
    [["images/1.png", "images/2.png"], ["1.png", "cat/2.png"], ["train/1.png", "test/1.png"]],
)
def test_one_folder_and_the_folders_of_splits_are_no_classes(tmp_path: Path, names: list[str]):
    write_pictures(tmp_path, names)
    write_lines(tmp_path / "metadata.jsonl", [{"file_name": n, "text": "a"} for n in names])
    assert add("mine", tmp_path, id="file_name").mapping.label == "text"


def test_many_folders_of_one_image_each_are_no_classes(tmp_path: Path):
    names = [f"{n:03}/1.png" for n in range(24)]
    write_pictures(tmp_path, names)
    write_lines(tmp_path / "metadata.jsonl", [{"file_name": n, "text": "a"} for n in names])
    assert add("mine", tmp_path, id="file_name").mapping.label == "text"


def test_the_bench_keeps_the_image_and_the_class_when_another_role_changes(tmp_path: Path):
    folder = str(class_folder(tmp_path, text="a picture", place="here"))
    found = look(OwnData("mine", folder))
    assert found.roles == {"file_name": "image", "text": "text caption", "place": "metadata"}
    changed = look(OwnData("mine", folder, roles=found.with_role("place", "explanation")))
    assert changed.mapping.label == "file_name:folder"
    assert [s.label for s in changed.samples] == ["cat", "cat", "dog"]
