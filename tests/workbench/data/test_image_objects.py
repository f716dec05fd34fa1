"""Objects and nested lists in the place of a path to an image, in rows and in conversations."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.workbench.data.tables import mine, picture, samples, write_parquet, write_pictures
from workbench.data.adding import add
from workbench.data.image_objects import image_in

BASE64 = base64.b64encode(picture()).decode()
DATA = f"data:image/png;base64,{BASE64}"
URL = "https://example.org/a.png"


def row(image: Any) -> str:
    return json.dumps({"id": 1, "image": image, "question": "what?", "answer": "red"}) + "\n"


@pytest.mark.parametrize("inside", ["img/1.png", "file://{root}/img/1.png", DATA, BASE64])
@pytest.mark.parametrize(
    "form",
    [
        lambda said: {"url": said},
        lambda said: {"path": said, "bytes": None},
        lambda said: {"type": "image_url", "image_url": {"url": said}},
        lambda said: {"type": "image_url", "image_url": said},
        lambda said: {"type": "image", "image": said},
        lambda said: {"type": "image", "source": {"type": "base64", "data": said}},
        lambda said: {"file_name": said, "width": 8},
        lambda said: [[said]],
        lambda said: [{"url": said}],
    ],
)
def test_an_object_is_the_image_that_it_names_or_holds(tmp_path: Path, form, inside: str):
    write_pictures(tmp_path, ["img/1.png"])
    mine(tmp_path, row(form(inside.format(root=tmp_path))), "t.jsonl")
    (sample,) = samples()
    assert (sample.error, [ref.load().size for ref in sample.images]) == (None, [(8, 6)])
    assert "image" not in sample.metadata


def test_lists_of_lists_are_one_list_in_their_order(tmp_path: Path):
    names = [f"{i}.png" for i in range(4)]
    write_pictures(tmp_path, names)
    nested = [["0.png"], ["1.png", ["2.png"]], [], "3.png"]
    mine(tmp_path, row(nested), "t.jsonl")
    cell = json.dumps(nested).replace('"', '""')
    mine(tmp_path, f'id,image,question,answer\n1,"{cell}",what?,red\n', "c.csv")
    add("mine", [tmp_path / "t.jsonl", tmp_path / "c.csv"], replace=True)
    for split in ("t", "c"):
        assert [ref.name for ref in samples(f"mine/{split}")[0].images] == names
    pairs = [{"id": 1, "image": [["0.png"], ["1.png"]], "question": "what?", "answer": "x"}]
    add("mine", write_parquet(tmp_path / "p.parquet", pairs), replace=True)
    assert [ref.name for ref in samples()[0].images] == names[:2]


def test_an_object_with_a_url_is_fetched_only_if_that_is_asked_for(tmp_path: Path):
    for fetch in (False, True):
        mine(tmp_path, row({"url": URL}), "t.jsonl", fetch=fetch)
        (ref,) = samples()[0].images
        assert (ref.url, ref.fetch) == (URL, fetch)


def test_an_object_without_an_image_says_which_keys_it_has(tmp_path: Path):
    mine(tmp_path, row({"src": "a.png", "alt": "x"}), "t.jsonl")
    assert "the object in 'image' has none of bytes, path, url" in (samples()[0].error or "")
    assert "has src, alt" in (samples()[0].error or "")


def test_an_address_that_nothing_fetches_is_named(tmp_path: Path):
    mine(tmp_path, row("s3://bucket/a.png"), "t.jsonl")
    assert samples()[0].error == (
        "the image s3://bucket/a.png is at s3://, where nothing is fetched: download it, and name "
        "its folder with --image-root"
    )


def test_an_image_of_an_object_is_missing_by_its_name(tmp_path: Path):
    """So that the folder that has it can be found."""
    write_pictures(tmp_path / "pics", ["1.png"])
    added = mine(tmp_path, row([{"url": "1.png"}]), "t.jsonl")
    assert added.mapping.image_root == str(tmp_path / "pics")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": DATA}},
        {"type": "image_url", "image_url": "img/1.png"},
        {"type": "image", "image": "img/1.png"},
        {"type": "image", "path": "img/1.png"},
        {"type": "image", "source": {"type": "base64", "media_type": "x", "data": BASE64}},
    ],
)
def test_a_turn_holds_its_image_in_any_of_these_forms(tmp_path: Path, part: dict):
    write_pictures(tmp_path, ["img/1.png"])
    asked = {"role": "user", "content": [part, {"type": "text", "text": "what?"}]}
    turns = {"messages": [asked, {"role": "assistant", "content": "red"}]}
    mine(tmp_path, json.dumps(turns) + "\n", "t.jsonl")
    (sample,) = samples()
    assert (sample.texts, sample.label) == ({"question": "what?"}, "red")
    assert [ref.load().size for ref in sample.images] == [(8, 6)]
    assert BASE64[:60] not in repr(sample.metadata)


def test_bytes_go_before_their_path_and_depth_is_bounded():
    assert image_in({"path": "a.png", "bytes": b"x"}) == b"x"
    assert image_in({"path": "a.png", "bytes": b""}) == "a.png"
    deep: dict = {"url": "a.png"}
    for _ in range(1000):
        deep = {"image": deep}
    assert image_in(deep) is None
