"""WebDataset tars as tables: keys cut at the first dot, ids read back, damage where it is."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.workbench.data.tables import picture
from workbench.data.adding import add
from workbench.data.files import LocalFile
from workbench.data.readers.opening import ReadOptions, open_reader
from workbench.data.readers.webdataset import split_name
from workbench.data.source import get_sample, open_source
from workbench.errors import DataError


def write_tar(path: Path, files: Iterable[tuple[str, bytes]], **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", **options) as tar:  # type: ignore[call-overload]
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def shard(first: int, count: int) -> list[tuple[str, bytes]]:
    out = []
    for n in range(first, first + count):
        out += [
            (f"{n:06}.jpg", picture("red", (n + 1, 3))),
            (f"{n:06}.txt", f"caption {n}\n".encode()),
            (f"{n:06}.json", json.dumps({"label": "ab"[n % 2], "n": n}).encode()),
        ]
    return out


def test_shards_are_a_split_with_images_texts_and_json(tmp_path: Path):
    write_tar(tmp_path / "train-000000.tar", shard(0, 3))
    write_tar(tmp_path / "train-000001.tar", shard(3, 2))
    added = add("web", tmp_path, label="json.label")
    assert (added.info.splits, added.bad) == ({"train": 5}, 0)
    assert (added.info.labels, added.mapping.id) == (("a", "b"), "__key__")
    samples = list(open_source("web/train").iter())
    assert [s.uid for s in samples] == [f"web/train/{n:06}" for n in range(5)]
    assert [s.texts for s in samples][4] == {"caption": "caption 4"}
    assert [s.label for s in samples] == ["a", "b", "a", "b", "a"]
    assert [s.images[0].load().size for s in samples] == [(n + 1, 3) for n in range(5)]
    jumped = get_sample("web/train/000003")
    assert (jumped.images[0].data, jumped.texts) == (samples[3].images[0].data, samples[3].texts)


def test_a_name_is_cut_at_its_first_dot_and_an_escaped_id_is_read_back(tmp_path: Path):
    names = ["4465359505%2Ejpg#2r1c", "a/b", "./c"]
    files = [(f"{n}.{e}", picture()) for n in names for e in ("jpg", "seg.png")]
    write_tar(tmp_path / "dev.tar", files)
    add("web", tmp_path / "dev.tar", image=["jpg", "seg.png"])
    samples = list(open_source("web/dev").iter())
    assert [s.uid for s in samples] == [
        *("web/dev/4465359505.jpg#2r1c", "web/dev/a/b", "web/dev/c")
    ]
    assert {(len(s.images), s.error) for s in samples} == {(2, None)}
    # Unescaped, as who writes `f"{id}.jpg"` has it, all that follows the dot is the ending.
    assert split_name("dir.x/4465.jpg#2r1c.jpg") == ("dir.x/4465", "jpg#2r1c.jpg")
    assert split_name("__meta__.json") == split_name("dir/noending") == split_name(".x") == ("", "")


def test_long_names_folders_and_links_are_no_rows_of_their_own(tmp_path: Path):
    path = tmp_path / "x.tar"
    long = "folder/" + "n" * 300
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        link = tarfile.TarInfo("folder/evil.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for ending, data in (("png", picture()), ("cls", b"7")):
            info = tarfile.TarInfo(f"{long}.{ending}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    add("web", path)
    (sample,) = open_source("web/x").iter()
    assert (sample.uid, sample.label) == (f"web/x/{long}", "7")
    assert get_sample(sample.uid).images[0].load().size == (8, 6)


def test_a_tar_that_is_cut_off_gives_the_rows_before_the_cut(tmp_path: Path):
    path = write_tar(tmp_path / "x.tar", shard(0, 3))
    with tarfile.open(path) as tar:
        last = tar.getmember("000002.json").offset_data
    path.write_bytes(path.read_bytes()[: last + 4])
    added = add("web", path)
    assert (added.info.splits, added.bad) == ({"x": 3}, 1)
    first, second, cut = open_source("web/x").iter()
    assert (first.error, second.error) == (None, None)
    assert "cut off" in (cut.error or "")


def test_a_row_with_damaged_json_or_an_ending_twice_costs_itself_alone(tmp_path: Path):
    files = [("1.json", b"{"), ("2.json", b"{}"), ("3.txt", b"a"), ("3.txt", b"b")]
    rows = list(reader_of(write_tar(tmp_path / "x.tar", files)).scan())
    assert "JSON" in (rows[0].error or "")
    assert rows[1].values == {"__key__": "2", "json": {}}
    assert "twice" in (rows[2].error or "")


def reader_of(path: Path):
    return open_reader(LocalFile(path), ReadOptions())


def test_a_scan_for_ids_reads_headers_alone_and_rows_in_between_do_not_disturb_it(tmp_path: Path):
    reader = reader_of(write_tar(tmp_path / "x.tar", shard(0, 4)))
    assert reader.columns == ("__key__", "jpg", "txt", "json")
    seen = []
    for row in reader.scan(["__key__"]):
        assert list(row.values) == ["__key__"]
        assert reader.read(row.place).values["txt"] == f"caption {row.number - 1}"
        seen.append(row.values["__key__"])
    assert seen == [f"{n:06}" for n in range(4)]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "is empty"), (b"no tar at all" * 100, "is not a tar"), (b"\x1f\x8b123", "compressed")],
)
def test_what_is_no_tar_is_named(tmp_path: Path, data: bytes, words: str):
    (tmp_path / "x.tar").write_bytes(data)
    with pytest.raises(DataError, match=words):
        add("web", tmp_path / "x.tar")


def test_a_row_larger_than_is_read_is_an_error_of_its_own(tmp_path: Path, monkeypatch):
    path = write_tar(tmp_path / "x.tar", [("1.txt", b"a"), ("2.txt", b"b" * 9000)])
    monkeypatch.setattr("workbench.data.readers.webdataset.MAX_RECORD", 4096)
    small, large = reader_of(path).scan()
    assert (small.error, small.values["txt"]) == (None, "a")
    assert "more than 4,096" in (large.error or "")
