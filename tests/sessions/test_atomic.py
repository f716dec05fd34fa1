"""Appending, replacing and reading files under killed writers and full disks."""

from __future__ import annotations

import json
import math
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sessions.atomic import append_line, append_lines, atomic_write, follow, last_line, read_lines
from sessions.errors import RecordError
from sessions.quarantine import bad_path

WRITER = """
import os, sys
from pathlib import Path
from sessions.atomic import append_line
path, who = Path(sys.argv[1]), sys.argv[2]
n = 0
while True:
    append_line(path, {"who": who, "n": n, "fill": "x" * (n * 7919 % 60000)})
    os.write(1, f"{who} {n}\\n".encode())  # acknowledged
    n += 1
"""


def python(code: str, *args: object, **kwargs) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, **kwargs
    )


@pytest.mark.slow
def test_four_writers_killed_at_random_lose_no_acknowledged_record(tmp_path):
    path, rng = tmp_path / "log.jsonl", random.Random(11)
    names = (f"writer-{number}" for number in range(1000))
    alive = [python(WRITER, path, next(names)) for _ in range(4)]
    acknowledged: list[str] = []
    for _ in range(10):
        victim = alive.pop(rng.randrange(len(alive)))
        assert victim.stdout
        acknowledged.append(victim.stdout.readline().decode().strip())
        time.sleep(rng.uniform(0.0, 0.1))
        victim.send_signal(signal.SIGKILL)
        acknowledged += victim.communicate()[0].decode().splitlines()
        alive.append(python(WRITER, path, next(names)))
    for writer in alive:
        writer.kill()
        acknowledged += writer.communicate()[0].decode().splitlines()
    records, bad = read_lines(path)
    found = [f"{record['who']} {record['n']}" for record in records]
    assert len(acknowledged) > 100
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)
    assert bad <= 20


def test_a_torn_tail_does_not_swallow_the_next_line(tmp_path):
    path = tmp_path / "log.jsonl"
    append_line(path, {"n": 1})
    with path.open("ab") as file:
        file.write(b'{"n": 2, "half')
    append_line(path, {"n": 3})
    assert read_lines(path) == ([{"n": 1}, {"n": 3}], 1)


def test_a_whole_line_without_its_newline_is_kept(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"n": 1}')
    assert read_lines(path) == ([{"n": 1}], 0)
    append_line(path, {"n": 2})
    assert read_lines(path) == ([{"n": 1}, {"n": 2}], 0)


def test_bad_lines_are_set_aside_once_and_stay_counted(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"n": 1}\nrubbish\n\xff\xfe\n[1, 2]\n\n{"n": 2}\nrubbish\n')
    for _ in range(3):
        assert read_lines(path) == ([{"n": 1}, {"n": 2}], 4)
    aside, bad = read_lines(bad_path(path))
    assert bad == 0
    assert [entry["offset"] for entry in aside] == [9, 17, 20, 37]
    assert [entry.get("text", entry.get("base64")) for entry in aside] == [
        "rubbish",
        "//4=",
        "[1, 2]",
        "rubbish",
    ]


def test_a_line_that_is_just_being_written_is_not_called_damaged(tmp_path):
    path = tmp_path / "log.jsonl"
    writer = python(
        "import fcntl, sys, time\n"
        "f = open(sys.argv[1], 'ab', buffering=0)\n"
        "fcntl.flock(f, fcntl.LOCK_EX)\n"
        "f.write(b'{\"n\": ')\n"
        "print('half', flush=True)\n"
        "time.sleep(60)",
        path,
    )
    try:
        assert writer.stdout and writer.stdout.readline()
        assert read_lines(path) == ([], 0)
        assert not bad_path(path).exists()
    finally:
        writer.kill()
        writer.communicate()
    assert read_lines(path) == ([], 1)


def test_a_writer_waits_for_the_one_that_is_in_the_middle_of_a_line(tmp_path):
    path = tmp_path / "log.jsonl"
    code = (
        "import fcntl, sys\n"
        "f = open(sys.argv[1], 'ab', buffering=0)\n"
        "fcntl.flock(f, fcntl.LOCK_EX)\n"
        "f.write(b'{\"n\": ')\n"
        "print('half', flush=True)\n"
        "sys.stdin.readline()\n"
        "f.write(b'1}\\n')"
    )
    other = python(code, path, stdin=subprocess.PIPE)
    assert other.stdout and other.stdout.readline()
    thread = threading.Thread(target=append_line, args=(path, {"n": 2}))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    other.communicate(b"go\n")
    thread.join(60)
    assert read_lines(path) == ([{"n": 1}, {"n": 2}], 0)


