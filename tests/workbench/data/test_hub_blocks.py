"""The cache of blocks: bounded, checked, filled ahead, and never in the way of an exit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.hub_server import Hub
from tests.workbench.data.hub_data import add_pairs
from workbench.data.hub import blocks, http_requests
from workbench.data.hub.blocks import BLOCK, Blocks, sweep
from workbench.data.hub.environment import HubError, Remote
from workbench.data.hub.ranges import Fetching, in_parallel, merge
from workbench.data.hub.repository import get_listing

BODY = b"".join(bytes([n]) * BLOCK for n in range(9)) + b"end"


@pytest.fixture
def remote(fast_hub: Hub) -> Remote:
    fast_hub.commit("a/b", {"x.parquet": BODY})
    return get_listing("a/b").remote("x.parquet")


def folder() -> Path:
    return Path(os.environ["WB_HOME"]) / "cache/hub/blocks"


def on_disk() -> int:
    return sum(path.stat().st_size for path in folder().glob("*/*"))


def test_a_stretch_is_one_request_and_then_none(fast_hub, remote):
    store = Blocks()
    low, high = BLOCK - 5, 3 * BLOCK + 5
    assert store.read(remote, low, high) == BODY[low:high]
    assert len(fast_hub.ranges()) == 1
    assert store.read(remote, BLOCK, BLOCK + 10) == BODY[BLOCK : BLOCK + 10]
    assert store.read(remote, len(BODY) - 4, len(BODY)) == BODY[-4:]
    assert len(fast_hub.ranges()) == 2
    assert Blocks().read(remote, low, high) == BODY[low:high]  # another process: from disk
    assert len(fast_hub.ranges()) == 2


def test_memory_is_bounded(fast_hub, remote, monkeypatch):
    monkeypatch.setattr(blocks, "MEMORY", 4 * BLOCK)
    store = Blocks()
    for at in range(0, len(BODY), BLOCK):
        store.read(remote, at, min(at + BLOCK, len(BODY)))
        assert store._held == sum(map(len, store._memory.values())) <= 4 * BLOCK


def test_the_disk_is_bounded_and_what_was_used_last_stays(fast_hub, remote, monkeypatch):
    monkeypatch.setenv("WB_HUB_CACHE_MB", "4")
    store = Blocks()
    for at in range(0, len(BODY), BLOCK):
        store.read(remote, at, min(at + BLOCK, len(BODY)))
        store._disk.settle()
        assert on_disk() <= 4 * BLOCK
    monkeypatch.setenv("WB_HUB_CACHE_MB", "0")
    before = on_disk()
    assert Blocks().read(remote, 0, 5) == BODY[:5]
    assert on_disk() <= before


def test_a_sweep_takes_what_was_used_longest_ago(tmp_path):
    for number in range(5):
        path = tmp_path / "e" / str(number)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        os.utime(path, (number, number))
    assert sweep(tmp_path, 250) == 200
    assert sorted(p.name for p in tmp_path.glob("*/*")) == ["3", "4"]


def test_a_block_that_was_spoilt_is_fetched_again(fast_hub, remote):
    Blocks().read(remote, 0, 10)
    path = folder() / remote.etag / "0"
    path.write_bytes(path.read_bytes()[:-3] + b"bad")
    assert Blocks().read(remote, 0, 10) == BODY[:10]
    assert len(fast_hub.ranges()) == 2


def test_a_cache_that_cannot_be_written_is_done_without(fast_hub, remote, monkeypatch):
    folder().parent.mkdir(parents=True, exist_ok=True)
    folder().write_text("a file stands here")
    assert Blocks().read(remote, 5, 15) == BODY[5:15]


def test_a_block_is_fetched_once_however_many_want_it(fast_hub, remote):
    hold = threading.Event()
    fast_hub.fault("/cdn/", hold=hold)
    store, found = Blocks(), []
    readers = [
        threading.Thread(target=lambda: found.append(store.read(remote, 0, 10))) for _ in range(4)
    ]
    for reader in readers:
        reader.start()
    hold.set()
    for reader in readers:
        reader.join(60)
    assert found == [BODY[:10]] * 4
    assert len(fast_hub.ranges()) == 1


def test_what_is_read_ahead_is_there_when_it_is_wanted(fast_hub, remote):
    store = Blocks()
    store.ahead(remote, 0, 2 * BLOCK)
    thread = store._thread
    assert thread is not None and thread.daemon
    assert store.read(remote, 0, 2 * BLOCK) == BODY[: 2 * BLOCK]
    assert len(fast_hub.ranges()) == 1


def test_a_jump_asks_only_for_what_is_not_being_read_ahead(fast_hub, remote):
    http_requests.read_range(remote, 0, 1)  # the redirect is known
    fast_hub.asked.clear()
    hold, store, found = threading.Event(), Blocks(), []
    fast_hub.fault("/cdn/", hold=hold)
    store.ahead(remote, 0, 4 * BLOCK)
    assert fast_hub.wait_for(lambda asked: asked.range == f"bytes=0-{4 * BLOCK - 1}")
    low, high = 2 * BLOCK, 6 * BLOCK
    jump = threading.Thread(target=lambda: found.append(store.read(remote, low, high)))
    jump.start()
    assert fast_hub.wait_for(lambda asked: asked.range == f"bytes={4 * BLOCK}-{high - 1}")
    assert not found  # the rest is on its way
    hold.set()
    jump.join(60)
    assert found == [BODY[low:high]]
    assert len(fast_hub.asked) == 2


def test_a_failure_while_reading_ahead_is_told_to_who_needs_it(fast_hub, remote, monkeypatch):
    monkeypatch.setattr(blocks, "IDLE_S", 0.01)
    failing = fast_hub.fault("resolve", status=404, times=2)
    store = Blocks()
    store.ahead(remote, 0, 5)
    thread = store._thread
    assert thread is not None
    thread.join(60)
    with pytest.raises(HubError, match="404"):
        store.read(remote, 0, 5)
    assert failing.times == 0
    assert store.read(remote, 0, 5) == BODY[:5]


def test_the_thread_that_reads_ahead_ends_when_it_is_idle(fast_hub, remote, monkeypatch):
    monkeypatch.setattr(blocks, "IDLE_S", 0.01)
    store = Blocks()
    store.ahead(remote, 0, 10)
    thread = store._thread
    assert thread is not None
    thread.join(60)
    assert not thread.is_alive() and store._thread is None
    store.ahead(remote, BLOCK, BLOCK + 10)  # and begins anew
    assert store.read(remote, BLOCK, BLOCK + 10) == BODY[BLOCK : BLOCK + 10]


def test_ranges_come_in_order_and_stop_when_dropped(fast_hub, remote):
    ranges = [(at, at + 10) for at in range(0, 400, 20)]
    fetching = Fetching(remote, ranges)
    assert [fetching.take(i) for i in range(20)] == [BODY[a:b] for a, b in ranges]
    fetching.close()
    before = {t for t in threading.enumerate() if t.name == "wb-hub-range"}
    dropped = Fetching(remote, [(at, at + 10) for at in range(0, 4000, 20)])
    mine = {t for t in threading.enumerate() if t.name == "wb-hub-range"} - before
    dropped.take(0)
    del dropped
    for thread in mine:
        thread.join(60)
        assert not thread.is_alive()


def test_ranges_that_lie_together_are_one():
    assert merge([(50, 60), (0, 10), (12, 20)], 5, 100) == [(0, 20), (50, 60)]
    assert merge([(0, 60), (60, 120)], 5, 100) == [(0, 60), (60, 120)]


def test_work_in_parallel_keeps_its_order_and_its_first_error():
    assert in_parallel(lambda n: n * n, list(range(20))) == [n * n for n in range(20)]
    assert in_parallel(lambda n: n, []) == []
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda n: 1 // (n - 3), list(range(6)))


EXIT = """
import sys
from workbench.data.hub.state import remember
from workbench.data.source import open_source
remember("pairs", mode="streamed")
held = []
for number in range(50):
    stream = open_source("pairs/train").iter(number % 30)
    for _ in range(12):
        assert next(stream).error is None
    held.append(stream)
