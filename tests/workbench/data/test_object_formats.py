"""Gold boxes and points out of the columns of a table, and what is said of those that are none."""

from __future__ import annotations

import json

import pytest

from tests.workbench.models.tiny import picture
from workbench.data.adding import add, add_dataset
from workbench.data.source import open_source
from workbench.data.tables.objects import FORMATS
from workbench.errors import UsageError
from workbench.grounding.gold import places_of


@pytest.mark.parametrize(
    ("form", "value", "wanted"),
    [
        ("xyxy", [1, 2, 30, 40], [[1, 2, 30, 40]]),
        ("xyxy", [[1, 2, 30, 40], [5, 6, 7, 8]], [[1, 2, 30, 40], [5, 6, 7, 8]]),
        ("xyxy", "[1, 2, 30, 40]", [[1, 2, 30, 40]]),
        ("xyxy", "1 2 30.5 40", [[1, 2, 30.5, 40]]),
        ("xywh", "1,2,30,40", [[1, 2, 31, 42]]),
        ("xywh", [[1, 2, 30, 40]], [[1, 2, 31, 42]]),
        ("coco", [{"bbox": [1, 2, 30, 40], "category_id": 3}], [[1, 2, 31, 42]]),
        ("coco", '{"bbox": [1, 2, 30, 40]}', [[1, 2, 31, 42]]),
        ("coco", [1, 2, 30, 40], [[1, 2, 31, 42]]),
    ],
)
def test_each_format_gives_boxes_in_pixels(form, value, wanted):
    found = FORMATS[form][1](value, ["a.png"]).boxes
    assert [one["box"] for one in found[0]] == wanted


def test_a_category_is_the_name_of_its_box():
    found = FORMATS["coco"][1]([{"bbox": [1, 2, 3, 4], "category": "cat"}], ["a.png"])
    assert found.boxes[0][0]["name"] == "cat"


def test_points_and_fractions_keep_what_they_are():
    assert FORMATS["xy"][1]([[3, 4]], ["a"]).boxes == [[{"name": "point", "point": [3, 4]}]]
    found = FORMATS["xyxy01"][1]([0, 0.1, 0.5, 1], ["a"]).boxes
    assert found == [[{"name": "object", "shares": [0, 0.1, 0.5, 1]}]]


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("xyxy", [1, 2, 3]),
        ("xyxy", [30, 40, 1, 2]),
        ("xyxy", "left"),
        ("xyxy", None),
        ("xywh", [1, 2, 0, 5]),
        ("xyxy01", [10, 20, 30, 40]),
        ("coco", [{"area": 3}]),
    ],
)
def test_what_is_no_box_is_refused_and_never_one_of_zeros(form, value):
    with pytest.raises((ValueError, TypeError)):
        FORMATS[form][1](value, ["a.png"])


def test_a_table_of_phrases_and_boxes_is_of_the_task_grounding(tmp_path, monkeypatch):
    monkeypatch.setenv("WB_HOME", str(tmp_path / "home"))
    (tmp_path / "a.png").write_bytes(picture(100, 50).data)
    rows = [
        {"id": 0, "image": "a.png", "expression": "the cat", "bbox": [0.1, 0.2, 0.5, 1]},
        {"id": 1, "image": "a.png", "expression": "the dog", "bbox": None},
    ]
    (tmp_path / "val.jsonl").write_text("\n".join(map(json.dumps, rows)))
    add_dataset("ref", tmp_path / "val.jsonl", objects="bbox:xyxy01")
    source = open_source("ref/val")
    good, bad = source.at(0), source.at(1)
    assert (source.task, dict(good.texts)) == ("grounding", {"expression": "the cat"})
    assert (good.error, good.label) == (None, "[0.1, 0.2, 0.5, 1]")
    assert places_of(good)[0].at == (10, 10, 50, 50)
    assert "nothing to find" in bad.error


