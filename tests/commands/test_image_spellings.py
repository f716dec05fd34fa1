"""Paths that name a picture as another system writes it: in another case, on another machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workbench.data.tables import samples, write_lines, write_pictures
from workbench.data.looking import OwnData, look
from workbench.data.source import get_sample
from workbench.data.tables.image_paths import is_absolute, without
from workbench.data.tables.mapping import load_mapping, mapping_path


@pytest.fixture
def run(run_wb) -> Callable[..., Any]:
    """`wb data add mine` with the words behind it."""
    return lambda *words: run_wb("data", "add", "mine", *map(str, words))


def table(path: Path, names: list[str]) -> Path:
    """A row for each image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"id": i, "image": n, "question": "what?", "answer": "red"}
            for i, n in enumerate(names)]  # fmt: skip
    return write_lines(path, rows)


def test_a_picture_in_another_case_is_found_and_told(tmp_path: Path, run, run_wb):
    write_pictures(tmp_path, ["Img/IMG_01.JPG", "Img/img_02.jpg"])
    result = run(table(tmp_path / "t.jsonl", ["img/img_01.jpg", "Img/img_02.jpg"]))
    assert result.code == 0 and "2 found, 0 missing" in result.out
    told = (
        "warning: t: 1 of 2 images are named in another case than their files: "
        "img/img_01.jpg is IMG_01.JPG"
    )
    assert told in result.err and told in run_wb("data", "info", "mine").err
    assert get_sample("mine/t/0").images[0].load().size == (8, 6)
    assert any(
        told[9:] in said for said in look(OwnData("", str(tmp_path / "t.jsonl"))).table.warnings
    )


def test_the_picture_as_written_goes_before_one_in_another_case(tmp_path: Path, run):
    write_pictures(tmp_path, ["a.png", "A.png"])
    result = run(table(tmp_path / "t.jsonl", ["a.png", "A.png"]))
    assert "another case" not in result.err
    assert [sample.images[0].path.name for sample in samples()] == ["a.png", "A.png"]  # type: ignore[union-attr]


def test_of_several_pictures_in_other_cases_none_is_taken(tmp_path: Path, run):
    write_pictures(tmp_path, ["a.png", "A.png", "ok.png"])
    result = run(table(tmp_path / "t.jsonl", ["a.PNG", "ok.png"]))
    assert "1 found, 1 missing" in result.out
    said = samples()[0].error or ""
    assert said.startswith("the image a.PNG is written in another case than each of 2 files in")
    assert "a.png" in said and "A.png" in said


def test_another_case_leads_no_further_than_the_case_as_written(tmp_path: Path, run):
    write_pictures(tmp_path / "Out", ["a.png", "here.png"])
    (tmp_path / "own").mkdir()
    (tmp_path / "own/Link.png").symlink_to(tmp_path / "Out/a.png")
    write_pictures(tmp_path / "own", ["here.png"])
    run(table(tmp_path / "own/t.jsonl", ["link.PNG", "../out/a.png", "here.png"]))
    assert ["leads out of the image root" in (s.error or "") for s in samples()] == [
        True,
        True,
        False,
    ]


def test_a_picture_that_was_renamed_is_found_anew(tmp_path: Path, run):
    write_pictures(tmp_path, ["a.png", "b.png"])
    run(table(tmp_path / "t.jsonl", ["A.png", "b.png"]))
    assert get_sample("mine/t/0").error is None
    (tmp_path / "a.png").rename(tmp_path / "c.png")
    assert "does not exist" in (get_sample("mine/t/0").error or "")


def test_the_folder_nearby_may_have_them_in_another_case(tmp_path: Path, run):
    write_pictures(tmp_path / "pics", ["IMG_01.JPG", "IMG_02.JPG"])
    result = run(table(tmp_path / "t.jsonl", ["img_01.jpg", "img_02.jpg"]))
    assert "image root: pics (it has all 2 images" in result.err
    assert "2 of 2 images are named in another case" in result.err


def test_a_windows_path_below_the_file_is_that_path(tmp_path: Path, run):
    write_pictures(tmp_path, ["images/1.png"])
    result = run(table(tmp_path / "t.jsonl", ["images\\1.png", ".\\images\\1.png"]))
    assert "2 found, 0 missing" in result.out and "another case" not in result.err


WINDOWS = "C:\\Users\\me\\images\\{}"
ELSEWHERE = {
    "windows": (WINDOWS, "C:/Users/me"),
    "slashes": ("c:/Users/me/images/{}", "c:/Users/me"),
    "url": ("file:///C:/Users/me/images/{}", "C:/Users/me"),
    "share": ("\\\\host\\share\\images\\{}", "/host/share"),
    "unix": ("/home/you/project/images/{}", "/home/you/project"),
    "relative": ("data/v2/images/{}", "data/v2"),
}
NAMES = ["1.png", "deep/2.png"]


def places() -> tuple[str, str]:
    mapping = load_mapping(mapping_path("mine"))
    return mapping.image_prefix, mapping.image_root