def test_a_full_disk_is_one_clear_error():
    with pytest.raises(RecordError) as caught:
        append_line(Path("/dev/full"), {"n": 1})
    assert "No space left" in caught.value.message
    assert "WB_HOME" in caught.value.hint


def test_a_disk_that_fills_in_mid_line_leaves_no_half_record(tmp_path):
    path = tmp_path / "log.jsonl"
    code = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from sessions.atomic import append_line
from sessions.errors import RecordError
for n in range(100):
    try:
        append_line(Path(sys.argv[1]), {"n": n, "fill": "x" * 900})
    except RecordError as error:
        print(n, error.message)
        break
"""
    out = python(code, path).communicate()[0].decode()
    assert "File too large" in out
    count = int(out.split()[0])
    assert path.read_bytes().endswith(b"\n")
    append_line(path, {"n": "after"})
    records, bad = read_lines(path)
    assert bad == 0
    assert [record["n"] for record in records] == [*range(count), "after"]


def test_several_lines_are_written_all_or_none(tmp_path):
    path = tmp_path / "log.jsonl"
    with pytest.raises(RecordError, match="JSON"):
        append_lines(path, [{"n": 1}, {"n": object()}])
    assert not path.exists()


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (math.nan, None),
        ([math.inf, 1.5], [None, 1.5]),
        ("\ud800", "\ud800"),
        ("é🦜\u2028", "é🦜\u2028"),
    ],
)
def test_every_value_becomes_one_line_of_strict_json(tmp_path, value, read):
    path = tmp_path / "log.jsonl"
    append_line(path, {"value": value})
    data = path.read_bytes()
    assert data.count(b"\n") == 1

    def refuse(word: str) -> None:
        raise AssertionError(word)

    assert json.loads(data, parse_constant=refuse) == {"value": read}
    assert read_lines(path) == ([{"value": read}], 0)


def test_a_missing_file_is_an_empty_one(tmp_path):
    assert read_lines(tmp_path / "none") == ([], 0)
    assert last_line(tmp_path / "none") is None


def test_the_last_line_is_read_from_the_tail(tmp_path):
    path = tmp_path / "log.jsonl"
    append_lines(path, [{"n": n} for n in range(20_000)])
    with path.open("ab") as file:
        file.write(b'{"n": "hal')
    assert last_line(path, tail=200) == {"n": 19_999}


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "state.json"
    atomic_write(path, "old")
    code = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
from sessions.atomic import atomic_write
from sessions.errors import RecordError
try:
    atomic_write(Path(sys.argv[1]), "x" * 1000)
except RecordError as error:
    print(error.message)
"""
    assert b"File too large" in python(code, path).communicate()[0]
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_a_reader_sees_only_whole_files_while_a_writer_is_killed(tmp_path):
    path = tmp_path / "state.json"
    code = """
import sys
from pathlib import Path
from sessions.atomic import atomic_write
n = 0
while True:
    atomic_write(Path(sys.argv[1]), str(n % 10) * 50_000)
    n += 1
"""
    writer = python(code, path)
    end = time.monotonic() + 60
    seen = set()
    while len(seen) < 5 and time.monotonic() < end:
        if path.exists():
            text = path.read_text()
            assert len(text) == 50_000
            assert len(set(text)) == 1
            seen.add(text[0])
    writer.kill()
    writer.communicate()
    assert len(seen) == 5


def test_follow_yields_what_is_there_and_what_comes_and_then_stops(tmp_path):
    path, stop, seen = tmp_path / "log.jsonl", threading.Event(), []
    append_line(path, {"n": 0})

    def read() -> None:
        seen.extend(record["n"] for record in follow(path, stop, every_s=0.01))

    thread = threading.Thread(target=read)
    thread.start()
    append_line(path, {"n": 1})
    with path.open("ab") as file:
        file.write(b"rubbish\n")
    append_line(path, {"n": 2})
    stop.set()
    thread.join(5)
    assert seen == [0, 1, 2]


def test_follow_begins_again_with_a_file_that_was_replaced(tmp_path):
    path, seen = tmp_path / "log.jsonl", []
    append_lines(path, [{"n": 1}, {"n": 2}])
    for record in follow(path, lambda: len(seen) >= 3, every_s=0.01):
        seen.append(record["n"])
        if len(seen) == 2:
            atomic_write(path, b'{"n": 9}\n')
    assert seen == [1, 2, 9]
