"""Caching: resumed, verified, atomic; kill -9 costs what was in flight and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workbench.data.hub_data import REPO, add_pairs, drop_blocks, files, forget
from workbench.data.hub import checks
from workbench.data.hub.cache import cache_dataset
from workbench.data.hub.environment import HubError
from workbench.data.hub.manifest import load_manifest, read_manifest, verify
from workbench.data.hub.parts import PartialFile, join, subtract, total
from workbench.data.hub.state import folder_of
from workbench.data.source import open_source
from workbench.errors import DataError, UnknownName, UsageError

SHARDS = ("data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet")
DEV = "data/dev-00000-of-00001.parquet"


def fetched(hub) -> int:
    """Bytes of ranges that were asked for at the content's host."""
    spans = [r.removeprefix("bytes=").split("-") for r in hub.ranges()]
    return sum(int(stop) - int(start) + 1 for start, stop in spans)


def test_the_manifest_says_all_that_lies_there(fast_hub):
    import hashlib

    commit = add_pairs(fast_hub)
    done = cache_dataset("pairs")
    body = json.loads((done.folder / "manifest.json").read_text())
    assert (body["v"], body["repo"], body["revision"], body["commit"]) == (1, REPO, "main", commit)
    assert {name: s["rows"] for name, s in body["splits"].items()} == {"train": 60, "dev": 15}
    assert body["splits"]["train"]["files"] == list(SHARDS)
    contents = files()
    for entry in body["files"]:
        content = contents[entry["path"]]
        assert (done.folder / entry["path"]).read_bytes() == content
        assert entry["size"] == len(content)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert verify(done.folder) == []
    assert done.fetched == done.size == sum(len(contents[p]) for p in (*SHARDS, DEV))


def test_a_second_time_nothing_is_fetched(fast_hub):
    add_pairs(fast_hub)
    cache_dataset("pairs")
    forget(fast_hub)
    assert cache_dataset("pairs").fetched == 0
    assert fast_hub.ranges() == []


def test_verify_names_each_file_that_differs(fast_hub):
    add_pairs(fast_hub)
    folder = cache_dataset("pairs").folder
    changed = bytearray((folder / SHARDS[0]).read_bytes())
    changed[200] ^= 1
    (folder / SHARDS[0]).write_bytes(changed)
    (folder / SHARDS[1]).write_bytes(b"short")
    (folder / DEV).unlink()
    found = {Path(p.path).name: p.what for p in verify(folder)}
    assert "SHA-256 differs" in found["train-00000-of-00002.parquet"]
    assert "has 5 bytes, not" in found["train-00001-of-00002.parquet"]
    assert found["dev-00000-of-00001.parquet"] == "is missing"
    cache_dataset("pairs")
    assert verify(folder) == []


def test_a_file_that_differs_is_not_read_until_it_is_fetched_again(fast_hub):
    add_pairs(fast_hub)
    folder = cache_dataset("pairs").folder
    content = (folder / DEV).read_bytes()
    (folder / DEV).write_bytes(content[:300] + b"\0" * 50 + content[350:])
    verify(folder)
    forget(fast_hub)
    drop_blocks(Path(os.environ["WB_HOME"]))
    assert [s.error for s in open_source("pairs/dev").iter()] == [None] * 15
    assert fast_hub.ranges("dev") != []


def test_a_limited_cache_is_verified_too(fast_hub):
    add_pairs(fast_hub, weight=20_000, train=400)
    folder = cache_dataset("pairs", splits=["train"], limit=10).folder
    assert verify(folder) == []
    for part in (p for p in (folder / ".partial").iterdir() if not p.suffix):
        with part.open("r+b") as file:
            file.seek(0)
            file.write(b"\0\0")
    assert len(verify(folder)) == 2
    cache_dataset("pairs", splits=["train"], limit=10)
    assert verify(folder) == []


def test_more_can_be_cached_later_and_what_is_there_stays(fast_hub):
    add_pairs(fast_hub, weight=20_000, train=400)
    first = cache_dataset("pairs", splits=["train"], limit=50)
    more = cache_dataset("pairs", splits=["train"], limit=100)
    assert read_manifest(more.folder).splits["train"].cached == 100
    whole = cache_dataset("pairs", splits=["train"])
    sizes = sum(len(files(weight=20_000, train=400)[p]) for p in SHARDS)
    assert first.fetched + more.fetched + whole.fetched == sizes
    assert not [p for p in (whole.folder / ".partial").iterdir()]
    assert verify(whole.folder) == []
    assert cache_dataset("pairs", splits=["train"], limit=10).fetched == 0
    assert read_manifest(whole.folder).splits["train"].cached == 400


