"""Lists of many small files: the newest at once, the rest as it is read, nothing twice."""

from __future__ import annotations

import os
import threading

from tests.workbench.app.explore_bench import bench
from tests.workbench.app.make_records import make_job, make_run
from workbench.app.jobs.reading import JobIndex
from workbench.app.lists.growing import SCREENFUL, Growing, file_stamp, folder_stamp
from workbench.app.runs.summaries import SummaryCache
from workbench.app.sessions import reading
from workbench.app.sessions.reading import SessionIndex


def stamps(count, **changed):
    return [(str(n), (("", changed.get(f"at{n}", 0), 0),)) for n in range(count)]


def test_the_first_screenful_of_a_long_list_comes_before_the_rest_is_read():
    read: list[str] = []
    parts = Growing().read(stamps(10 * SCREENFUL), lambda name: read.append(name) or name)
    assert next(parts) == read == [str(n) for n in range(SCREENFUL)]
    assert [*parts][-1] == [str(n) for n in range(10 * SCREENFUL)]


def test_a_list_that_is_read_again_comes_as_a_whole_and_reads_what_changed():
    read: list[str] = []
    growing = Growing()

    def line(name):
        read.append(name)
        return name

    list(growing.read(stamps(200), line))
    read.clear()
    parts = list(growing.read([("new", ()), *stamps(200, at7=1)], line))
    assert read == ["new", "7"]
    assert [len(part) for part in parts] == [201]


def test_a_line_that_can_change_without_its_file_is_read_each_time():
    read: list[str] = []
    growing = Growing()
    for _ in range(2):
        line = lambda name: read.append(name) or name  # noqa: E731
        list(growing.read(stamps(3), line, settled=lambda name: name != "1"))
    assert read == ["0", "1", "2", "1"]


def test_stamps_change_with_what_is_written_and_are_empty_of_nothing(tmp_path):
    file = tmp_path / "a"
    assert file_stamp(file) == folder_stamp(file) == ()
    file.write_text("1")
    before = file_stamp(file), folder_stamp(tmp_path)
    file.write_text("12")
    assert file_stamp(file) != before[0] and folder_stamp(tmp_path) != before[1]


def session(name, written):
    from sessions.records import NoteRecord
    from sessions.session_log import SessionLog

    log = SessionLog.open(name)
    log.append(NoteRecord(text="seen", ts=f"2026-01-01T00:{written:02d}:00.000Z"))
    os.utime(log.path, (written, written))
    return log


def test_sessions_are_read_from_the_one_that_was_written_last(monkeypatch):
    for number, name in enumerate(["b", "c", "a"]):
        session(name, number)
    read: list[str] = []
    line = reading._line
    monkeypatch.setattr(reading, "_line", lambda *given: read.append(given[0]) or line(*given))
    index = SessionIndex()
    assert [one.id for one in [*index.read()][-1]] == read == ["a", "c", "b"]
    read.clear()
    session("b", 40)
    assert [one.id for one in [*index.read()][-1]] == ["b", "a", "c"]
    assert read == ["b"]


def test_jobs_and_runs_that_ended_are_read_once(monkeypatch):
    from workbench.app.jobs import reading as jobs
    from workbench.app.runs import summaries as runs

    make_run(4)
    make_job(["wb", "data", "list"])
    _, lock = make_job(["wb", "run-eval"], state="running")
    read: list[str] = []
    for module in (jobs, runs):
        one = module.summarise
        noted = lambda given, one=one: read.append(given.id) or one(given)  # noqa: E731
        monkeypatch.setattr(module, "summarise", noted)
    index, cache = JobIndex(), SummaryCache()
    for _ in range(3):
        found = [*[*index.read()][-1], *[*cache.read()][-1]]
    lock.release()
    assert [one.state for one in found] == ["running", "done", "done"]
    assert sorted(map(read.count, set(read))) == [1, 1, 3]


async def test_the_bench_shows_the_newest_sessions_while_it_reads_the_others(monkeypatch):
    for number in range(SCREENFUL + 40):
        session(f"s{number:03d}", number % 60)
    gate, line = threading.Event(), reading._line

    def slow(ident, path):
        slow.read += 1
        if slow.read > SCREENFUL:
            assert gate.wait(30)
        return line(ident, path)

    slow.read = 0
    monkeypatch.setattr(reading, "_line", slow)
    async with bench((120, 40)) as b:
        await b.pilot.press("4")
        await b.until(lambda: len(b.app.screen.query("SessionTable")) == 1)
        table = b.app.screen.query_one("SessionTable")
        await b.until(lambda: len(table.keys) == SCREENFUL)
        await b.pilot.press("j", "j")
        await b.until(lambda: table.cursor == 2)
        under = table.key
        gate.set()
        await b.until(lambda: len(table.keys) == SCREENFUL + 40)
        assert table.key == under


async def test_keys_that_come_before_the_first_rows_move_down_them_once_they_are_there(monkeypatch):
    for number in range(6):
        session(f"s{number:03d}", number)
    gate, line = threading.Event(), reading._line

    def held(ident, path):
        assert gate.wait(30)
        return line(ident, path)

    monkeypatch.setattr(reading, "_line", held)
    async with bench((120, 40)) as b:
        await b.pilot.press("4")
        await b.until(lambda: len(b.app.screen.query("SessionTable")) == 1)
        table = b.app.screen.query_one("SessionTable")
        await b.until(lambda: table.has_focus)
        await b.pilot.press("j", "j", "j", "k")
        assert not table.keys
        gate.set()
        await b.until(lambda: len(table.keys) == 6)
        assert table.cursor == 2
        await b.pilot.press("j")
        assert table.cursor == 3
