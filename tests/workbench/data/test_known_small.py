"""NLVR (v1) and easy-VQA in their layouts, under their own names and without their real data."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.workbench.data.tables import write_lines, write_pictures
from workbench.data.adding import add
from workbench.data.source import get_sample, open_source
from workbench.data.tables.objects import nlvr1_objects

BLUE, GREY = (0, 153, 255), (200, 200, 200)


def write_nlvr1(root: Path) -> None:
    """Two sentences; each drawing in its six permutations, of which the boxes fit the first."""
    rows = []
    for number, label in ((0, "true"), (1, "false")):
        thing = {"x_loc": 3, "y_loc": 40, "size": 20, "type": "square", "color": "#0099ff"}
        rows.append(
            {
                "sentence": "There is a blue square.",
                "identifier": f"4011-{number}",
                "label": label,
                "directory": "7",
                "evals": {"r0": label},
                "structured_rep": [[], [thing], []],
            }
        )
        for permutation, order in enumerate(itertools.permutations(range(3))):
            picture = Image.new("RGBA", (400, 100), (*GREY, 255))
            left = 150 * order.index(1) + 3  # where the box of the middle has gone
            picture.paste((*BLUE, 255), (left, 40, left + 20, 60))
            buffer = io.BytesIO()
            picture.save(buffer, "PNG")
            path = root / f"dev/images/7/dev-4011-{number}-{permutation}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(buffer.getvalue())
    write_lines(root / "dev/dev.json", rows)


def test_nlvr1_shows_the_rendering_that_its_boxes_belong_to(tmp_path: Path):
    write_nlvr1(tmp_path)
    added = add("nlvr1", tmp_path)
    assert (added.info.splits, added.guessed[0]) == (
        {"dev": 2},
        "layout: nlvr1 (the dataset's name)",
    )
    sample = get_sample("nlvr1/dev/4011-0")
    assert (sample.label, sample.labels, sample.error) == ("true", ("true", "false"), None)
    ((thing,),) = sample.metadata["objects"]
    assert (thing["name"], thing["box"]) == ("blue square", [153, 40, 173, 60])
    image = sample.images[0].load()
    assert (image.mode, image.size) == ("RGB", (400, 100))
    assert [image.getpixel(at) for at in ((153, 40), (172, 59))] == [BLUE] * 2
    assert image.getpixel((173, 60)) == GREY


@pytest.mark.parametrize("rendering", range(6))
def test_boxes_of_nlvr1_lie_on_objects_or_are_left_out_with_the_reason(tmp_path: Path, rendering):
    write_nlvr1(tmp_path)
    image = [f"dev/images/{{directory}}/dev-{{identifier}}-{rendering}.png"]
    add("mine", tmp_path, like="nlvr1", image=image)
    for sample in open_source("mine/dev").iter():
        picture = sample.images[0].load()
        for left, top, right, bottom in (o["box"] for o in sample.metadata["objects"][0]):
            assert {picture.getpixel(at) for at in ((left, top), (right - 1, bottom - 1))} == {BLUE}
        if rendering == 0:
            assert sample.metadata["objects"][0] and "objects_left_out" not in sample.metadata
        else:
            assert f"-{rendering}.png' is rendering" in sample.metadata["objects_left_out"]


def test_of_several_renderings_of_nlvr1_each_has_its_own_boxes_or_none(tmp_path: Path):
    write_nlvr1(tmp_path)
    image = [f"dev/images/{{directory}}/dev-{{identifier}}-{k}.png" for k in (4, 0)]
    add("mine", tmp_path, like="nlvr1", image=image)
    none, boxes = get_sample("mine/dev/4011-1").metadata["objects"]
    assert none == [] and boxes[0]["box"] == [153, 40, 173, 60]


def test_an_image_that_does_not_say_which_rendering_it_is_has_no_boxes(tmp_path: Path):
    thing = {"x_loc": 3, "y_loc": 40, "size": 20, "type": "square", "color": "Yellow"}
    row = {"identifier": "4011-2", "img": "a.png", "structured_rep": [[thing], [], []]}
    write_pictures(tmp_path, ["a.png"])
    add("mine", write_lines(tmp_path / "dev.json", [row]), id="identifier", image=["img"])
    facts = get_sample("mine/dev/4011-2").metadata
    assert facts["objects"] == [[]]
    assert "'a.png' does not say which of the six renderings" in facts["objects_left_out"]
    assert nlvr1_objects(row["structured_rep"])  # which it would have had, were it known


def test_easy_vqa_is_triples_whose_ids_stay_when_rows_move(tmp_path: Path):
    triples = [["what shape?", "circle", 0], ["is it red?", "no", 0], ["is it red?", "no", 1]]
    (tmp_path / "test").mkdir()
    (tmp_path / "test/questions.json").write_text(json.dumps(triples))
    write_pictures(tmp_path, ["test/images/0.png", "test/images/1.png"])
    add("easy_vqa", tmp_path)
    before = {s.uid: (s.texts["question"], s.label) for s in open_source("easy_vqa/test").iter()}
    assert len(before) == 3  # the same question of another picture is another sample
    (tmp_path / "test/questions.json").write_text(json.dumps(triples[::-1]))
    after = {s.uid: (s.texts["question"], s.label) for s in open_source("easy_vqa/test").iter()}
    assert after == before
    assert {s.images[0].load().size for s in open_source("easy_vqa/test").iter()} == {(8, 6)}