def test_what_broke_off_is_taken_up(fast_hub):
    add_pairs(fast_hub, weight=20_000, train=400)
    size = len(files(weight=20_000, train=400)[SHARDS[0]])
    fast_hub.fault("/cdn/", drop_after=size // 2)
    fast_hub.fault("/cdn/", status=500, times=1000)
    fast_hub.fault("resolve", status=500, times=1000)
    with pytest.raises(HubError):
        cache_dataset("pairs", splits=["train"])
    fast_hub.faults.clear()
    forget(fast_hub)
    done = cache_dataset("pairs", splits=["train"])
    whole = sum(len(files(weight=20_000, train=400)[p]) for p in SHARDS)
    assert done.fetched == fetched(fast_hub) <= whole - size // 2 + 100_000
    assert verify(done.folder) == []


CACHE = """
import sys, threading, time
from workbench.data.hub import parts as hub_parts
hub_parts.STEP = 64 * 1024
from workbench.data.hub import download as hub_download
hub_download.STEP, hub_download.STRETCH, hub_download.WORKERS = 64 * 1024, 256 * 1024, 2
from workbench.data.hub.cache import cache_dataset
fetch, far, lock, left = hub_download.iter_range, [], threading.Lock(), int(sys.argv[1])
def until_far(*given):
    global left
    for chunk in fetch(*given):
        with lock:
            left -= len(chunk)
            if left < 0 and not far:
                far.append(print("far", flush=True))
        while far:  # nothing more arrives: the process is killed in the middle
            time.sleep(60)
        yield chunk
hub_download.iter_range = until_far
cache_dataset("pairs", splits=["train"])
"""


@pytest.mark.slow
def test_kill_9_in_the_middle_costs_only_what_was_in_flight(fast_hub):
    add_pairs(fast_hub, weight=20_000, train=400)
    whole = sum(len(files(weight=20_000, train=400)[p]) for p in SHARDS)
    child = subprocess.Popen(
        [sys.executable, "-c", CACHE, str(whole * 2 // 5)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "far\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    folder = folder_of("pairs")
    manifest = load_manifest(folder)
    assert manifest is None or not manifest.splits  # nothing half is called whole
    forget(fast_hub)
    done = cache_dataset("pairs", splits=["train"])
    assert done.fetched == fetched(fast_hub)
    assert done.fetched < whole * 0.75
    assert verify(folder) == []
    assert [s.error for s in open_source("pairs/train").iter()] == [None] * 400


def test_a_file_killed_between_its_place_and_the_manifest_is_not_fetched_again(fast_hub):
    add_pairs(fast_hub)
    folder = cache_dataset("pairs", splits=["dev"]).folder
    (folder / "manifest.json").unlink()
    forget(fast_hub)
    assert cache_dataset("pairs", splits=["dev"]).fetched == 0
    assert verify(folder) == []


def test_what_arrives_damaged_is_refused_and_fetched_anew(fast_hub):
    add_pairs(fast_hub)
    blob = fast_hub.repos["datasets", REPO].commits[open_source("pairs/dev").commit][DEV]
    right = blob.content
    blob.content = right[:100] + b"\0\0\0\0" + right[104:]
    with pytest.raises(HubError, match="arrived damaged"):
        cache_dataset("pairs", splits=["dev"])
    blob.content = right
    assert verify(cache_dataset("pairs", splits=["dev"]).folder) == []


def test_space_is_checked_before_anything_is_fetched(fast_hub, monkeypatch):
    add_pairs(fast_hub)
    forget(fast_hub)
    full = shutil.disk_usage(".")._replace(free=1000)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: full)
    with pytest.raises(DataError, match="are to be fetched") as caught:
        cache_dataset("pairs")
    assert "--to" in caught.value.hint
    assert fast_hub.ranges() == []


def test_a_full_disk_is_one_message_and_what_arrived_is_kept(fast_hub, monkeypatch):
    from workbench.data.hub import parts

    add_pairs(fast_hub)
    monkeypatch.setattr(parts.os, "pwrite", lambda *_: _raise(OSError(28, "No space left")))
    with pytest.raises(DataError, match="No space left") as caught:
        cache_dataset("pairs")
    assert "--to" in caught.value.hint
    monkeypatch.undo()


def _raise(error: Exception) -> None:
    raise error


def test_another_folder_is_remembered(fast_hub, tmp_path):
    add_pairs(fast_hub)
    done = cache_dataset("pairs", to=tmp_path / "elsewhere", splits=["dev"])
    assert done.folder == tmp_path / "elsewhere"
    assert folder_of("pairs") == done.folder
    assert cache_dataset("pairs").folder == done.folder


def test_two_processes_do_not_cache_to_one_folder(fast_hub):
    from sessions.locks import HeldLock

    add_pairs(fast_hub)
    folder_of("pairs").mkdir(parents=True)
    lock = HeldLock(folder_of("pairs") / ".lock")
    with pytest.raises(DataError, match="another process"):
        cache_dataset("pairs")
    lock.release()


def test_a_new_commit_fetches_only_the_files_that_changed(fast_hub):
    add_pairs(fast_hub)
    folder = cache_dataset("pairs").folder
    newer = files()
    newer[DEV] = files(dev=20)[DEV]
    commit = fast_hub.commit(REPO, newer)
    forget(fast_hub)
    assert open_source("pairs/dev").length == 15  # what was cached is what is read
    done = cache_dataset("pairs")
    assert done.fetched == len(newer[DEV])
    assert done.manifest.commit == commit
    assert open_source("pairs/dev").length == 20
    assert verify(folder) == []


@pytest.mark.parametrize("path", ["../../evil.parquet", "a/../../evil.parquet"])
def test_a_path_that_leads_out_of_the_folder_is_refused(fast_hub, path):
    add_pairs(fast_hub)
    fast_hub.commit(REPO, {"README.md": b"---\n---\n", path: files()[DEV]})
    forget(fast_hub)
    from workbench.data.hub.checks import check_remote
    from workbench.data.hub.environment import Remote

    with pytest.raises(DataError, match="leads out of the folder"):
        check_remote(Remote(REPO, "c", path, 1, "e" * 40))


def test_a_manifest_that_is_damaged_or_newer_is_told(tmp_path):
    for text, words in (
        ("{", "missing or damaged"),
        ('{"v": 9}', "is of version 9"),
        ('{"v": 1, "files": []}', "is no manifest"),
    ):
        (tmp_path / "manifest.json").write_text(text)
        assert load_manifest(tmp_path) is None
        with pytest.raises(DataError, match=words):
            read_manifest(tmp_path)


def test_what_is_not_of_the_hub_is_not_cached():
    with pytest.raises(UsageError, match="is on this machine already"):
        cache_dataset("demo")


def test_an_unknown_split_is_told(fast_hub):
    add_pairs(fast_hub)
    with pytest.raises(UnknownName, match="no split 'test'"):
        cache_dataset("pairs", splits=["test"])


def test_a_torn_journal_costs_its_last_line(tmp_path):
    part = PartialFile(tmp_path, "e" * 40, 100)
    writer = part.open()
    writer.write(0, b"x" * 60)
    writer.note(0, 30)
    writer.note(40, 60)
    writer.close()
    with part.journal.open("ab") as file:
        file.write(b"60 9")
    again = PartialFile(tmp_path, "e" * 40, 100)
    assert again.there == ((0, 30), (40, 60))
    assert subtract(((0, 100),), again.there) == ((30, 40), (60, 100))
    writer = again.open()
    writer.write(60, b"y" * 40)
    writer.note(60, 100)
    writer.close()
    assert PartialFile(tmp_path, "e" * 40, 100).there == ((0, 30), (40, 100))


def test_stretches_are_joined_and_subtracted():
    assert join([(5, 9), (0, 3), (3, 5), (20, 30)]) == ((0, 9), (20, 30))
    assert subtract(((0, 10),), ((2, 4), (6, 20))) == ((0, 2), (4, 6))
    assert subtract(((5, 6),), ((0, 10),)) == ()
    assert total(((0, 2), (4, 6))) == 4
