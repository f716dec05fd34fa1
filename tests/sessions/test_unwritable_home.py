"""A home that is read-only or full: one clear message from a real command, never a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sessions.records import NoteRecord
from sessions.runs import Run
from sessions.session_log import SessionLog
from sessions.uid_cache import UidCache

# Whoever is root writes everywhere: the command runs as nobody then, once it has what it imports.
COMMAND = """
import importlib, os, pkgutil, resource, sys
import click, sqlite3, tomlkit, commands, sessions, workbench.config, workbench.text
for package in (commands, sessions):
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
sessions.version.wb_version()
limit = int(sys.argv.pop(1))
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
elif os.geteuid() == 0:
    os.seteuid(65534)
commands.main.main()
"""


@pytest.fixture
def home(monkeypatch):
    """A home with something in it, where nobody may read; outside of pytest's own private one."""
    top = Path(tempfile.mkdtemp(prefix="wb-test-"))
    top.chmod(0o755)
    folder = top / "wb"
    monkeypatch.setenv("WB_HOME", str(folder))
    SessionLog.open("old").append(NoteRecord(text="kept"))
    with UidCache.open() as cache:
        cache.add("demo/test/1", ["kept"])
    run = Run.create({"dataset": "demo"}, "k")
    run.append({"uid": "demo/test/1", "label": "a", "target": "b"})
    run.set_state("done")
    yield folder
    subprocess.run(["chmod", "-R", "u+w", str(top)], check=True)
    shutil.rmtree(top)


def wb(*args: str, limit: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", COMMAND, str(limit), *args],
        capture_output=True,
        text=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
    )


def read_only(home: Path) -> None:
    for folder, _, files in os.walk(home):
        for name in files:
            (Path(folder) / name).chmod(0o444)
        Path(folder).chmod(0o555)


WRITING = (
    ["bookmark", "add", "demo/test/2"],
    ["bookmark", "next"],
    ["sessions", "note", "hello"],
    ["config", "set", "images", "off"],
    ["jobs", "start", "--", "true"],
    ["runs", "rm", "last"],
)


@pytest.mark.slow
@pytest.mark.parametrize("args", WRITING, ids=lambda args: " ".join(args[:2]))
def test_writing_into_a_read_only_home_is_one_clear_message(home, args):
    read_only(home)
    done = wb(*args)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    error, hint = done.stderr.strip().splitlines()
    assert error.startswith("error: cannot")
    assert "Permission denied" in error or "readonly" in error
    assert hint.startswith("hint: ") and "WB_HOME" in hint


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        (["bookmark", "list"], "demo/test/1"),
        (["sessions", "show", "old"], "kept"),
        (["runs", "show", "last", "--errors"], "demo/test/1"),
        (["jobs", "list"], ""),
        (["config", "list"], "images"),
    ],
    ids=lambda args: " ".join(args[:2]) if isinstance(args, list) else "",
)
def test_a_read_only_home_can_still_be_read(home, args, shown):
    read_only(home)
    done = wb(*args)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.parametrize(
    "args",
    [
        ["sessions", "note", "hello" * 1000],
        ["config", "set", "theme", "x" * 5000],
        ["bookmark", "add", "demo/test/2", "--note", "x" * 100_000],
    ],
    ids=lambda args: " ".join(args[:2]),
)
def test_a_home_that_is_full_is_one_clear_message_and_loses_nothing(home, args):
    done = wb(*args, limit=2000)
    assert done.returncode == 1, done.stderr
    error, hint = done.stderr.strip().splitlines()
    assert error.startswith("error: cannot")
    assert hint.startswith("hint: ") and "WB_HOME" in hint
    assert [record.to_json()["text"] for record in SessionLog.open("old").records()] == ["kept"]
    with UidCache.open() as cache:
        assert [mark.uid for mark in cache.list()] == ["demo/test/1"]


def test_a_job_that_cannot_be_written_down_is_not_started(home):
    done = wb("jobs", "start", "--", "true", limit=100)
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert wb("jobs", "list").stdout == ""


def test_no_home_at_all_is_one_clear_message(monkeypatch):
    monkeypatch.setenv("WB_HOME", "/proc/wb")
    done = wb("bookmark", "add", "demo/test/1")
    assert done.returncode == 1
    assert "/proc/wb" in done.stderr
    assert "Traceback" not in done.stderr
