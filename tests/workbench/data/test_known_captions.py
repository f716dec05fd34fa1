"""Captions: COCO's, Karpathy's and plain files, several references per image."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.workbench.data.tables import write_pictures
from workbench.data.adding import add
from workbench.data.source import get_sample, open_source
from workbench.errors import DataError

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no shared data at {SHARED}")


def write(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def coco_image(number: int) -> dict:
    name = f"COCO_val2014_{number:012}.jpg"
    return {
        "license": 5,
        "file_name": name,
        "coco_url": "http://x/y.jpg",
        "height": 6,
        "id": number,
    }


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    root = tmp_path / "coco"
    said = [(203564, "A bicycle.\n"), (37777, "A fridge."), (203564, "A clock."), (203564, "A ")]
    write(
        root / "annotations/captions_val2014.json",
        {
            "info": {"year": 2014},
            "images": [coco_image(n) for n in (203564, 37777, 5)],
            "licenses": [{"id": 1}],
            "annotations": [
                {"image_id": image, "id": number, "caption": caption}
                for number, (image, caption) in enumerate(said, start=48)
            ],
        },
    )
    # Beside the captions COCO gives out files that hold none.
    write(
        root / "annotations/instances_val2014.json",
        {"images": [coco_image(5)], "annotations": [{"image_id": 5, "bbox": [1, 2, 3, 4]}]},
    )
    write_pictures(root / "val2014", [f"COCO_val2014_{n:012}.jpg" for n in (203564, 5)])
    grey = io.BytesIO()
    Image.new("L", (7, 5), 90).save(grey, "JPEG")
    (root / "val2014/COCO_val2014_000000037777.jpg").write_bytes(grey.getvalue())
    return root


def test_an_image_has_all_its_captions_as_references(coco: Path):
    added = add("captions", coco)
    assert added.info.splits == {"val2014": 3}
    assert (added.info.task, added.info.labels) == ("caption", ())
    sample = get_sample("captions/val2014/203564")
    assert sample.references == ("A bicycle.", "A clock.", "A")
    assert (sample.label, sample.metadata["height"]) == ("A bicycle.", 6)
    assert sample.images[0].load().size == (8, 6)


def test_greyscale_images_come_as_rgb_and_images_without_captions_stay(coco: Path):
    add("captions", coco)
    grey, bare = list(open_source("captions/val2014").iter())[1:]
    assert grey.images[0].load().mode == "RGB"
    assert (bare.uid, bare.label, bare.references) == ("captions/val2014/5", None, ())
    assert bare.error is None


def test_the_small_form_of_the_same_is_read_and_strays_are_named(tmp_path: Path):
    body = {
        "annotations": [
            {"caption": "One.", "image_id": "a", "id": 1},
            {"caption": "Lost.", "image_id": "zz", "id": 2},
            {"caption": None, "image_id": "a", "id": 3},
        ],
        "images": [{"file_name": "a.png", "id": "a"}, {"file_name": "b.png"}],
    }
    write(tmp_path / "mine.json", body)
    write_pictures(tmp_path, ["a.png", "b.png"])
    added = add("captions", tmp_path)
    assert "mine: 1 captions of images that are not listed: image_id zz" in added.notes
    assert "mine: 1 annotations without a caption: number 3" in added.notes
    one, unnamed = open_source("captions/mine").iter()
    assert (one.uid, one.references) == ("captions/mine/a", ("One.",))
    assert "no id" in (unnamed.error or "")


def karpathy(number: int, split: str, folder: str | None = "val2014") -> dict:
    row = {
        "sentids": [number],
        "imgid": number,
        "sentences": [
            {"tokens": ["a", "man"], "raw": "A man.", "imgid": number, "sentid": 1},
            {"tokens": ["a", "dog"], "imgid": number, "sentid": 2},
        ],
        "split": split,
        "filename": f"COCO_{folder}_{number:012}.jpg" if folder else f"{number}.jpg",
    }
    return row | ({"filepath": folder, "cocoid": number + 7} if folder else {})


def test_karpathys_restval_joins_train_from_both_folders(tmp_path: Path):
    rows = [karpathy(1, "test"), karpathy(2, "restval"), karpathy(3, "train", "train2014")]
    write(
        tmp_path / "dataset_coco.json", {"images": [*rows, karpathy(4, "val")], "dataset": "coco"}
    )
    write_pictures(
        tmp_path,
        [f"val2014/COCO_val2014_{n:012}.jpg" for n in (1, 2, 4)]
        + ["train2014/COCO_train2014_000000000003.jpg"],
    )
    added = add("captions", tmp_path)
    assert added.info.splits == {"train": 2, "val": 1, "test": 1}
    assert added.notes == []
    rest, train = open_source("captions/train").iter()
    assert (rest.uid, rest.metadata["restval"]) == ("captions/train/9", True)
    assert (train.uid, train.metadata["restval"]) == ("captions/train/10", False)
    assert rest.references == ("A man.", "a dog")  # the second from its tokens
    assert {s.error for s in (rest, train)} == {None}


def test_karpathys_flickr_goes_by_the_file(tmp_path: Path):
    write(tmp_path / "dataset_flickr30k.json", {"images": [karpathy(1000092795, "test", None)]})
    write_pictures(tmp_path, ["flickr30k_images/1000092795.jpg"])
    add("captions", tmp_path)
    sample = get_sample("captions/test/1000092795")
    assert (sample.error, sample.metadata["imgid"]) == (None, 1000092795)


def test_a_caption_file_that_is_cut_off_is_named(coco: Path):
    path = coco / "annotations/captions_val2014.json"
    path.write_text(path.read_text()[:80])
    with pytest.raises(DataError, match=r"captions_val2014.json"):
        add("captions", coco)


@shared
def test_the_real_example_of_clipscore_has_references_and_two_candidates():
    add("captions", SHARED / "clipscore_example")
    first, second = open_source("captions/refs").iter()
    assert (first.uid, len(first.references)) == ("captions/refs/image1", 3)
    assert first.metadata["candidates"] == {
        "bad_captions": "a calico cat and a white cat are lying together.",
        "good_captions": "an orange cat and a grey cat are lying together.",
    }
    assert {s.error for s in (first, second)} == {None}
    assert first.images[0].load().mode == "RGB"


@pytest.mark.parametrize("odd", [None, 3, "x", {}, [1], [{}], [{"tokens": 1}], [{"tokens": [{}]}]])
def test_sentences_of_an_odd_shape_cost_their_own_image_alone(tmp_path: Path, odd: object):
    rows = [karpathy(1, "val") | {"sentences": odd}, karpathy(2, "val")]
    write(tmp_path / "dataset_coco.json", {"images": rows})
    add("captions", tmp_path)
    strange, good = open_source("captions/val").iter()
    assert strange.uid == "captions/val/8"
    assert good.references == ("A man.", "a dog")


def test_a_name_that_no_terminal_or_file_can_hold_is_still_told(tmp_path: Path):
    notes = [{"caption": "x", "image_id": "\ud800\n" + "y" * 500, "id": 1}]
    body = {"annotations": notes, "images": [{"file_name": ["a"], "id": 1}]}
    write(tmp_path / "mine.json", body)
    added = add("captions", tmp_path)
    assert added.notes[0].startswith("mine: 1 captions of images that are not listed: image_id ?")
    assert len(added.notes[0]) < 300
