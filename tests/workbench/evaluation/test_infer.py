"""Captions of a folder or a split as a file: sorted, failures told, killed and gone on with."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from sessions.runs import Run, list_runs
from workbench.data.images_alone import Unjudged, open_folder
from workbench.data.source import open_source
from workbench.errors import DataError
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.infer import Caption, captions_of, format_of, infer, text_of
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures, a third one below, one that is none, and what is no image at all."""
    root = tmp_path / "my photos"
    (root / "below").mkdir(parents=True)
    for name, colour in (("b.png", "red"), ("a.jpg", "blue"), ("below/c.PNG", "white")):
        Image.new("RGB", (32, 32), colour).save(root / name, name[-3:].replace("jpg", "jpeg"))
    (root / "broken.png").write_bytes(b"no picture")
    (root / "notes.txt").write_text("no image")
    return root


def asked(folder: Path, **more: object) -> EvalConfig:
    decoding = Decoding(max_new_tokens=3, top_logprobs=0)
    config = {"dataset": "", "folder": str(folder), "batch_size": 2, "threads": 1, **more}
    return EvalConfig(**config, spec=ModelSpec(device="cpu"), decoding=decoding)  # type: ignore


def test_every_image_has_a_caption_in_order_and_a_broken_one_its_reason(photos: Path) -> None:
    run = infer(asked(photos))
    found = captions_of(run)
    assert [c.image for c in found] == ["a.jpg", "b.png", "broken.png", "below/c.PNG"]
    assert [c.caption is None for c in found] == [False, False, True, False]
    assert "broken.png" in found[2].error or "image" in found[2].error
    assert run.config["template"] == "caption/describe"
    assert run.metrics()["counts"]["failed"] == 1
    assert infer(asked(photos)).id == run.id  # nothing is asked twice
    assert len(list_runs()) == 1


def test_a_cut_one_goes_on_where_it_was(photos: Path) -> None:
    looks = iter([False])
    cut = infer(asked(photos), cancelled=lambda: next(looks, True))
    assert cut.state == "cancelled"
    before = cut.predictions()
    assert 0 < len(before) < 4
    whole = infer(asked(photos))
    assert whole.id == cut.id and whole.state == "done"
    assert whole.predictions()[: len(before)] == before
    assert len(captions_of(Run.open(whole.id))) == 4


def test_labels_of_another_task_are_not_looked_at() -> None:
    config = EvalConfig(
        dataset="demo/test",
        limit=2,
        threads=1,
        spec=ModelSpec(device="cpu"),
        decoding=Decoding(max_new_tokens=3, top_logprobs=0),
    )
    run = infer(config)
    found = run.metrics()
    assert "accuracy" not in found["metrics"]
    assert [line["target"] for line in run.predictions()] == [None, None]
    source = open_source("demo/test")
    assert [c.uid for c in captions_of(run)] == [source.uid_at(0), source.uid_at(1)]
    alone = Unjudged(source)
    assert alone.ordinal(alone.uid_at(3)) == 3
    assert (alone.at(3).label, alone.get(alone.uid_at(3)).task) == (None, "caption")


def test_a_folder_is_a_dataset_of_its_own(photos: Path, tmp_path: Path) -> None:
    source = open_folder(photos)
    assert source.dataset.startswith("my-photos-")
    assert open_folder(photos).revision == source.revision
    with pytest.raises(DataError, match="holds no images"):
        (tmp_path / "empty").mkdir()
        open_folder(tmp_path / "empty")
    with pytest.raises(DataError, match="not a folder"):
        open_folder(tmp_path / "gone")


ROWS = [
    Caption("a.jpg", "d/all/a.jpg", 'a "red" é circle'),
    Caption("b.jpg", "d/all/b.jpg", None, "it is cut off"),
    Caption("c.jpg", "d/all/c.jpg", "=SUM(A1)"),
]


def test_each_format_says_the_same() -> None:
    said = {"a.jpg": 'a "red" é circle', "c.jpg": "=SUM(A1)"}
    assert json.loads(text_of(ROWS, "map")) == said
    listed = json.loads(text_of(ROWS, "list"))
    assert [row["caption"] for row in listed] == ['a "red" é circle', None, "=SUM(A1)"]
    assert listed[1]["error"] == "it is cut off" and "error" not in listed[0]
    assert [json.loads(line) for line in text_of(ROWS, "jsonl").splitlines()] == listed
    table = list(csv.DictReader(io.StringIO(text_of(ROWS, "csv"))))
    assert [row["caption"] for row in table] == ['a "red" é circle', "", "'=SUM(A1)"]
    assert [format_of(name) for name in ("x.json", "x.JSONL", "x.csv", "x")] == [
        *("map", "jsonl", "csv", "map")
    ]


def test_images_that_recur_are_told_apart_by_uid() -> None:
    twice = [Caption("a.jpg", f"d/all/{n}", f"caption {n}") for n in range(2)]
    assert json.loads(text_of(twice, "map")) == {"d/all/0": "caption 0", "d/all/1": "caption 1"}
