"""Samples out of the bench: JSON, image files, CSV cells that run nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.workbench.data.tables import picture
from workbench.data.export import describe, ending_of, export_sample, json_text, write_csv
from workbench.errors import DataError
from workbench.sample import ImageRef, Sample


def sample(**fields: object) -> Sample:
    base = {"uid": "d/s/a/../b c#1", "images": (ImageRef(data=picture(), name="left"),)}
    return Sample(**(base | fields))  # type: ignore[arg-type]


def test_a_sample_is_described_with_the_sizes_and_hashes_of_its_images():
    body = describe(sample(texts={"sentence": "x"}, label="a", explanations=("e",)))
    assert list(body)[0] == "uid"
    assert body["texts"] == {"sentence": "x"}
    image = body["images"][0]
    assert (image["width"], image["height"], len(image["sha256"])) == (8, 6, 64)
    assert image["source"] == "bytes"
    json.dumps(body)


def test_an_image_that_cannot_be_had_keeps_its_place():
    images = (ImageRef(name="gone"), ImageRef(data=picture()))
    first, second = describe(sample(images=images))["images"]
    assert first["width"] is None
    assert "no image behind gone" in first["error"]
    assert second["width"] == 8


def test_an_exported_name_is_the_escaped_uid_and_stays_in_its_folder(tmp_path: Path):
    paths = export_sample(sample(), tmp_path / "out")
    assert [p.parent for p in paths] == [tmp_path / "out"] * 2
    assert paths[0].name == "d%2Fs%2Fa%2F..%2Fb%20c%231.json"
    assert paths[1].read_bytes() == picture()
    body = json.loads(paths[0].read_text())
    assert body["images"][0]["file"] == paths[1].name
    assert body["uid"] == "d/s/a/../b c#1"


def test_an_image_is_named_for_what_it_is():
    assert ending_of(picture()) == ".png"
    assert ending_of(b"\xff\xd8\xff\xe0") == ".jpg"
    assert ending_of(b"RIFF\0\0\0\0WEBPVP8 ") == ".webp"
    assert ending_of(b"?") == ".img"


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        export_sample(sample(), tmp_path / "file" / "out")


def test_other_cells_stay_as_they_are(tmp_path: Path):
    rows = [{"a": "x=1", "b": 3}, {"a": "=evil()", "c": None}]
    assert write_csv(tmp_path / "a.csv", rows) == 2
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["a", "b", "c"], ["x=1", "3", ""], ["'=evil()", "", ""]]


def test_printed_json_holds_nothing_that_a_terminal_acts_on_and_reads_back_equal():
    value = {"t": "\x1b[31m \x9b31m \u202e \u200b \ufeff é 日本"}
    text = json_text(value)
    assert json.loads(text) == value
    assert not set(text) & set("\x1b\x9b\u202e\u200b\ufeff")
    assert "é 日本" in text
