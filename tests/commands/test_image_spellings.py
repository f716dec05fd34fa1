"""Paths that name a picture as another system writes it: in another case, on another machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workbench.data.tables import samples, write_lines, write_pictures
from workbench.data.looking import OwnData, look
from workbench.data.source import get_sample


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
