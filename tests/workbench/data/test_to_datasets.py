"""A split handed to the `datasets` library: the same UIDs, pixels and labels."""

from __future__ import annotations

import datasets
import numpy as np
import pytest

from workbench.data.adding import add
from workbench.data.source import open_source
from workbench.data.to_datasets import export_split, to_datasets
from workbench.errors import UsageError

LIMIT = 5


def pixels(image):
    return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("kind", ["hf", "parquet"])
def test_what_is_exported_is_loaded_back_by_the_library_alone(kind, tmp_path):
    source = open_source("demo/test")
    out = tmp_path / ("folder" if kind == "hf" else "file.parquet")
    assert export_split(source, out, kind, limit=LIMIT) == LIMIT
    if kind == "hf":
        found = datasets.load_from_disk(str(out))
    else:
        found = datasets.Dataset.from_parquet(str(out), cache_dir=str(tmp_path / "cache"))
    assert len(found) == LIMIT and sorted(tmp_path.iterdir())[-1] == out
    names = found.features["label"].names
    for row, sample in zip(found, source.iter(), strict=False):
        assert row["uid"] == sample.uid
        assert names[row["label"]] == sample.label
        assert row["sentence"] == sample.texts["sentence"]
        for image, ref in zip(row["images"], sample.images, strict=True):
            assert np.array_equal(pixels(image), pixels(ref.load()))


def test_a_split_streams_into_the_library():
    found = list(to_datasets(open_source("demo/test"), limit=2))
    assert [row["uid"] for row in found] == ["demo/test/000000", "demo/test/000001"]
    assert found[0]["images"][0].size == (64, 64)


def test_a_sample_that_cannot_be_read_keeps_its_row_with_the_error(tmp_path):
    (tmp_path / "t.csv").write_text("id,question,label,image\n1,what?,red,gone.png\n")
    add("mine", tmp_path / "t.csv", id="id", image=("image",), label="label")
    (row,) = to_datasets(open_source("mine", "t"))
    assert (row["uid"], row["images"]) == ("mine/t/1", [])
    assert "gone.png" in row["error"] and row["label"] == "red"
    assert export_split(open_source("mine", "t"), tmp_path / "t.parquet", "parquet") == 1


def test_an_export_overwrites_nothing_and_leaves_nothing_half_done(tmp_path):
    out = tmp_path / "there.parquet"
    out.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        export_split(open_source("demo/test"), out, "parquet", limit=1)
    out.unlink()

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_split(open_source("demo/test"), out, "parquet", limit=3, on_progress=stop)
    assert not list(tmp_path.iterdir())
