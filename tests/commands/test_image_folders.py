"""Pictures that are not where the rows say: the one folder nearby that has them all is taken.

So it was refused before, with a hint that worked at the second try. Now the hint is for what
cannot be decided: two folders, or a folder that has some of the pictures.
"""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workbench.data.tables import samples, write_lines, write_parquet, write_pictures
from workbench.data.adding import add
from workbench.data.describing import describe_dataset
from workbench.data.export import export_sample
from workbench.data.looking import OwnData, keep, look
from workbench.data.source import get_sample
from workbench.data.tables.mapping import load_mapping, mapping_path

NAMES = ["0001.png", "0002.png", "0003.png"]
ROWS = [{"id": f"q{i}", "image": n, "question": "what?", "answer": "red"}
        for i, n in enumerate(NAMES)]  # fmt: skip


def conversations(path: Path, names: list[str] = NAMES) -> Path:
    """A file as LLaVA's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    turns = [{"from": "human", "value": "<image>\nwhat?"}, {"from": "gpt", "value": "red"}]
    rows = [{"id": f"q{name}", "image": name, "conversations": turns} for name in names]
    path.write_text(json.dumps(rows, indent=1))
    return path


def delimited(mark: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(ROWS[0]), delimiter=mark)
            writer.writeheader()
            writer.writerows(ROWS)

    return write


FORMS: dict[str, Callable[[Path], object]] = {
    "t.csv": delimited(","),
    "t.tsv": delimited("\t"),
    "t.json": lambda path: path.write_text(json.dumps(ROWS)),
    "t.jsonl": lambda path: write_lines(path, ROWS),
    "t.parquet": lambda path: write_parquet(path, ROWS),
    "chat.json": conversations,
}


@pytest.fixture
def run(run_wb) -> Callable[..., Any]:
    """`wb data add mine` with the words behind it."""
    return lambda *words: run_wb("data", "add", "mine", *map(str, words))


@pytest.mark.parametrize("name", FORMS)
def test_the_one_folder_with_all_pictures_is_taken_and_told(tmp_path: Path, name: str, run):
    write_pictures(tmp_path / "images", NAMES)
    FORMS[name](tmp_path / name)
    result = run(tmp_path / name)
    assert result.code == 0, result.err
    assert "taken  image root: images (it has all 3 images; none is where its row" in result.err
    assert "3 found, 0 missing" in result.out
    # as if it had been named
    assert load_mapping(mapping_path("mine")).image_root == str(tmp_path / "images")
    split = name.partition(".")[0]
    assert describe_dataset("mine")["split_details"][split]["images_in"] == [
        str(tmp_path / "images")
    ]
    assert [sample.images[0].load().size for sample in samples(f"mine/{split}")] == [(8, 6)] * 3


@pytest.mark.parametrize("folder", ["pics", "tables/pics", "tables/deep/pics", "."])
def test_it_is_looked_for_below_beside_and_above_the_file(tmp_path: Path, folder: str, run):
    write_pictures(tmp_path / folder, NAMES)
    assert run(conversations(tmp_path / "tables/chat.json")).code == 0
    assert load_mapping(mapping_path("mine")).image_root == str((tmp_path / folder).resolve())


def test_paths_with_folders_start_where_those_folders_are(tmp_path: Path, run):
    names = [f"coco/train/{name}" for name in NAMES]
    write_pictures(tmp_path / "data", names)
    assert run(conversations(tmp_path / "tables/chat.json", names)).code == 0
    assert get_sample("mine/chat/qcoco/train/0001.png").images[0].path == (
        tmp_path / "data/coco/train/0001.png"
    )


def test_an_empty_image_root_switches_the_guess_off(tmp_path: Path, run):
    write_pictures(tmp_path / "images", NAMES)
    result = run(conversations(tmp_path / "chat.json"), "--image-root", "")
    assert result.code == 1 and "image root:" not in result.err
    assert f"{tmp_path}/images has all 3 images: --image-root {tmp_path}/images" in result.err
    result = run(tmp_path / "chat.json", "--image-root", "", "--allow-missing")
    assert (result.code, load_mapping(mapping_path("mine")).image_root) == (0, "")


@pytest.mark.parametrize("twin", ["thumbs", "../thumbs"])
def test_of_two_folders_with_all_pictures_none_is_taken_and_both_are_named(
    tmp_path: Path, twin: str, run
):
    home = tmp_path / "own"
    write_pictures(home / "images", NAMES)
    write_pictures(home / twin, NAMES)
    result = run(conversations(home / "chat.json"))
    other = (home / twin).resolve()
    assert result.code == 1 and "image root:" not in result.err
    assert f"{home / 'images'} and {other} have all 3 images of chat.json" in result.err
    assert "name the right one with --image-root" in result.err
    # a link to a folder is that folder
    for name in NAMES:
        (other / name).unlink()
    other.rmdir()
    other.symlink_to(home / "images")
    assert run(home / "chat.json").code == 0


def test_a_folder_that_has_only_some_is_named_with_its_counts(tmp_path: Path, run):
    write_pictures(tmp_path / "images", NAMES[:2])
    result = run(conversations(tmp_path / "chat.json"))
    assert result.code == 1
    hint = result.err.partition("hint: ")[2].strip()
    assert hint == (f"{tmp_path}/images has 2 of the 3 images: --image-root {tmp_path}/images")
    words = shlex.split(hint.partition(": ")[2])
    assert run(tmp_path / "chat.json", *words).code == 0


def test_the_folder_of_another_dataset_is_not_taken_but_named(tmp_path: Path, run):
    """Other data often have the same names: 0001.png, 0002.png."""
    write_pictures(tmp_path / "other", NAMES)
    conversations(tmp_path / "other/its.json")
    result = run(conversations(tmp_path / "own/chat.json"))
    assert result.code == 1
    assert f"{tmp_path}/other has all 3 images: --image-root {tmp_path}/other" in result.err


def test_while_one_picture_of_any_file_is_in_place_no_folder_is_taken(tmp_path: Path, run):
    write_pictures(tmp_path / "images", NAMES)
    for where in (tmp_path, tmp_path / "more"):
        write_pictures(where, NAMES[2:])
        conversations(tmp_path / "chat.json")
        files = [tmp_path / "chat.json", conversations(tmp_path / "more/late.json")]
        result = run(*files, "--replace")
        assert result.code == 0 and "image root:" not in result.err
        assert load_mapping(mapping_path("mine")).image_root == ""
        (where / NAMES[2]).unlink()


def test_a_path_that_leads_elsewhere_is_told_not_taken(tmp_path: Path, run):
    """Whoever wrote the file decides what it names; what may be read is the user's to say."""
    write_pictures(tmp_path / "deep", NAMES)
    table = conversations(tmp_path / "t/chat.json", [f"{tmp_path}/deep/{n}" for n in NAMES])
    result = run(table)
    assert result.code == 1
    said = f"it is there, outside of the image root: --image-root {tmp_path}/deep"
    assert said in result.err
    conversations(table, [f"../deep/{n}" for n in NAMES])
    result = run(table)
    assert result.code == 1 and "leads out of the image root" in result.err
    assert f"{tmp_path}/deep has all 3 images: --image-root {tmp_path}/deep" in result.err
    assert run(table, "--image-root", tmp_path / "deep").code == 0


