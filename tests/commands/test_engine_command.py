"""`wb engine`: off, started, looked at, restarted, hung, stopped."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest

from workbench.serving import process
from workbench.serving.connection import Connection

pytestmark = pytest.mark.slow


@pytest.fixture
def wb(run_wb):
    pids: list[int] = []

    def run(*args: str):
        done = run_wb("engine", *args)
        if pid := process.lock_owner():
            pids.append(pid)
        return done

    yield run
    for pid in set(pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_without_an_engine_status_is_exit_1_and_stop_is_no_failure(wb):
    off = wb("status", "--json")
    assert (off.code, off.json) == (1, {"state": "off"})
    assert "no engine" in wb("status").err
    assert wb("stop").code == 0
    assert "no engine has run" in wb("log").err


def test_from_start_to_stop(wb):
    started = wb("start", "--idle-minutes", "3", "--json")
    assert started.code == 0, started.err
    assert started.json["leaves_after_s"] == 180
    assert started.json["model"] is None
    assert wb("start", "--json").json["pid"] == started.json["pid"]
    assert str(started.json["pid"]) in wb("status").out
    assert "listens" in wb("log").out
    restarted = wb("restart", "--json")
    assert restarted.json["pid"] != started.json["pid"]
    # One that hangs: it holds the lock and answers nothing.
    os.kill(restarted.json["pid"], signal.SIGSTOP)
    assert wb("stop", "--force").code == 0
    assert not process.is_running()
    assert wb("status", "--json").json == {"state": "off"}


def test_a_busy_engine_of_another_version_is_not_asked_but_can_be_stopped(wb, monkeypatch):
    there = [{"pid": 7, "protocol": "another", "version": "0", "state": "busy"}]
    monkeypatch.setattr(Connection, "_greet", lambda self, deadline: there[0] if there else None)
    monkeypatch.setattr(Connection, "_json", lambda self, verb, path, within_s: there.pop())
    refused = wb("status")
    assert refused.code == 1 and "another protocol" in refused.err
    assert "wb engine stop" in refused.err
    assert wb("stop").code == 0
    assert not there
