"""CIFAR-10: batches that are read and never run, image folders, captions of models."""

from __future__ import annotations

import json
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.workbench.data.tables import write_pictures
from workbench.data.adding import add
from workbench.data.layouts.pickled import read_batch
from workbench.data.source import get_sample, open_source
from workbench.errors import DataError, UsageError

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no shared data at {SHARED}")


def pixels(count: int, seed: int = 0) -> np.ndarray:
    """(count, 3072) uint8, as CIFAR-10 keeps them: reds, greens, blues."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def python2_pickle(labels: list[int], data: np.ndarray, names: list[str]) -> bytes:
    """A batch as the authors wrote it: protocol 2 of Python 2, whose strings are bytes."""

    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode() + b"q\x01"

    def number(value: int) -> bytes:
        return b"K" + bytes([value])

    rows, width = data.shape
    kind = b"cnumpy\ndtype\nq\x02" + text("u1") + number(0) + number(1) + b"\x87R"
    kind += b"(" + number(3) + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff" + number(0)
    kind += b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85"
    array += text("b") + b"\x87R(" + number(1) + b"M" + struct.pack("<H", rows)
    array += b"M" + struct.pack("<H", width) + b"\x86" + kind + b"\x89"
    array += b"T" + struct.pack("<i", data.size) + data.tobytes() + b"tb"
    body = text("batch_label") + text("testing batch 1 of 1")
    body += text("labels") + b"](" + b"".join(map(number, labels)) + b"e"
    body += text("data") + array
    body += text("filenames") + b"](" + b"".join(map(text, names)) + b"e"
    return b"\x80\x02}q\x00(" + body + b"u."


def write_batches(root: Path, count: int = 3) -> dict[str, np.ndarray]:
    """All six batches, of `count` pictures each."""
    root.mkdir(parents=True, exist_ok=True)
    found = {}
    for seed, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        data = pixels(count, seed)
        labels = [(seed + n) % 10 for n in range(count)]
        names = [f"{name}_{n}.png" for n in range(count)]
        (root / name).write_bytes(python2_pickle(labels, data, names))
        found[name] = data
    return found


def test_what_stands_in_for_the_authors_pickle_is_one(tmp_path: Path):
    """The fixture is a real pickle: Python itself reads the same from it."""
    data = pixels(2)
    raw = python2_pickle([3, 8], data, ["a.png", "b.png"])
    theirs = pickle.loads(raw, encoding="latin-1")
    assert (theirs["labels"], theirs["filenames"]) == ([3, 8], ["a.png", "b.png"])
    assert np.array_equal(theirs["data"], data)


def test_batches_are_read_with_the_right_labels_and_pixels(tmp_path: Path):
    batches = write_batches(tmp_path / "cifar-10-batches-py")
    added = add("cifar10", tmp_path)
    assert added.info.splits == {"train": 15, "test": 3}
    assert len(added.info.labels) == 10
    samples = list(open_source("cifar10/train").iter())
    assert [s.uid for s in samples] == [f"cifar10/train/{n}" for n in range(15)]
    assert [s.label for s in samples[:4]] == ["airplane", "automobile", "bird", "automobile"]
    every = np.concatenate([batches[f"data_batch_{n}"] for n in range(1, 6)])
    for sample, raw in zip(samples, every, strict=True):
        picture = np.asarray(sample.images[0].load())
        assert np.array_equal(picture, raw.reshape(3, 32, 32).transpose(1, 2, 0))
    facts = get_sample("cifar10/train/4").metadata
    assert (facts["filename"], facts["batch"]) == ("data_batch_2_1.png", "data_batch_2")
    assert "at" not in facts


@pytest.mark.parametrize("protocol", [3, 4])
def test_batches_that_were_saved_anew_are_read_too(tmp_path: Path, protocol: int):
    data = pixels(2)
    body = {b"labels": [1, 9], b"data": data, b"filenames": [b"a.png", b"b.png"]}
    (tmp_path / "test_batch").write_bytes(pickle.dumps(body, protocol=protocol))
    add("cifar10", tmp_path)
    samples = list(open_source("cifar10/test").iter())
    assert [s.label for s in samples] == ["automobile", "truck"]
    picture = np.asarray(samples[1].images[0].load())
    assert np.array_equal(picture, data[1].reshape(3, 32, 32).transpose(1, 2, 0))


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_a_pickle_that_would_run_something_is_refused_and_not_run(tmp_path: Path, protocol: int):
    body = {"labels": [1], "data": Evil(tmp_path / "run")}
    (tmp_path / "test_batch").write_bytes(pickle.dumps(body, protocol=protocol))
    with pytest.raises(DataError, match="not run|not a batch") as caught:
        add("cifar10", tmp_path)
    assert not (tmp_path / "run").exists()
    if protocol in (2, 4, 5):
        assert (caught.value.kind, "mkdir" in caught.value.message) == ("unsafe_pickle", True)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x80\x02}q\x00.",  # an empty dictionary
        b"\x80\x02}q\x00U\x06labels]q\x01h\x01as.",  # a list that holds itself
        b"\x80\x02h\x07.",  # what was never kept
        b"\x80\x02ttt.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"just some text",
    ],
)
def test_what_is_no_batch_is_an_error_with_words(tmp_path: Path, raw: bytes):
    (tmp_path / "test_batch").write_bytes(raw)
    with pytest.raises(DataError) as caught:
        add("cifar10", tmp_path)
    assert "test_batch" in caught.value.message


def test_a_batch_of_other_than_bytes_row_by_row_is_refused(tmp_path: Path):
    for data in (pixels(2).astype(np.float32), np.asfortranarray(pixels(2)), pixels(3)):
        body = {"labels": [1, 2], "data": data, "filenames": ["a", "b"]}
        (tmp_path / "test_batch").write_bytes(pickle.dumps(body, protocol=4))
        with pytest.raises(DataError, match="test_batch"):
            add("cifar10", tmp_path)


def test_a_missing_or_truncated_batch_is_named(tmp_path: Path):
    write_batches(tmp_path)
    add("cifar10", tmp_path)
    whole = (tmp_path / "data_batch_3").read_bytes()
    (tmp_path / "data_batch_3").write_bytes(whole[:-2000])
    with pytest.raises(DataError, match="data_batch_3"):
        open_source("cifar10/train")
    (tmp_path / "data_batch_3").unlink()
    with pytest.raises(DataError, match="has no data_batch_3"):
        add("cifar10", tmp_path, replace=True)
    with pytest.raises(DataError, match="cannot be read"):
        read_batch(tmp_path / "data_batch_3")


CAPTIONS = """\
Dataset_Index,A1,A2
2,a frog,it is green
0,a plane,
7,out of range,x
,no index,x
2,again,x
-1,before the first,x
1.0,a car,a red car
"""


def test_captions_are_candidates_and_stray_rows_are_named(tmp_path: Path):
    write_batches(tmp_path / "batches")
    path = tmp_path / "captions.csv"
    path.write_text(CAPTIONS)
    added = add("cifar10", [tmp_path / "batches", f"test={path}"])
    samples = list(open_source("cifar10/test").iter())
    assert [s.metadata["candidates"] for s in samples] == [
        {"A1": "a plane"},
        {"A1": "a car", "A2": "a red car"},
        {"A1": "a frog", "A2": "it is green"},
    ]
    assert {s.references for s in samples} == {(s.label,) for s in samples}  # no caption among them
    assert added.notes == [
        "test: 2 rows of captions.csv whose Dataset_Index is no picture of test: "
        "row 3 (7); row 6 (-1)",
        "test: 1 rows of captions.csv without a Dataset_Index: row 4",
        "test: 1 rows of captions.csv whose Dataset_Index stands twice: row 5 (2)",
    ]
    assert get_sample("cifar10/train/0").metadata["candidates"] == {}


def test_the_split_of_the_captions_is_the_users_to_say(tmp_path: Path):
    write_batches(tmp_path / "batches")
    path = tmp_path / "captions.csv"
    path.write_text(CAPTIONS)
    with pytest.raises(UsageError, match="is of no split"):
        add("cifar10", [tmp_path / "batches", path])
    with pytest.raises(UsageError, match="'dev'") as caught:
        add("cifar10", [tmp_path / "batches", f"dev={path}"])
    assert "train, test" in caught.value.hint
    path.write_text("Index,A1\n0,x\n")
    with pytest.raises(DataError, match="no column 'Dataset_Index'"):
        add("cifar10", [tmp_path / "batches", f"test={path}"])


def test_pictures_called_by_their_index_take_captions_and_kaggles_do_not(tmp_path: Path):
    path = tmp_path / "captions.csv"
    path.write_text("Dataset_Index,A1\n17,a cat\n")
    write_pictures(tmp_path / "mine/test", ["cat/17.png", "dog/4.png"])
    add("cifar10", [tmp_path / "mine", f"test={path}"])
    sample = get_sample("cifar10/test/cat/17.png")
    assert (sample.label, sample.metadata["candidates"]) == ("cat", {"A1": "a cat"})
    write_pictures(tmp_path / "kaggle/test", ["cat/1.png", "dog/2.png"])
    with pytest.raises(DataError, match="have no such numbers"):
        add("kaggle", [tmp_path / "kaggle", f"test={path}"], like="cifar10")


@shared
def test_the_real_pictures_of_the_test_split_by_class():
    add("cifar10", SHARED / "cifar10_jpg")
    source = open_source("cifar10/test")
    assert (source.length, len(source.labels)) == (1000, 10)
    sample = get_sample("cifar10/test/frog/0042.jpg")
    assert (sample.label, sample.images[0].load().size) == ("frog", (32, 32))
    assert sample.metadata["index"] is None  # each class counts from 0 anew


def test_the_reader_imports_and_calls_nothing(tmp_path: Path):
    import subprocess
    import sys

    write_batches(tmp_path)
    code = f"""
import sys
from pathlib import Path
from workbench.data.layouts.pickled import read_batch
found = read_batch(Path({str(tmp_path / "test_batch")!r}))
assert "numpy" not in sys.modules
import json; print(json.dumps(found["labels"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [5, 6, 7]
