"""A split handed to the `datasets` library: the same UIDs, pixels and labels."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from commands.data import command
from sessions.uid import Uid
from tests.later import Later
from workbench import api
from workbench.data.adding import add
from workbench.data.export_split import FORMATS, export_split
from workbench.data.scratch import scratch_folder
from workbench.data.source import open_source
from workbench.data.to_datasets import to_datasets
from workbench.errors import UsageError

datasets = Later("datasets")
LIMIT = 5


def pixels(image):
    return np.asarray(image.convert("RGB"))


def loaded(kind, out, tmp_path):
    """What the library alone makes of an export; its images are PIL's."""
    cache = str(tmp_path / "cache")
    if kind == "hf":
        return datasets.load_from_disk(str(out))
    if kind == "imagefolder":
        return datasets.load_dataset(str(out), split="test", cache_dir=cache)
    reader = {"parquet": "parquet", "jsonl": "json", "csv": "csv"}[kind]
    found = datasets.load_dataset(reader, data_files=str(out), split="train", cache_dir=cache)
    if kind == "parquet":
        return found

    def with_pictures(row):
        names = json.loads(row["images"]) if kind == "csv" else row["images"]
        return {"images": [str(out.parent / name) for name in names]}

    pictures = datasets.List(datasets.Image())
    return found.map(with_pictures, load_from_cache_file=False).cast_column("images", pictures)


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_exported_is_loaded_back_by_the_library_alone(kind, tmp_path):
    source = open_source("demo/test")
    out = tmp_path / ("out" if kind in ("hf", "imagefolder") else f"out.{kind}")
    assert export_split(source, out, kind, limit=LIMIT) == LIMIT
    beside = [f"{out.name}.images"] * (kind in ("jsonl", "csv"))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([out.name, *beside])
    found = loaded(kind, out, tmp_path)
    assert len(found) == LIMIT
    label = found.features["label"]
    for row, sample in zip(found, source.iter(), strict=False):
        assert row["uid"] == sample.uid
        word = label.names[row["label"]] if kind in ("hf", "parquet") else row["label"]
        assert str(word) == sample.label  # CSV makes a truth value of "True"
        assert row["sentence"] == sample.texts["sentence"]
        for image, ref in zip(row["images"], sample.images, strict=True):
            assert np.array_equal(pixels(image), pixels(ref.load()))


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_exported_is_added_again_with_nothing_said(kind, tmp_path):
    source = open_source("demo/test")
    out = tmp_path / ("out" if kind in ("hf", "imagefolder") else f"out.{kind}")
    export_split(source, out, kind, limit=LIMIT)
    (split,) = add("again", out).info.splits
    again = list(open_source("again", split).iter())
    for sample, before in zip(again, source.iter(), strict=False):
        assert Uid.parse(sample.uid).native == before.uid
        assert (sample.label, sample.error) == (before.label, None)
        assert sample.texts["sentence"] == before.texts["sentence"]
        assert [r.read() for r in sample.images] == [r.read() for r in before.images]


def test_a_split_is_a_dataset_with_random_access_too(tmp_path):
    found = to_datasets(open_source("demo/test"), limit=LIMIT, streaming=False)
    assert [found[i]["uid"] for i in (3, 0)] == ["demo/test/000003", "demo/test/000000"]
    assert found.map(lambda row: {"n": len(row["images"])})[2]["n"] == 2
    assert api.open_dataset("demo/test").to_datasets(limit=1, streaming=False).num_rows == 1
    assert found[4]["images"][0].size == (64, 64)  # the second one left it alone


def test_a_scratch_folder_lasts_as_long_as_its_process():
    code = (
        "from workbench.data.scratch import scratch_folder; import os, sys;"
        "print(scratch_folder('some'), flush=True); {end}"
    )
    folders = {}
    for end in ("sys.exit()", "os.kill(os.getpid(), 9)"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(end=end)], capture_output=True, text=True
        )
        folders[end] = Path(done.stdout.strip())
    assert [folder.is_dir() for folder in folders.values()] == [False, True]
    mine = scratch_folder("some")
    assert sorted(mine.parent.iterdir()) == [mine, mine.with_suffix(".lock")]


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


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_overwrites_nothing_and_leaves_nothing_half_done(kind, tmp_path):
    out = tmp_path / "there"
    for there in [out, *[tmp_path / "there.images"] * (kind in ("jsonl", "csv"))]:
        there.write_text("mine")
        with pytest.raises(UsageError, match="exists"):
            export_split(open_source("demo/test"), out, kind, limit=1)
        there.unlink()

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_split(open_source("demo/test"), out, kind, limit=3, on_progress=stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_columns_without_a_role_are_kept_and_told(kind, tmp_path):
    rows = "id,question,answer,set,who\n1,a?,b,7,\u00e9\n2,c?,d,8,x\n"
    (tmp_path / "t.csv").write_text(rows)
    add("mine", tmp_path / "t.csv")
    out = tmp_path / f"out.{kind}"
    result = CliRunner().invoke(command, ["export", "mine/t", str(out), "--to", kind])
    assert result.exit_code == 0
    assert "2 further columns are JSON in 'metadata': set, who" in result.stderr
    reader = {"jsonl": "json"}.get(kind, kind)
    found = datasets.load_dataset(
        reader, data_files=str(out), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert [json.loads(row["metadata"]) for row in found] == [
        {"set": "7", "who": "\u00e9"},
        {"set": "8", "who": "x"},
    ]
