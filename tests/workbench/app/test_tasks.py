"""Work beside the event loop: the newest read wins, every change is made, also on leaving."""

from __future__ import annotations

import threading

from workbench.app import tasks
from workbench.app.tasks import Tasks


def made() -> tuple[Tasks, list[BaseException]]:
    failures: list[BaseException] = []
    return Tasks(failures.append), failures


def test_a_newer_read_takes_the_place_of_those_that_wait():
    lanes, failures = made()
    begun, go, done = threading.Event(), threading.Event(), threading.Event()
    told: list[str] = []
    first = lanes.run("read", lambda token: (begun.set(), go.wait(30), told.append("first")))
    assert begun.wait(30)
    second = lanes.run("read", lambda token: told.append("second"))
    lanes.run("read", lambda token: (told.append("third"), done.set()))
    assert first.cancelled and second.cancelled
    go.set()
    assert done.wait(30) and told == ["first", "third"]
    assert failures == []


def test_changes_are_all_made_in_order_and_leaving_waits_for_them():
    lanes, failures = made()
    go, begun, told = threading.Event(), threading.Event(), []
    lanes.change("bookmark", lambda: (begun.set(), go.wait(30), told.append(0)))
    for number in (1, 2):
        lanes.change("bookmark", lambda n=number: told.append(n))
    assert begun.wait(30) and lanes.busy("bookmark")
    left: list[bool] = []
    leaving = threading.Thread(target=lambda: left.append(lanes.close()))
    leaving.start()
    assert told == []
    go.set()
    leaving.join(30)
    assert (left, told, failures) == ([True], [0, 1, 2], [])
    lanes.change("bookmark", lambda: told.append("late"))  # the bench is gone
    assert told == [0, 1, 2]


def test_a_change_that_fails_is_told_and_the_next_is_made():
    lanes, failures = made()
    told = []
    lanes.change("note", lambda: 1 / 0)
    lanes.change("note", lambda: told.append("next"))
    assert lanes.close()
    assert [type(failure) for failure in failures] == [ZeroDivisionError]
    assert told == ["next"]


def test_a_change_that_hangs_holds_nobody_for_ever(monkeypatch):
    monkeypatch.setattr(tasks, "LEAVE_S", 0.01)
    lanes, _ = made()
    go = threading.Event()
    lanes.change("delete", lambda: go.wait(30))
    assert lanes.close() is False
    go.set()
