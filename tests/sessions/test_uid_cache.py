"""Bookmarks, history and cursors under many processes, kills and odd file systems."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from sessions import database
from sessions.errors import BadUid, NoSuchRecord, RecordError
from sessions.paths import database_dir, home
from sessions.uid_cache import FILE_NAME, UidCache


@pytest.fixture
def cache():
    with UidCache.open() as cache:
        yield cache


def fill(cache: UidCache, count: int) -> list[str]:
    uids = [f"demo/test/{n}" for n in range(count)]
    cache.add_many(uids)
    return uids


def test_tags_add_up_and_a_note_is_replaced_only_by_another(cache):
    cache.add("a/b/c", ["x"], "first")
    cache.add("a/b/c", ["y", "x"])
    assert cache.get("a/b/c").tags == ("x", "y")
    assert cache.get("a/b/c").note == "first"
    cache.add("a/b/c", note="second")
    assert cache.get("a/b/c").note == "second"
    cache.set_note("a/b/c", "")
    assert cache.get("a/b/c").note == ""
    assert cache.tags("a/b/c") == ("x", "y")
    assert cache.tags("a/b/d") is None
    assert cache.tag_counts() == {"x": 1, "y": 1}


def test_what_is_no_uid_is_refused_and_nothing_is_kept(cache):
    with pytest.raises(BadUid):
        cache.add_many(["a/b/c", "nonsense"])
    assert cache.list() == []


@pytest.mark.parametrize("tag", ["", " ", "a\x1b[31m", "a\x1fb", "x" * 101])
def test_a_tag_that_cannot_be_typed_is_refused(cache, tag):
    with pytest.raises(RecordError, match="cannot be a tag"):
        cache.add("a/b/c", [tag])


def test_the_list_is_filtered_by_tag_dataset_and_split(cache):
    cache.add("one/dev/1", ["x"])
    cache.add("one/test/1", ["x"])
    cache.add("one/test2/1")
    cache.add("two/dev/1", ["x"])
    assert [m.uid for m in cache.list(tag="x")] == ["one/dev/1", "one/test/1", "two/dev/1"]
    assert [m.uid for m in cache.list(dataset="one/test")] == ["one/test/1"]
    assert [m.uid for m in cache.list("x", "two")] == ["two/dev/1"]
    assert cache.list(dataset="on") == []


def test_taking_off_the_last_tag_takes_the_bookmark_unless_it_has_a_note(cache):
    cache.add("a/b/1", ["x"])
    cache.add("a/b/2", ["x"], "note")
    assert cache.remove("a/b/1", "x") and cache.remove("a/b/2", "x")
    assert [m.uid for m in cache.list()] == ["a/b/2"]
    assert not cache.remove("a/b/2", "x")
    assert cache.remove("a/b/2")
    assert not cache.remove("a/b/2")
    with pytest.raises(NoSuchRecord):
        cache.get("a/b/2")


def test_the_cursor_goes_round_in_both_directions_and_each_filter_has_its_own(cache):
    cache.add("a/b/1", ["odd"])
    cache.add("a/b/2")
    cache.add("a/b/3", ["odd"])
    assert [cache.next() for _ in range(4)] == ["a/b/1", "a/b/2", "a/b/3", "a/b/1"]
    assert [cache.next("odd") for _ in range(3)] == ["a/b/1", "a/b/3", "a/b/1"]
    assert [cache.prev() for _ in range(3)] == ["a/b/3", "a/b/2", "a/b/1"]
    assert cache.next("nobody") is None


def test_the_cursor_outlives_the_process_and_the_bookmark_that_it_stands_on(cache):
    fill(cache, 3)
    assert cache.next() == "demo/test/0"
    with UidCache.open() as other:
        assert other.next() == "demo/test/1"
    cache.remove("demo/test/1")
    assert cache.next() == "demo/test/2"


def test_four_processes_that_share_a_cursor_get_each_uid_once_per_cycle(cache):
    uids = fill(cache, 40)
    code = """