print("done", flush=True)
"""


@pytest.mark.slow
def test_fifty_half_read_streams_do_not_keep_a_process_from_ending(fast_hub):
    import signal

    add_pairs(fast_hub, weight=20_000, train=120)
    child = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", EXIT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert child.stdout is not None and child.stderr is not None
    assert child.stdout.readline() == "done\n", child.stderr.read()
    # From here on the hub never answers: an exit that waits for anything would hang.
    hold = threading.Event()
    fast_hub.fault(hold=hold, times=100_000)
    try:
        assert child.wait(60) == 0, child.stderr.read()
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGABRT)
        pytest.fail(f"it does not end: {child.stderr.read()[-3000:]}")
    finally:
        child.kill()
        hold.set()


def test_an_exit_while_the_hub_is_silent_does_not_wait(fast_hub):
    add_pairs(fast_hub, weight=20_000, train=120)
    code = """
from workbench.data.hub.blocks import blocks
from workbench.data.hub.repository import get_listing
remote = get_listing("someone/pairs").remote("data/train-00001-of-00002.parquet")
blocks().ahead(remote, 0, remote.size)
print("asked", flush=True)
input()
"""
    hold = threading.Event()
    fast_hub.asked.clear()
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert child.stdin is not None and child.stdout is not None
    fast_hub.fault("/cdn/", hold=hold, times=1000)
    assert child.stdout.readline() == "asked\n"
    assert fast_hub.wait_for(lambda asked: "/cdn/" in asked.path and "train-00001" in asked.path)
    child.stdin.write("\n")
    child.stdin.close()
    try:
        assert child.wait(60) == 0
    finally:
        child.kill()
        hold.set()
