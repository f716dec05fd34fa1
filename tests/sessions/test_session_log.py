"""The session log as files on disk."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from sessions.errors import NoSuchRecord, RecordError
from sessions.records import NoteRecord, PromptRecord
from sessions.session_log import (
    SessionLog,
    current_session,
    find_session,
    list_sessions,
)


def test_records_come_back_in_order_and_the_file_is_private():
    log = SessionLog.open()
    written = [NoteRecord(text=str(n)) for n in range(5)]
    for record in written:
        log.append(record)
    assert SessionLog.open(log.id).records() == written
    assert log.path.stat().st_mode & 0o077 == 0


def test_a_session_that_was_opened_and_not_used_leaves_nothing():
    SessionLog.open("empty")
    assert list_sessions() == []


def test_a_damaged_line_and_one_of_the_wrong_shape_are_counted_and_passed_over():
    log = SessionLog.open("s")
    log.append(NoteRecord(text="one"))
    with log.path.open("ab") as file:
        file.write(b'{"v":1,"kind":"note","text":7}\n{"v":1,"kind":"note","te')
    log.append(NoteRecord(text="two"))
    records, damaged = log.read()
    assert [record.to_json()["text"] for record in records] == ["one", "two"]
    assert damaged == 2


def test_two_processes_share_a_session():
    log = SessionLog.open("shared")
    code = """
import sys
from sessions.records import NoteRecord
from sessions.session_log import SessionLog
for n in range(40):
    SessionLog.open("shared").append(NoteRecord(text=f"{sys.argv[1]}{n}"))
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, who]) for who in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    texts = {record.to_json()["text"] for record in log.records()}
    assert texts == {f"{who}{n}" for who in "ab" for n in range(40)}


def test_the_current_session_is_one_per_day_or_the_one_that_is_named(monkeypatch):
    assert current_session().id == current_session().id
    assert len(current_session().id) == len("2026-01-01")
    monkeypatch.setenv("WB_SESSION", "mine")
    assert current_session().id == "mine"


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "x" * 101, "a\nb"])
def test_a_name_that_could_leave_the_folder_is_refused(name, monkeypatch):
    if name:
        with pytest.raises(RecordError, match="cannot name a session"):
            SessionLog.open(name)
    monkeypatch.setenv("WB_SESSION", name or "..")
    with pytest.raises(RecordError):
        current_session()


def test_the_list_says_what_is_in_each_session():
    one = SessionLog.open("one")
    one.append(PromptRecord(uid="a/b/c", model="demo"))
    one.append(NoteRecord(text="x"))
    SessionLog.open("two").append(NoteRecord(text="y", ts="2999-01-01T00:00:00.000Z"))
    infos = list_sessions()
    assert [info.id for info in infos] == ["two", "one"]
    assert infos[1].kinds == {"prompt": 1, "note": 1}
    assert infos[1].models == ("demo",)
    assert infos[1].started <= infos[1].updated


def test_a_limited_list_reads_the_sessions_last_written_and_no_other(monkeypatch):
    for day in range(5):
        log = SessionLog.open(f"2026-01-0{day}")
        log.append(NoteRecord(text="x", ts=f"2026-01-0{day}T00:00:00.000Z"))
        os.utime(log.path, (day, day))
    read = []
    info = SessionLog.info
    monkeypatch.setattr(SessionLog, "info", lambda log: (read.append(log.id), info(log))[1])
    assert [one.id for one in list_sessions(limit=2)] == ["2026-01-04", "2026-01-03"]
    assert sorted(read) == ["2026-01-03", "2026-01-04"]
    assert len(list_sessions()) == 5


def test_a_session_is_found_by_a_part_of_its_name_and_by_its_path(tmp_path):
    log = SessionLog.open("2026-03-01")
    log.append(NoteRecord(text="x"))
    assert find_session("2026").id == log.id
    assert find_session(str(log.path)).records() == log.records()
    with pytest.raises(NoSuchRecord):
        find_session("1999")


def test_the_last_session_is_the_one_that_was_written_last():
    for name in ("zebra", "2026-03-01"):
        SessionLog.open(name).append(NoteRecord(text="x"))
    assert find_session("last").id == "2026-03-01"


def test_a_record_is_found_by_the_end_of_its_id():
    log = SessionLog.open("s")
    record = NoteRecord(text="x")
    log.append(record)
    assert log.get(record.id[-8:]) == record
    with pytest.raises(NoSuchRecord):
        log.get("nothing")


def test_following_a_session_yields_what_another_thread_appends():
    log, stop, seen = SessionLog.open("s"), threading.Event(), []
    thread = threading.Thread(target=lambda: seen.extend(log.follow(stop)))
    thread.start()
    log.append(NoteRecord(text="x"))
    stop.set()
    thread.join(5)
    assert [record.to_json()["text"] for record in seen] == ["x"]