@pytest.mark.parametrize("form", ELSEWHERE)
def test_paths_of_another_machine_are_found_by_their_end(tmp_path: Path, run, run_wb, form: str):
    written, prefix = ELSEWHERE[form]
    write_pictures(tmp_path / "images", NAMES)
    path = table(tmp_path / "t.jsonl", [written.format(name) for name in NAMES])
    result = run(path)
    told = f"taken  image prefix: {prefix} is taken off paths (all 2 images are then in the file's"
    assert result.code == 0 and told in result.err and "2 found, 0 missing" in result.out
    assert places() == (prefix, "")
    assert [s.images[0].path for s in samples()] == [tmp_path / "images" / n for n in NAMES]
    assert f"image paths  t: without {prefix}" in run_wb("data", "info", "mine").out
    assert look(OwnData("other", str(path))).mapping.image_prefix == prefix
    # off, and then as the hint has it
    result = run(path, "--replace", "--image-prefix", "")
    assert result.code == 1 and "image prefix" not in result.err
    assert f"hint: --image-prefix {prefix} finds all 2 images" in result.err
    assert run(path, "--replace", "--image-prefix", prefix).code == 0
    assert places() == (prefix, "")


def test_uids_stay_the_same_whatever_is_taken_off(tmp_path: Path, run):
    write_pictures(tmp_path / "images", NAMES)
    names = [WINDOWS.format(name) for name in NAMES]
    path = table(tmp_path / "t.jsonl", names)
    run(path, "--id", "hash")
    before = [sample.uid for sample in samples()]
    run(path, "--id", "hash", "--replace", "--image-prefix", "", "--allow-missing")
    assert [sample.uid for sample in samples()] == before


def test_the_folder_above_may_have_the_rest_of_the_paths(tmp_path: Path, run):
    write_pictures(tmp_path / "images", NAMES)
    path = table(tmp_path / "annotations/t.jsonl", [WINDOWS.format(name) for name in NAMES])
    assert run(path).code == 0
    assert places() == ("C:/Users/me", str(tmp_path))
    assert run(path, "--replace", "--image-root", "").code == 1


def test_of_two_places_with_the_rest_of_the_paths_none_is_taken(tmp_path: Path, run):
    for folder in (tmp_path, tmp_path / "annotations"):
        write_pictures(folder / "images", NAMES)
    result = run(table(tmp_path / "annotations/t.jsonl", [WINDOWS.format(n) for n in NAMES]))
    assert result.code == 1
    assert (
        "hint: --image-prefix C:/Users/me finds all 2 images, "
        f"--image-prefix C:/Users/me --image-root {tmp_path} finds all 2 images"
    ) in result.err


def test_pictures_beside_the_file_are_found_by_their_names_if_the_paths_are_whole(
    tmp_path: Path, run
):
    write_pictures(tmp_path, ["1.png", "2.png"])
    path = table(tmp_path / "t.jsonl", [WINDOWS.format(n) for n in ("1.png", "2.png")])
    assert run(path).code == 0 and places() == ("C:/Users/me/images", "")
    # of a relative path the folders may say which of two pictures is meant
    table(path, ["train/1.png", "train/2.png"])
    result = run(path, "--replace")
    assert result.code == 1
    assert "the image" in result.err and "does not exist" in result.err


def test_a_folder_of_another_name_is_only_proposed(tmp_path: Path, run):
    write_pictures(tmp_path / "pics", ["1.png", "2.png"])
    path = table(tmp_path / "t.jsonl", [WINDOWS.format(n) for n in ("1.png", "2.png", "3.png")])
    result = run(path)
    assert result.code == 1
    assert (
        "all 3 images are missing: the image C:\\Users\\me\\images\\1.png does not exist "
        "(its path is of another machine)"
    ) in result.err
    words = f"--image-prefix C:/Users/me/images --image-root {tmp_path}/pics"
    assert f"hint: {words} finds 2 of the 3 images" in result.err
    assert "2 found, 1 missing" in run(path, *words.split()).out


def test_while_one_picture_is_in_place_nothing_is_taken_off(tmp_path: Path, run):
    write_pictures(tmp_path, ["images/1.png", "images/2.png", "own.png"])
    names = [WINDOWS.format("1.png"), WINDOWS.format("2.png"), "own.png"]
    result = run(table(tmp_path / "t.jsonl", names))
    assert result.code == 0 and "image prefix" not in result.err
    assert "1 found, 2 missing" in result.out


def test_a_path_to_a_file_of_this_machine_is_no_path_of_another(tmp_path: Path, run):
    write_pictures(tmp_path / "deep", ["1.png"])
    result = run(table(tmp_path / "t/t.jsonl", [f"{tmp_path}/deep/1.png"]))
    assert result.code == 1 and "image prefix" not in result.err
    assert f"it is there, outside of the image root: --image-root {tmp_path}/deep" in result.err


def test_what_is_taken_off_leads_no_further_than_the_root(tmp_path: Path, run):
    write_pictures(tmp_path, ["out.png", "own/images/1.png"])
    names = [f"C:/me/{name}" for name in ("images/1.png", "../out.png", "me/../../out.png")]
    path = table(tmp_path / "own/t.jsonl", names)
    run(path, "--image-prefix", "C:/me")
    assert [sample.error is None for sample in samples()] == [True, False, False]


def test_a_beginning_ends_where_a_name_ends():
    assert without("/home/me", "/home/me/a.png") == "a.png"
    assert without("/home/me", "/home/merry/a.png") == "/home/merry/a.png"
    assert without("c:/x", "C:\\x\\a.png") == "a.png" and without("", "/a.png") == "/a.png"
    assert [*map(is_absolute, ("/a", "C:\\a", "file:///a", "a/b", "ab:c"))] == [
        *(True, True, True, False, False)
    ]
