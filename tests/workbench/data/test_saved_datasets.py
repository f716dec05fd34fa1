"""What the `datasets` library wrote is read where it lies, with pyarrow alone."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from tests.later import Later
from workbench.data.adding import add
from workbench.data.files import LocalFile
from workbench.data.readers.arrow import ArrowReader
from workbench.data.source import open_source
from workbench.errors import DataError

datasets = Later("datasets")
NAMES = ["red", "blue"]


def picture(shade: int) -> Image.Image:
    return Image.new("RGB", (6, 4), (shade, 10, 20))


def made(count: int = 5, start: int = 0) -> Any:
    rows = range(start, start + count)
    return datasets.Dataset.from_dict(
        {
            "id": [f"n{i}" for i in rows],
            "images": [[picture(i), picture(i + 100)] for i in rows],
            "label": [i % 2 for i in rows],
        },
        features=datasets.Features(
            {
                "id": datasets.Value("string"),
                "images": datasets.List(datasets.Image()),
                "label": datasets.ClassLabel(names=NAMES),
            }
        ),
    )


def same(image: Image.Image, shade: int) -> bool:
    return np.array_equal(np.asarray(image), np.asarray(picture(shade)))


def test_a_saved_dict_of_splits_has_its_splits_labels_and_pictures(tmp_path):
    saved = tmp_path / "saved"
    datasets.DatasetDict(train=made(), dev=made(3, 50)).save_to_disk(str(saved))
    added = add("mine", saved)
    assert added.info.splits == {"train": 5, "dev": 3}
    assert added.info.labels == ("red", "blue")
    assert added.mapping.passed_over == ()
    source = open_source("mine/train")
    samples = list(source.iter())
    assert [s.uid for s in samples] == [f"mine/train/n{i}" for i in range(5)]
    assert [s.label for s in samples] == ["red", "blue", "red", "blue", "red"]
    assert all(same(s.images[0].load(), i) for i, s in enumerate(samples))
    assert all(same(s.images[1].load(), i + 100) for i, s in enumerate(samples))
    assert source.get("mine/train/n3") == samples[3]


def test_a_saved_split_alone_keeps_its_shards_in_order(tmp_path):
    saved = tmp_path / "saved"
    made(20).save_to_disk(str(saved), num_shards=3)
    assert add("mine", saved).info.splits == {"all": 20}
    assert add("other", f"test={saved}").info.splits == {"test": 20}
    samples = list(open_source("mine/all").iter())
    assert [s.uid for s in samples] == [f"mine/all/n{i}" for i in range(20)]


def test_the_same_rows_have_the_same_uids_without_an_id_wherever_they_stand(tmp_path):
    data = made(6).remove_columns("id")
    data.save_to_disk(str(tmp_path / "one"))
    data.select(range(5, -1, -1)).save_to_disk(str(tmp_path / "turned"))
    add("mine", tmp_path / "one")
    before = [sample.uid for sample in open_source("mine/all").iter()]
    add("mine", tmp_path / "turned", replace=True)
    assert [sample.uid for sample in open_source("mine/all").iter()] == before[::-1]


def test_files_of_the_librarys_cache_are_read_without_the_name_before_the_split(tmp_path):
    cache = tmp_path / "cache"
    made(4).to_parquet(str(tmp_path / "train.parquet"))
    found = datasets.load_dataset(
        "parquet", data_files={"train": str(tmp_path / "train.parquet")}, cache_dir=str(cache)
    )
    found["train"].filter(lambda row: row["label"] == 0)  # leaves a `cache-…` beside it
    folder = next(cache.rglob("*-train.arrow")).parent
    assert [p for p in folder.iterdir() if p.name.startswith("cache-")]
    assert add("mine", folder).info.splits == {"train": 4}


@pytest.mark.parametrize("form", ["stream", "file"])
def test_any_row_is_read_again_by_its_place(form, tmp_path):
    path = tmp_path / "t.arrow"
    table = pa.table({"id": list(range(25)), "data": [bytes([i]) for i in range(25)]})
    with pa.OSFile(str(path), "wb") as sink:
        writer = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
        with writer(sink, table.schema) as out:
            out.write_table(table, max_chunksize=10)
    reader = ArrowReader(LocalFile(path))
    rows = list(reader.scan())
    assert [row.values["id"] for row in rows] == list(range(25))
    assert [row.number for row in rows] == list(range(1, 26))
    for row in rows[::-1]:
        assert reader.read(row.place).values == row.values
    assert [row.values for row in reader.scan(["id"])] == [{"id": i} for i in range(25)]
    few = ArrowReader(LocalFile(path), needed=["id"])
    assert few.read(rows[7].place).values == {"id": 7}


def test_what_is_no_whole_arrow_file_is_one_error(tmp_path):
    path = tmp_path / "t.arrow"
    sink = io.BytesIO()
    table = pa.table({"id": list(range(1000))})
    with pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    for content in (b"", b"hello there", sink.getvalue()[:900], sink.getvalue()[:-8]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"t\.arrow"):
            add("mine", path)
    path.write_bytes(sink.getvalue())
    reader = ArrowReader(LocalFile(path))
    place = next(iter(reader.scan())).place
    path.write_bytes(sink.getvalue()[:900])  # cut while it is open
    assert "changed" in (reader.read(place).error or "")


def test_a_folder_that_names_what_is_not_in_it_is_refused(tmp_path):
    saved = tmp_path / "saved"
    made(2).save_to_disk(str(saved))
    state = json.loads((saved / "state.json").read_text())
    for files, words in (([{"filename": "../x.arrow"}], "no name of a file"), ([], "no files")):
        (saved / "state.json").write_text(json.dumps(state | {"_data_files": files}))
        with pytest.raises(DataError, match=words):
            add("mine", saved)
    (saved / "state.json").write_text(json.dumps(state | {"_indices_data_files": [{}]}))
    with pytest.raises(DataError, match="indices"):
        add("mine", saved)


def test_nothing_of_the_library_is_imported_for_it(tmp_path):
    saved = tmp_path / "saved"
    made(2).save_to_disk(str(saved))
    code = (
        "import sys; from workbench.data.adding import add;"
        "from workbench.data.source import open_source;"
        f"add('mine', {str(saved)!r}); s = open_source('mine/all').at(1); s.images[0].load();"
        "assert 'datasets' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
