"""Files that are joined into rows: kept, made anew when one changes, the same everywhere."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from sessions.paths import cache_dir
from tests.workbench.data.tables import write_pictures
from workbench.data.adding import add, remove_dataset
from workbench.data.layouts import vqa
from workbench.data.layouts.base import LayoutInput
from workbench.data.layouts.joined import JoinedFile
from workbench.data.layouts.places import find_image, image_root
from workbench.data.source import get_sample, open_source
from workbench.data.tables.mapping import SplitFile, load_mapping, mapping_path
from workbench.errors import DataError


def write(root: Path, answers: list[str]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    questions = [{"question_id": n, "question": "?", "image_id": f"{n}.png"} for n in range(3)]
    notes = [{"question_id": n, "answers": [{"answer": answers[n]}] * 10} for n in range(3)]
    (root / "val_questions.json").write_text(json.dumps({"questions": questions}))
    (root / "val_annotations.json").write_text(json.dumps({"annotations": notes}))
    write_pictures(root, ["0.png", "1.png", "2.png"])


def test_rows_are_made_once_and_anew_when_any_file_changes(tmp_path: Path, monkeypatch):
    write(tmp_path / "data", ["a", "b", "c"])
    add("v", tmp_path / "data", like="vqa")
    first = open_source("v/val")
    made: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(vqa, "rows", lambda part, problems: made.append(part.split) or iter(()))
        again = open_source("v/val")
        assert (made, again.revision, again.at(1).label) == ([], first.revision, "b")
    write(tmp_path / "data", ["a", "another", "c"])
    changed = open_source("v/val")
    assert changed.at(1).label == "another"
    assert changed.revision != first.revision
    assert len(list((cache_dir() / "joined").glob("*.jsonl"))) == 1  # the old rows are gone


def test_the_revision_is_of_the_rows_and_not_of_where_they_lie(tmp_path: Path):
    write(tmp_path / "here", ["a", "b", "c"])
    shutil.copytree(tmp_path / "here", tmp_path / "there" / "deeper")
    revisions = set()
    for folder in (tmp_path / "here", tmp_path / "there"):
        add("v", folder, like="vqa", replace=True)
        revisions.add(open_source("v/val").revision)
    assert len(revisions) == 1


def test_where_nothing_can_be_kept_the_rows_are_held_in_memory(tmp_path: Path):
    write(tmp_path / "data", ["a", "b", "c"])
    cache_dir().mkdir(parents=True, exist_ok=True)
    (cache_dir() / "joined").write_text("a file in the way")
    add("v", tmp_path / "data", like="vqa")
    assert [s.label for s in open_source("v/val").iter()] == ["a", "b", "c"]
    assert get_sample("v/val/2").label == "c"


def test_a_joined_mapping_reads_back_equal_and_an_unknown_recipe_is_named(tmp_path: Path):
    write(tmp_path / "data", ["a", "b", "c"])
    mapping = add("v", tmp_path / "data", like="vqa").mapping
    path = mapping_path("v")
    assert load_mapping(path) == mapping
    assert mapping.files[0].beside["annotations"].endswith("val_annotations.json")
    path.write_text(path.read_text().replace('recipe = "vqa"', 'recipe = "os"'))
    with pytest.raises(DataError, match="no recipe 'os'"):
        open_source("v/val")


def test_a_file_that_is_gone_is_named(tmp_path: Path):
    write(tmp_path / "data", ["a", "b", "c"])
    add("v", tmp_path / "data", like="vqa")
    (tmp_path / "data/val_annotations.json").unlink()
    with pytest.raises(DataError, match=r"val_annotations.json cannot be read"):
        open_source("v/val")


def test_an_image_name_never_leads_out_of_the_image_root(tmp_path: Path):
    write(tmp_path / "data", ["a", "b", "c"])
    write_pictures(tmp_path, ["secret.png"])
    body = {"questions": [{"question_id": 1, "question": "?", "image_id": "../secret.png"}]}
    (tmp_path / "data/val_questions.json").write_text(json.dumps(body))
    (tmp_path / "data/val_annotations.json").unlink()
    add("v", tmp_path / "data", like="vqa", image_root=tmp_path / "data")
    assert "leads out of the image root" in (get_sample("v/val/1").error or "")


def test_an_image_is_found_as_named_then_flat_then_by_another_ending(tmp_path: Path):
    write_pictures(tmp_path, ["deep/a.png", "b.webp", "c.png"])
    assert find_image(str(tmp_path), "deep/a.png") == "deep/a.png"
    assert find_image(str(tmp_path), "12/b.*") == "b.webp"
    assert find_image(str(tmp_path), "c.jpg") is None  # an ending that was said is meant
    assert find_image(str(tmp_path), "nul\0.png") is None


def test_the_folder_with_the_most_images_is_taken(tmp_path: Path):
    write_pictures(tmp_path, ["data/a.png", "data/images/a.png", "data/images/b.png", "b.png"])
    table = tmp_path / "data" / "x.json"
    given = LayoutInput(tmp_path / "data")
    assert image_root(given, table, ["a.png", "b.png"], ["images"]) == (
        *(tmp_path / "data" / "images", 2),
    )
    assert image_root(given, table, ["zz.png"], ["images"]) == (tmp_path / "data", 0)
    chosen = LayoutInput(tmp_path / "data", (), tmp_path)
    assert image_root(chosen, table, ["a.png", "b.png"], ["images"]) == (tmp_path, 1)


def test_problems_are_told_again_without_joining_anew(tmp_path: Path):
    write(tmp_path / "data", ["a", "b", "c"])
    questions = tmp_path / "data/val_questions.json"
    questions.write_text(json.dumps({"questions": [{"question_id": 0, "question": "?"}]}))
    part = SplitFile(
        "val", str(questions), beside={"annotations": str(tmp_path / "data/val_annotations.json")}
    )
    first = JoinedFile("vqa", part).problems()
    assert "2 annotations of questions that are not listed: question_id 1; question_id 2" in first
    assert JoinedFile("vqa", part).problems() == first


def test_forgetting_a_dataset_forgets_its_rows_and_what_killed_makers_left(tmp_path: Path):
    write(tmp_path / "data", ["a", "b", "c"])
    add("v", tmp_path / "data", like="vqa")
    kept = cache_dir() / "joined"
    old, new = kept / ".old.jsonl.1.1.part", kept / ".new.jsonl.1.1.part"
    for path in (old, new):
        path.write_text("half a row")
    os.utime(old, (1, 1))
    remove_dataset("v")
    assert sorted(path.name for path in kept.iterdir()) == [new.name]  # another may be at it


def test_rows_that_are_taken_away_again_and_again_are_held_in_memory(tmp_path: Path, monkeypatch):
    write(tmp_path / "data", ["a", "b", "c"])
    part = add("v", tmp_path / "data", like="vqa").mapping.files[0]
    file = JoinedFile("vqa", part)
    whole = file.open().read()
    monkeypatch.setattr(Path, "replace", lambda path, target: path.unlink())
    file.forget()
    assert file.open().read() == whole
