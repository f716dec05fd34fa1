"""COCO's documents of boxes: categories to find, phrases to find, and what is left out of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workbench.data.tables import write_pictures
from workbench.data.adding import add
from workbench.data.source import open_source
from workbench.grounding.gold import gold_of

IMAGES = [
    {"id": 7, "file_name": "007.png", "width": 8, "height": 6},
    {"id": 9, "file_name": "009.png", "width": 8, "height": 6},
]
CATEGORIES = [{"id": 1, "name": "cat"}, {"id": 3, "name": "traffic light"}]


def box(number: int, image: int, category: int, at: list[float], **more) -> dict:
    return {"id": number, "image_id": image, "category_id": category, "bbox": at, **more}


def write(folder: Path, annotations: list[dict], name="instances_val2017.json", **more) -> Path:
    path = folder / "annotations" / name
    path.parent.mkdir(exist_ok=True)
    body = {"images": IMAGES, "annotations": annotations, "categories": CATEGORIES} | more
    path.write_text(json.dumps(body))
    write_pictures(folder / "val2017", ["007.png", "009.png"])
    return path


ANNOTATIONS = [
    box(1, 7, 1, [0, 1, 2, 3]),
    box(2, 7, 3, [1, 1, 2, 2]),
    box(3, 7, 1, [4, 1, 2.5, 3]),
    box(4, 7, 1, [0, 0, 8, 6], iscrowd=1),
    box(5, 7, 1, [3, 3, 0, 2]),
    box(6, 5, 1, [3, 3, 1, 2]),
    box(7, 7, 2, [3, 3, 1, 2]),
]


@pytest.mark.parametrize("named", ["folder", "file"])
def test_a_category_in_an_image_is_a_sample_with_all_its_boxes(tmp_path: Path, named: str) -> None:
    path = write(tmp_path, ANNOTATIONS)
    made = add("coco_instances", tmp_path) if named == "folder" else add("own", path)
    name = made.mapping.name
    assert (made.info.task, made.info.splits) == ("grounding", {"val2017": 2})
    cat, light = open_source(f"{name}/val2017").iter()
    assert (cat.uid, dict(cat.texts)) == (f"{name}/val2017/7-1", {"expression": "cat"})
    assert [one.at for one in gold_of(cat)] == [(0, 1, 2, 4), (4, 1, 6.5, 4)]
    assert (light.texts["expression"], light.error) == ("traffic light", None)
    assert light.images[0].load().size == cat.images[0].load().size
    notes = "\n".join(made.notes)
    for what in (
        "1 crowds, which are no single object: 4",
        "1 boxes that hold nothing: 5 [3, 3, 0, 2]",
        "1 images that are not listed and have boxes: 5 (1)",
        "1 boxes of categories that are not listed: 7 (2)",
        "1 images without a box: 009.png",
    ):
        assert what in notes, notes


def test_phrases_of_annotations_are_samples_of_their_own(tmp_path: Path) -> None:
    said = [
        box(1, 7, 1, [0, 1, 2, 3], sentences=[{"sent": "the left cat"}, {"raw": "cat one"}]),
        box(2, 9, 1, [0, 1, 2, 3], caption="a cat"),
    ]
    add("ref", write(tmp_path, said, "refcoco_val.json"), image_root=tmp_path / "val2017")
    found = [(s.uid.rpartition("/")[2], s.texts["expression"]) for s in open_source("ref").iter()]
    assert found == [("1-0", "the left cat"), ("1-1", "cat one"), ("2", "a cat")]


def test_images_with_a_phrase_have_all_its_boxes(tmp_path: Path) -> None:
    images = [IMAGES[0] | {"caption": "both cats"}]
    add("mdetr", write(tmp_path, ANNOTATIONS[:3], images=images))
    (sample,) = open_source("mdetr").iter()
    assert (sample.texts["expression"], len(gold_of(sample))) == ("both cats", 3)
