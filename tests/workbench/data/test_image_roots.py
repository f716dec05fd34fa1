"""Relative image paths start from the folder of the file that the row came from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.workbench.data.tables import picture
from workbench.data.adding import add
from workbench.data.describing import describe_dataset
from workbench.data.export import export_sample
from workbench.data.source import get_sample, open_source
from workbench.data.tables.mapping import load_mapping, mapping_path
from workbench.errors import ImageError

COLOURS = {"train": "red", "test": "green"}


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two folders, each with a table and a picture under the same name."""
    for split, colour in COLOURS.items():
        folder = tmp_path / split
        folder.mkdir()
        (folder / "0001.png").write_bytes(picture(colour))
        (folder / f"{split}.csv").write_text(f"id,image,answer\n{split}1,0001.png,{colour}\n")
    return tmp_path


def files(two: Path) -> list[Path]:
    return [two / "train/train.csv", two / "test/test.csv"]


def shown(spec: str) -> dict[str, object]:
    """The first pixel of each sample's picture, by its label."""
    return {str(s.label): s.images[0].load().getpixel((0, 0)) for s in open_source(spec).iter()}


GREEN, RED = (0, 128, 0), (255, 0, 0)


def test_each_file_of_its_own_folder_shows_its_own_pictures(two: Path):
    add("two", files(two))
    assert shown("two/train") == {"red": RED}
    assert shown("two/test") == {"green": GREEN}
    assert get_sample("two/test/test1").images[0].path == two / "test/0001.png"


def test_files_of_one_split_keep_their_own_folders(two: Path):
    add("two", [f"all={path}" for path in files(two)])
    assert shown("two/all") == {"red": RED, "green": GREEN}
    assert shown("two/all[1:]") == {"green": GREEN}


def test_where_the_pictures_lie_is_told_of_each_split(two: Path):
    add("two", files(two))
    told = {s: d["images_in"] for s, d in describe_dataset("two")["split_details"].items()}
    assert told == {"train": [str(two / "train")], "test": [str(two / "test")]}


def test_a_root_that_was_named_is_that_of_all_files(two: Path):
    add("two", files(two), image_root=two / "train")
    assert shown("two/test") == {"green": RED}
    add("two", files(two), image_root=two, image=["{split}/{image}"], replace=True)
    assert shown("two/test") == {"green": GREEN}


def test_a_picture_that_the_own_folder_lacks_is_never_anothers(two: Path):
    (two / "test/0001.png").unlink()
    add("two", files(two))
    sample = get_sample("two/test/test1")
    assert f"the image {two}/test/0001.png does not exist" in str(sample.error)
    with pytest.raises(ImageError):
        sample.images[0].load()


def test_what_is_exported_is_the_picture_of_the_row(two: Path, tmp_path: Path):
    add("two", files(two))
    paths = export_sample(get_sample("two/test/test1"), tmp_path / "out")
    assert any(path.read_bytes() == picture("green") for path in paths)


def old_mapping(two: Path, root: Path) -> None:
    """As version 1 wrote it: the first file's folder as the root of all, whoever named it."""
    add("two", files(two), image_root=root)
    make_old(mapping_path("two"))


def make_old(path: Path) -> None:
    path.write_text(re.sub(r"^v = \d+", "v = 1", path.read_text("utf-8")), "utf-8")


def test_an_old_mapping_with_the_first_files_folder_as_root_opens_with_each_files_own(two: Path):
    old_mapping(two, two / "train")
    assert load_mapping(mapping_path("two")).image_root == ""
    assert shown("two/train") == {"red": RED}
    assert shown("two/test") == {"green": GREEN}


def test_an_old_mapping_keeps_a_root_that_someone_must_have_named(two: Path):
    old_mapping(two, two / "test")
    assert shown("two/train") == {"red": GREEN}


def test_an_old_mapping_of_one_folder_stays_as_it_is(two: Path):
    add("one", two / "test/test.csv", image_root=two / "test")
    path = mapping_path("one")
    make_old(path)
    assert load_mapping(path).image_root == str(two / "test")
    assert shown("one/test") == {"green": GREEN}
