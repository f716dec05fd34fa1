"""Gold boxes and points out of the columns of a table, and what is said of those that are none."""

from __future__ import annotations

import json

import pytest

from tests.workbench.models.tiny import picture
from workbench.data.adding import add_dataset
from workbench.data.source import open_source
from workbench.data.tables.objects import FORMATS
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
