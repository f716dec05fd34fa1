"""The index of one's own tables: kept, built anew, shared by threads, forks and workers."""

from __future__ import annotations

import itertools
import os
import sqlite3
from pathlib import Path

import pytest

from tests.workbench.data.tables import (
    CSV,
    WISHES,
    mine,
    write_parquet,
    write_pictures,
)
from workbench.data.adding import add
from workbench.data.source import get_sample, open_source
from workbench.data.tables import table
from workbench.data.tables.table import TableSource
from workbench.errors import DataError


def test_the_index_is_kept_and_built_anew_when_the_file_changes(folder: Path, monkeypatch):
    mine(folder, CSV, **WISHES)
    first = open_source("mine/rows")
    with monkeypatch.context() as patch:
        patch.setattr(TableSource, "_scan", lambda self: pytest.fail("it was read again"))
        assert open_source("mine/rows").revision == first.revision
    (folder / "rows.csv").write_text(CSV.replace("q5,", "new,"))
    assert get_sample("mine/rows/new").texts["question"] == "what 5?"
    assert open_source("mine/rows").revision != first.revision


def test_an_index_of_rows_that_were_found_otherwise_is_made_anew(folder: Path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(table, "READING", table.READING - 1)
        mine(folder, CSV, **WISHES)
        before = open_source("mine/rows")
    read = []
    scan = TableSource._scan
    monkeypatch.setattr(TableSource, "_scan", lambda self: read.append(1) or scan(self))
    assert open_source("mine/rows").revision == before.revision
    assert read == [1]


def test_the_revision_depends_on_content_and_mapping_and_not_on_the_place(folder: Path):
    mine(folder, CSV, **WISHES)
    before = open_source("mine").revision
    os.utime(folder / "rows.csv", (1, 1))
    assert open_source("mine").revision == before
    other = folder / "elsewhere"
    other.mkdir()
    write_pictures(other, [f"img/{i}.png" for i in range(30)])
    mine(other, CSV, **WISHES)
    assert open_source("mine").revision == before
    mine(folder, CSV, **WISHES | {"texts": {"prompt": "question"}})
    assert open_source("mine").revision != before


def test_a_file_that_changes_under_an_open_source_gives_errors_and_no_wrong_samples(folder: Path):
    mine(folder, CSV, **WISHES)
    source = open_source("mine/rows")
    (folder / "rows.csv").write_text(CSV.replace("q2,", "quite-other,"))
    sample = source.get("mine/rows/q7")
    assert "have changed" in str(sample.error)
    assert sample.texts == {"question": ""}
    (folder / "rows.csv").unlink()
    gone = list(source.iter())
    assert [s.uid for s in gone] == [f"mine/rows/q{i}" for i in range(30)]
    assert all("cannot be read" in str(s.error) for s in gone)
    with pytest.raises(DataError, match="cannot be read"):
        open_source("mine/rows")


def test_a_row_that_was_swapped_for_another_is_told_by_its_id(folder: Path):
    mine(folder, "id,caption\naa,first\nbb,other\n")
    source = open_source("mine/rows")
    (folder / "rows.csv").write_text("id,caption\nbb,other\naa,first\n")
    sample = source.get("mine/rows/aa")
    assert "changed since it was indexed" in str(sample.error)
    assert sample.texts == {"caption": ""}


def test_a_damaged_index_is_built_anew(folder: Path):
    from workbench.data.tables.index import index_path

    mine(folder, CSV, **WISHES)
    path = index_path("mine", "rows")
    assert path is not None
    path.write_bytes(b"no database" * 100)
    assert open_source("mine/rows").length == 30
    sqlite3.connect(path).execute("SELECT count(*) FROM rows").fetchone()


def test_a_cache_that_cannot_be_written_costs_only_the_rebuild(folder: Path, monkeypatch):
    mine(folder, CSV, **WISHES)
    import shutil

    shutil.rmtree(folder / "wb/cache")
    (folder / "wb/cache").write_text("a file in the way")
    source = open_source("mine/rows")
    assert source.get("mine/rows/q29").error is None
    assert len(list(source.iter())) == 30


def test_iteration_and_lookups_from_two_threads_do_not_disturb_each_other(folder: Path):
    from concurrent.futures import ThreadPoolExecutor

    rows = [{"id": i, "caption": f"c{i}"} for i in range(300)]
    write_parquet(folder / "a.parquet", rows, group=50)
    add("mine", folder / "a.parquet")
    source = open_source("mine")

    def jump(seed: int) -> bool:
        return all(
            source.at((seed * 37 + i * 101) % 300).texts["caption"]
            == f"c{(seed * 37 + i * 101) % 300}"
            for i in range(40)
        )

    with ThreadPoolExecutor(4) as pool:
        jumps = [pool.submit(jump, seed) for seed in range(4)]
        walked = [s.texts["caption"] for s in source.iter()]
        assert all(j.result() for j in jumps)
    assert walked == [f"c{i}" for i in range(300)]


@pytest.mark.slow
def test_iteration_holds_a_few_rows_however_many_there_are(folder: Path):
    import tracemalloc

    path = folder / "big.csv"
    with path.open("w") as file:
        file.write("id,caption\n")
        file.writelines(f"{i},{'word ' * 60}\n" for i in range(4_000))
    add("mine", path)
    source = open_source("mine")
    tracemalloc.start()
    for _ in itertools.islice(source.iter(), 200):
        pass
    early = tracemalloc.get_traced_memory()[1]
    for _ in source.iter():
        pass
    late = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert late < early + 200_000  # bytes; the file has more than a million


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_source_may_be_used_after_a_fork_by_parent_and_children_at_once(
    folder: Path, format_: str
):
    rows = [{"id": i, "caption": f"c{i} " + "word " * 50} for i in range(400)]
    if format_ == "parquet":
        write_parquet(folder / "a.parquet", rows, group=100)
        add("mine", folder / "a.parquet")
    else:
        text = "id,caption\n" + "".join(f"{r['id']},{r['caption']}\n" for r in rows)
        mine(folder, text)
    source = open_source("mine")
    assert source.at(7).error is None  # handles are open now

    def walk(step: int) -> bool:
        found = (source.at(i * step % 400) for i in range(400))
        return all(s.error is None and s.texts["caption"].startswith("c") for s in found)

    children = []
    for step in (3, 7, 11):
        child = os.fork()
        if child == 0:
            os._exit(0 if walk(step) else 1)
        children.append(child)
    assert walk(1)
    assert [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children] == [0, 0, 0]


def test_a_source_and_a_part_of_it_can_be_sent_to_a_worker(folder: Path):
    import pickle

    mine(folder, CSV, **WISHES)
    for spec in ("mine/rows", "mine/rows[5:9]", "demo/test"):
        source = open_source(spec)
        source.at(0)
        again = pickle.loads(pickle.dumps(source))
        assert again.at(2) == source.at(2)
        assert again.length == source.length