def test_several_columns_are_looked_for_together(tmp_path: Path, run):
    write_pictures(tmp_path / "pairs", ["a.png", "b.png"])
    write_pictures(tmp_path / "left", ["a.png"])
    (tmp_path / "t.csv").write_text("image_left,image_right,answer\na.png,b.png,yes\n")
    result = run(tmp_path / "t.csv")
    assert "image root: pairs (it has all 2 images" in result.err


def test_blank_cells_name_no_image_and_stay_as_they_are(tmp_path: Path, run):
    write_pictures(tmp_path / "images", NAMES)
    rows = "".join(f"{name},what?,red\n" for name in NAMES)
    (tmp_path / "t.csv").write_text(f"image,question,answer\n,why?,blue\n{rows}")
    result = run(tmp_path / "t.csv")
    assert "image root: images (it has all 3 images" in result.err
    assert "3 found, 1 missing" in result.out


def test_splits_of_one_folder_share_the_pictures(tmp_path: Path, run):
    write_pictures(tmp_path / "images", NAMES)
    files = [conversations(tmp_path / "train.json", NAMES[:2]),
             conversations(tmp_path / "test.json", NAMES[2:])]  # fmt: skip
    (tmp_path / "words.csv").write_text("id,image,question,answer\n1,,why?,yes\n")
    result = run(*files)
    assert "image root: images (it has all 3 images" in result.err
    # one split's folder has none of the other's
    (tmp_path / "images" / NAMES[2]).unlink()
    result = run(*files, "--replace")
    assert result.code == 1 and "has 2 of the 3 images" in result.err