def added(folder, rows, **more):
    """A table of rows over one picture of 100 x 50 pixels; its guesses and its source."""
    (folder / "a.png").write_bytes(picture(100, 50).data)
    rows = [{"image": "a.png", "expression": f"thing {i}"} | row for i, row in enumerate(rows)]
    (folder / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made = add("own", folder / "own.jsonl", replace=True, **more)
    (guess,) = [g for g in made.guessed if g.startswith("objects")] or [""]
    return guess, open_source("own/own")


@pytest.mark.parametrize(
    ("rows", "guess", "wanted"),
    [
        ([{"x1": 1, "y1": 2, "x2": 30, "y2": 40}], "x1,y1,x2,y2:xyxy (two corners", [1, 2, 30, 40]),
        ([{"xmin": "1", "ymin": "2", "xmax": "3.5", "ymax": "4"}], "xmin", [1, 2, 3.5, 4]),
        ([{"x": 1, "y": 2, "w": 30, "h": 40}], "x,y,w,h:xywh (left, top", [1, 2, 31, 42]),
        ([{"bbox": [60, 5, 30, 40]}], "bbox:xywh (left, top, width", [60, 5, 90, 45]),
        ([{"bbox": "[60, 5, 30, 40]"}], "bbox:xywh", [60, 5, 90, 45]),
        (
            [{"bbox": [60, 5, 90, 45]}],
            "bbox:xyxy (two corners: as xywh some reach",
            [60, 5, 90, 45],
        ),
        ([{"box": [60, 5, 30, 4]}], "box:xywh (left, top, width, height: as xyxy", [60, 5, 90, 9]),
        ([{"boxes": [[10, 5, 40, 15], [1, 1, 3, 3]]}], "boxes:xyxy", [10, 5, 40, 15]),
    ],
)
def test_columns_of_boxes_are_guessed_by_name_and_number_and_the_guess_is_said(
    tmp_path, rows, guess, wanted
):
    said, source = added(tmp_path, rows)
    assert said.startswith(f"objects: {guess}"), said
    sample = source.at(0)
    assert (source.task, sample.error) == ("grounding", None)
    assert sample.metadata["objects"][0][0]["box"] == wanted
    assert not {"x1", "xmin", "bbox", "boxes"} & set(sample.metadata)


def test_numbers_that_fit_both_formats_are_told_with_the_option_that_says_the_other(tmp_path):
    said, source = added(tmp_path, [{"bbox": [10, 5, 30, 20]}])
    assert "--objects bbox:xyxy if they are two corners, which fits too" in said
    assert source.at(0).metadata["objects"][0][0]["box"] == [10, 5, 40, 25]
    said, source = added(tmp_path, [{"bbox": [10, 5, 30, 20]}], objects="bbox:xyxy")
    assert (said, source.at(0).metadata["objects"][0][0]["box"]) == ("", [10, 5, 30, 20])


def test_numbers_between_0_and_1_are_fractions_of_the_image(tmp_path):
    said, source = added(tmp_path, [{"x1": 0.1, "y1": 0.2, "x2": 0.5, "y2": 1}])
    assert said.startswith("objects: x1,y1,x2,y2:xyxy01")
    assert places_of(source.at(0))[0].at == (10, 10, 50, 50)


def test_boxes_of_columns_that_are_not_there_are_refused_with_those_that_are(tmp_path):
    with pytest.raises(UsageError, match="no column 'x3'") as caught:
        added(tmp_path, [{"x1": 1, "y1": 2, "x2": 3, "y2": 4}], objects="x1,y1,x3,y2:xyxy")
    assert "x1" in caught.value.hint
    with pytest.raises(UsageError, match="does not name a column") as caught:
        added(tmp_path, [{"x1": 1}], objects="x1,y1,x2,y2")
    assert "x1,y1,x2,y2:xyxy" in caught.value.hint


def test_a_row_without_a_number_has_no_box_and_says_so(tmp_path):
    whole = {"x1": 1, "y1": 2, "x2": 30, "y2": 40}
    _, source = added(tmp_path, [whole, whole | {"x2": ""}, dict.fromkeys(whole, "")])
    assert [bool(source.at(i).error) for i in range(3)] == [False, True, True]
    assert "nothing to find" in source.at(1).error and "x1, y1, x2, y2" in source.at(1).error


@pytest.mark.parametrize("name", ["phrase", "sent", "refexp"])
def test_a_referring_expression_of_another_name_is_taken_for_one_beside_boxes(tmp_path, name):
    (tmp_path / "a.png").write_bytes(picture(100, 50).data)
    row = {"image": "a.png", name: "the cat", "bbox": [60, 5, 30, 40]}
    (tmp_path / "own.jsonl").write_text(json.dumps(row))
    made = add("own", tmp_path / "own.jsonl")
    assert (made.mapping.task, dict(made.mapping.texts)) == ("grounding", {"expression": name})
    assert any(guess.startswith("texts: expression") for guess in made.guessed)