from sessions.uid_cache import UidCache
with UidCache.open() as cache:
    for _ in range(20):
        print(cache.next(), flush=True)
"""
    workers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    seen = Counter(uid for worker in workers for uid in worker.communicate()[0].split())
    assert seen == Counter({uid: 2 for uid in uids})


def test_writers_killed_at_random_lose_no_bookmark_that_was_acknowledged():
    code = """
import itertools, os, sys
from sessions.uid_cache import UidCache
with UidCache.open() as cache:
    for n in itertools.count():
        cache.add(f"d/s/{sys.argv[1]}-{n}", ["t"])
        os.write(1, f"d/s/{sys.argv[1]}-{n}\\n".encode())
"""
    acknowledged: list[str] = []
    for round_ in range(3):
        writers = [
            subprocess.Popen([sys.executable, "-c", code, f"{round_}{w}"], stdout=subprocess.PIPE)
            for w in range(2)
        ]
        for writer in writers:
            assert writer.stdout
            acknowledged.append(writer.stdout.readline().decode().strip())
        time.sleep(0.05 * round_)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            acknowledged += writer.communicate()[0].decode().splitlines()
    with UidCache.open() as cache:
        kept = {mark.uid for mark in cache.list(tag="t")}
    assert set(acknowledged) <= kept


def test_threads_may_share_one_cache(cache):
    uids = fill(cache, 20)
    seen: list[str | None] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for _ in range(25):
            seen.append(cache.next())

    threads = [threading.Thread(target=work) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert Counter(seen) == Counter({uid: 10 for uid in uids})


def test_the_history_has_each_uid_once_the_newest_first(cache):
    for uid in ("a/b/1", "a/b/2", "a/b/1"):
        cache.visit(uid)
    assert [visit.uid for visit in cache.history()] == ["a/b/1", "a/b/2"]
    assert len(cache.history(1)) == 1


def test_the_history_does_not_grow_without_end(cache, monkeypatch):
    monkeypatch.setattr("sessions.uid_cache.HISTORY_KEPT", 5)
    for n in range(20):
        cache.visit(f"a/b/{n}")
    assert len(cache.history()) == 5


def test_an_export_is_imported_with_tags_notes_and_dates(cache, tmp_path):
    cache.add("a/b/1", ["x", "y"], "note\nwith \x1b[31m")
    cache.add("a/b/2")
    before = cache.list()
    assert cache.export(tmp_path / "out.jsonl") == 2
    for mark in before:
        cache.remove(mark.uid)
    assert cache.import_(tmp_path / "out.jsonl") == (["a/b/1", "a/b/2"], [])
    assert cache.list() == before


def test_an_import_takes_bare_uids_and_says_which_lines_are_none(cache, tmp_path):
    (tmp_path / "in.txt").write_text('a/b/1\n\n{"uid": "a/b/2"}\nnonsense\n{"uid": 3}\n{"ui')
    merged, wrong = cache.import_(tmp_path / "in.txt", tags=["new"])
    assert merged == ["a/b/1", "a/b/2"]
    assert [text.partition(":")[0] for text in wrong] == ["line 4", "line 5", "line 6"]
    assert all(mark.tags == ("new",) for mark in cache.list())
    with pytest.raises(RecordError, match="cannot read"):
        cache.import_(tmp_path / "none")


MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:50 / /home rw,relatime shared:2 - nfs4 server:/home rw
31 30 0:51 / /home/me/my\\040disk rw - xfs /dev/sdb rw
32 27 0:52 / /lus rw - lustre mds@tcp:/fs rw
33 27 0:53 / /odd rw - newfs x rw
""".splitlines()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/wb", "nfs4"),
        ("/home", "nfs4"),
        ("/homestead", "ext4"),
        ("/home/me/my disk/wb", "xfs"),
        ("/lus/wb", "lustre"),
        ("/", "ext4"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_innermost_mount(path, kind):
    assert database.file_system_in(MOUNTS, path) == kind


def test_what_nobody_knows_is_no_local_file_system():
    assert database.file_system_in(MOUNTS, "/odd/wb") not in database.LOCAL_FILE_SYSTEMS
    assert database.file_system_in([], "/x") not in database.LOCAL_FILE_SYSTEMS


def journal(cache: UidCache) -> tuple[str, int]:
    mode = cache._query("PRAGMA journal_mode", [])[0][0]
    return mode, cache._query("PRAGMA synchronous", [])[0][0]


def test_a_local_disk_gets_wal_and_no_warning(cache, monkeypatch):
    monkeypatch.setattr(database, "file_system", lambda path: "ext4")
    assert journal(cache) == ("wal", 1)
    assert cache.warning() is None


def test_a_network_disk_gets_safe_journaling_and_one_warning_that_names_the_setting(monkeypatch):
    monkeypatch.setattr(database, "file_system", lambda path: "nfs4")
    with UidCache.open() as cache:
        cache.add("a/b/c")
        assert journal(cache) == ("delete", 2)
        told = cache.warning()
        assert told and "WB_LOCAL_DIR" in told and "nfs4" in told
        assert cache.warning() is None
    with UidCache.open() as again:
        assert again.warning() is None
        assert [mark.uid for mark in again.list()] == ["a/b/c"]


def test_the_setting_moves_the_database(tmp_path, monkeypatch):
    monkeypatch.setenv("WB_LOCAL_DIR", str(tmp_path / "local"))
    with UidCache.open() as cache:
        assert cache.path.is_relative_to(tmp_path / "local")


def test_migrations_run_once_each_in_order(tmp_path):
    first = ["CREATE TABLE t (a)"]
    database.connect(tmp_path / "x.sqlite3", first).close()
    ran = []

    def second(db: sqlite3.Connection) -> None:
        ran.append(1)
        db.execute("ALTER TABLE t ADD COLUMN b")

    for _ in range(2):
        db = database.connect(tmp_path / "x.sqlite3", [*first, second])
        assert [row[1] for row in db.execute("PRAGMA table_info(t)")] == ["a", "b"]
        db.close()
    assert ran == [1]


def test_a_migration_that_fails_leaves_the_old_schema(tmp_path):
    path = tmp_path / "x.sqlite3"
    database.connect(path, ["CREATE TABLE t (a)"]).close()
    with pytest.raises(RecordError, match="no such table"):
        database.connect(path, ["", "CREATE TABLE u (a); INSERT INTO nowhere VALUES (1)"])
    db = database.connect(path, ["CREATE TABLE t (a)"])
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]
    db.close()


def test_a_newer_schema_is_refused_and_left_alone():
    UidCache.open().close()
    path = database_dir() / FILE_NAME
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(RecordError, match="newer wb"):
        UidCache.open()


def test_a_file_that_is_no_database_is_one_clear_message():
    (home() / FILE_NAME).write_bytes(b"rubbish" * 1000)
    with pytest.raises(RecordError) as caught:
        UidCache.open()
    assert "not a database" in caught.value.message
    assert "aside" in caught.value.hint


def test_a_writer_that_holds_the_database_for_too_long_is_named_as_the_cause(cache, monkeypatch):
    monkeypatch.setattr(database, "BUSY_S", 0.1)
    with UidCache.open() as other:
        other._db.execute("BEGIN IMMEDIATE")
        with UidCache.open() as hasty, pytest.raises(RecordError) as caught:
            hasty.add("a/b/c")
        other._db.execute("ROLLBACK")
    assert "locked" in caught.value.message
    assert "another process" in caught.value.hint


def test_a_file_that_is_not_there_is_a_path_to_check(tmp_path):
    with UidCache.open() as cache, pytest.raises(RecordError) as info:
        cache.import_(tmp_path / "none.jsonl")
    assert info.value.hint == "check the path"