def test_each_file_has_the_pictures_of_its_own_folder(tmp_path: Path, run):
    for split in ("train", "test"):
        write_pictures(tmp_path / split / "images", NAMES)
    files = [conversations(tmp_path / split / f"{split}.json") for split in ("train", "test")]
    result = run(*files)
    assert "image root: images for train.json, images for test.json (each has" in result.err
    for split in ("train", "test"):
        path = get_sample(f"mine/{split}/q0001.png").images[0].path
        assert path == tmp_path / split / "images/0001.png"
        assert describe_dataset("mine")["split_details"][split]["images_in"] == [
            str(tmp_path / split / "images")
        ]


def test_folders_called_like_the_files_are_taken_for_them_where_names_differ(tmp_path: Path, run):
    write_pictures(tmp_path / "train2017", NAMES[:2])
    write_pictures(tmp_path / "val2017", NAMES[2:])
    files = [conversations(tmp_path / "train.json", NAMES[:2]),
             conversations(tmp_path / "val.json", NAMES[2:])]  # fmt: skip
    result = run(*files)
    assert "image root: train2017 for train.json, val2017 for val.json (each" in result.err
    # if a name is in both, one of them would be the wrong picture
    write_pictures(tmp_path / "train2017", NAMES[2:])
    result = run(*files, "--replace")
    assert result.code == 1
    assert "val2017 have the one image of val.json" in result.err


def test_a_folder_with_one_table_and_a_folder_of_pictures_is_that_table(tmp_path: Path, run):
    write_pictures(tmp_path / "own/images", NAMES)
    conversations(tmp_path / "own/chat.json")
    result = run(tmp_path / "own")
    assert "splits: chat.json (the one table, whose rows name images" in result.err
    assert "image root: images (" in result.err
    assert [s.texts["question"] for s in samples("mine/chat")] == ["what?"] * 3


def test_the_form_of_ones_own_data_takes_the_same_folder(tmp_path: Path):
    write_pictures(tmp_path / "images", NAMES)
    table = conversations(tmp_path / "chat.json")
    seen = look(OwnData("mine", str(table)))
    assert (seen.problem, seen.mapping.image_root) == ("", str(tmp_path / "images"))
    assert any(said.startswith("image root: images (") for said in seen.guesses)
    assert [sample.error for sample in seen.samples] == [None] * 3
    off = look(OwnData("mine", str(table), image_root="."))  # the file's own folder
    assert "images are missing" in off.problem and off.hint.endswith(f"{tmp_path}/images")
    assert keep(seen.own) == "mine/chat"
    assert load_mapping(mapping_path("mine")) == seen.mapping


def test_what_was_found_is_exported_and_asked_about(tmp_path: Path, run_wb):
    write_pictures(tmp_path / "images", NAMES)
    add("mine", conversations(tmp_path / "chat.json"))
    paths = export_sample(get_sample("mine/chat/q0002.png"), tmp_path / "out")
    assert any(path.suffix == ".png" for path in paths)
    out = tmp_path / "said.json"
    words = ["mine", "--model", "demo", "--out", str(out)]
    result = run_wb("infer", *words)
    assert result.code == 0, result.err
    assert list(json.loads(out.read_text())) == NAMES


def test_boxes_are_guessed_from_the_pictures_of_the_folder(tmp_path: Path, run):
    write_pictures(tmp_path / "images", NAMES)  # 8 pixels wide: no box from 5 on is 7 wide
    rows = [{"image": name, "expression": "disc", "bbox": [5, 3, 7, 6]} for name in NAMES]
    result = run(write_lines(tmp_path / "t.jsonl", rows), "--id", "auto")
    assert "image root: images (" in result.err and "objects: bbox:xyxy" in result.err


@pytest.mark.parametrize("folder", ["own", "own/images", "pics"])
def test_names_without_their_ending_are_told_with_the_template_that_finds_them(
    tmp_path: Path, run, folder: str
):
    write_pictures(tmp_path / folder, NAMES)
    table = conversations(tmp_path / "own/chat.json", [Path(name).stem for name in NAMES])
    result = run(table)
    words = {
        "own": "--image '{image}.*'",
        "own/images": "--image 'images/{image}.*'",
        "pics": f"--image '{{image}}.*' --image-root {tmp_path}/pics",
    }[folder]
    assert result.code == 1 and result.err.endswith(f"they have an ending there: {words}\n")
    assert "3 found, 0 missing" in run(table, *shlex.split(words)).out
