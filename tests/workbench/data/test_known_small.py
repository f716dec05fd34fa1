"""NLVR (v1) and easy-VQA in their layouts, under their own names and without their real data."""

from __future__ import annotations

import io
import json
from pathlib import Path

from PIL import Image

from tests.workbench.data.tables import write_lines, write_pictures
from workbench.data.adding import add
from workbench.data.source import get_sample, open_source


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
        for permutation in range(6):
            picture = Image.new("RGBA", (400, 100), (200, 200, 200, 255))
            picture.paste(
                (0, 153, 255, 255), (153, 40, 173, 60) if permutation == 0 else (0, 0, 9, 9)
            )
            buffer = io.BytesIO()
            picture.save(buffer, "PNG")
            path = root / f"dev/images/7/dev-4011-{number}-{permutation}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(buffer.getvalue())
    write_lines(root / "dev/dev.json", rows)


def test_nlvr1_shows_the_rendering_that_its_boxes_belong_to(tmp_path: Path):
    write_nlvr1(tmp_path)
    added = add("nlvr1", tmp_path)
    assert (added.info.splits, added.guessed[0]) == ({"dev": 2}, "layout: nlvr1")
    sample = get_sample("nlvr1/dev/4011-0")
    assert (sample.label, sample.labels, sample.error) == ("true", ("true", "false"), None)
    ((thing,),) = sample.metadata["objects"]
    assert (thing["name"], thing["box"]) == ("blue square", [153, 40, 173, 60])
    image = sample.images[0].load()
    assert (image.mode, image.size) == ("RGB", (400, 100))
    assert [image.getpixel(at) for at in ((153, 40), (172, 59))] == [(0, 153, 255)] * 2
    assert image.getpixel((173, 60)) == (200, 200, 200)


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
