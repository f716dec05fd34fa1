"""From rows of one's own tables to samples: labels, references, images inside their root."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workbench.data.tables import (
    mine,
    picture,
    samples,
    write_lines,
    write_parquet,
)
from workbench.data.adding import add, add_dataset
from workbench.data.source import open_source
from workbench.errors import ImageError


def test_labels_that_are_missing_are_none_in_every_spelling(folder: Path):
    rows = [{"id": 0, "label": 1.0}, {"id": 1, "label": float("nan")}, {"id": 2, "label": None}]
    write_parquet(folder / "a.parquet", rows)
    add("mine", folder / "a.parquet", texts={})
    assert [s.label for s in samples()] == ["1", None, None]
    mine(folder, "id,label\n0,1.0\n1,nan\n2,\n3,NaN\n4,2.0\n", texts={}, labels=["1", "2"])
    assert [s.label for s in samples()] == ["1", None, None, None, "2"]
    assert [s.error for s in samples()] == [None] * 5


def test_a_label_outside_of_the_set_is_an_error_of_its_sample(folder: Path):
    mine(folder, "id,label\n0,yes\n1,maybe\n", texts={}, labels=["yes", "no"])
    assert [s.error for s in samples()] == [None, "its label 'maybe' is none of yes, no"]


def test_raw_labels_can_be_given_words(folder: Path):
    mine(folder, "id,label\n0,0\n1,1\n", texts={}, labels=["0=benign", "1=hateful"])
    assert [s.label for s in samples()] == ["benign", "hateful"]
    assert open_source("mine").labels == ("benign", "hateful")


def test_truth_values_of_json_are_words(folder: Path):
    write_lines(folder / "a.jsonl", [{"id": 1, "sentence": "s", "label": True}])
    add("mine", folder / "a.jsonl")
    assert samples()[0].label == "true"


def test_pairs_keep_their_order_and_a_missing_image_keeps_its_place(folder: Path):
    text = "id,image0,image1\na,img/1.png,img/2.png\nb,gone.png,img/2.png\nc,,img/2.png\n"
    mine(folder, text, texts={})
    found = samples()
    assert [ref.name for ref in found[0].images] == ["img/1.png", "img/2.png"]
    assert "gone.png does not exist" in str(found[1].error)
    assert found[1].images[1].load().size == (8, 6)
    with pytest.raises(ImageError, match="does not exist"):
        found[1].images[0].load()
    assert "no image in 'image0'" in str(found[2].error)
    with pytest.raises(ImageError):
        found[2].images[0].load()


def test_an_image_path_never_leads_out_of_its_root(folder: Path):
    inner = folder / "inner"
    inner.mkdir()
    (inner / "link.png").symlink_to(folder / "img/1.png")
    (inner / "far").symlink_to(folder / "img")
    (inner / "ok.png").write_bytes(picture())
    paths = ["../img/1.png", str(folder / "img/1.png"), "link.png", "far/1.png", "a\0b.png"]
    rows = [{"id": i, "image": path} for i, path in enumerate([*paths, "ok.png"])]
    write_lines(inner / "a.jsonl", rows)
    add("mine", inner / "a.jsonl", texts={})
    found = samples()
    for sample, path in zip(found[:-1], paths, strict=False):
        assert sample.error, path
        assert sample.images[0].path is None
        with pytest.raises(ImageError):
            sample.images[0].load()
    assert "leads out of the image root" in str(found[0].error)
    assert found[-1].error is None
    add("mine", inner / "a.jsonl", texts={}, image_root=folder, replace=True)
    assert samples()[1].error is None  # absolute, and inside of the wider root


def test_a_template_cannot_reach_into_objects_nor_out_of_the_root(folder: Path):
    rows = [{"id": "{label.__class__}", "d": "../../etc", "label": "x"}]
    write_lines(folder / "a.jsonl", rows)
    add("mine", folder / "a.jsonl", image=["{d}/{id}.png"], texts={})
    assert "leads out" in str(samples()[0].error)
    assert samples()[0].uid == "mine/a/{label.__class__}"


def test_image_columns_of_bytes_and_lists_are_read(folder: Path):
    rows = [
        {
            "id": "a",
            "images": [
                {"bytes": picture("red"), "path": "l.png"},
                {"bytes": picture(), "path": None},
            ],
        },
        {"id": "b", "images": [{"bytes": None, "path": "img/1.png"}]},
        {"id": "c", "images": [{"bytes": b"", "path": None}]},
    ]
    write_parquet(folder / "a.parquet", rows)
    add("mine", folder / "a.parquet", image=["images"], texts={})
    a, b, c = samples()
    assert [ref.name for ref in a.images] == ["l.png", "images"]
    assert a.images[0].load().getpixel((0, 0)) == (255, 0, 0)
    assert b.images[0].path == (folder / "img/1.png").resolve()
    with pytest.raises(ImageError, match="empty"):
        c.images[0].load()


def test_urls_are_references_that_nobody_fetches(folder: Path):
    write_lines(folder / "a.jsonl", [{"id": 1, "image": "http://127.0.0.1:1/x.png"}])
    add("mine", folder / "a.jsonl", texts={})
    (sample,) = samples()
    assert sample.error is None
    assert sample.images[0].url == "http://127.0.0.1:1/x.png"
    with pytest.raises(ImageError, match="only when asked"):
        sample.images[0].load()
    add("mine", folder / "a.jsonl", texts={}, fetch=True, replace=True)
    with pytest.raises(ImageError, match="private address"):
        samples()[0].images[0].load()


def test_metadata_holds_what_is_not_mapped_and_can_be_chosen(folder: Path):
    rows = [{"id": 1, "question": "q", "writer": 5, "nested": {"a": [1, float("nan")]}, "raw": "x"}]
    write_lines(folder / "a.jsonl", rows)
    add("mine", folder / "a.jsonl")
    assert samples()[0].metadata == {"writer": 5, "nested": {"a": [1, None]}, "raw": "x"}
    add("mine", folder / "a.jsonl", metadata=["writer"], replace=True)
    assert samples()[0].metadata == {"writer": 5}
    add("mine", folder / "a.jsonl", metadata=[], replace=True)
    assert samples()[0].metadata == {}


def test_references_and_explanations_may_be_lists_or_several_columns(folder: Path):
    rows = [
        {
            "id": 1,
            "question": "q",
            "answers": [{"answer": "two", "answer_confidence": "yes"}, {"answer": "2"}],
            "answer": "2",
            "Explanation_1": "a",
            "Explanation_2": "",
            "Explanation_3": "c",
        }
    ]
    write_lines(folder / "a.jsonl", rows)
    add("mine", folder / "a.jsonl")
    (sample,) = samples()
    assert sample.references == ("2", "two")
    assert sample.explanations == ("a", "c")


def test_half_surrogates_in_json_do_not_break_what_is_stored(folder: Path):
    (folder / "a.jsonl").write_text('{"id": "\\ud800", "caption": "a\\udfffb", "k": "\\ud801"}\n')
    add("mine", folder / "a.jsonl")
    (sample,) = samples()
    assert sample.texts == {"caption": "a?b"}
    str((sample.uid, sample.metadata)).encode()
    add_dataset("mine2", folder / "a.jsonl", id="hash")
    assert len(samples("mine2")) == 1
