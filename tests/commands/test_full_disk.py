"""A disk that is full: what is there is read, what was answered is shown, one error says the rest.

On a real small file system where the tests may mount one, else under a bound on the size of files.
"""

from __future__ import annotations

import json
import os
import resource
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
from tests.commands.engine_home import engine_home, home  # noqa: F401 - fixtures

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(monkeypatch):
    """A home on a file system of 4 MB; skipped where mounting is not allowed."""
    top = Path(tempfile.mkdtemp(prefix="wb-full-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(top)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        top.rmdir()
        pytest.skip("mounting is not allowed here")
    monkeypatch.setenv("WB_HOME", str(top / "wb"))
    yield top
    subprocess.run(["umount", "-l", str(top)], check=True)
    top.rmdir()


def fill(top: Path) -> None:
    with (top / "fill").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def wb(*args: str, limit: int = 0) -> subprocess.CompletedProcess[str]:
    """The command, its files at most `limit` bytes long where that is not 0."""

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "-P", "-m", "commands.main", *args],
        capture_output=True,
        text=True,
        preexec_fn=bound if limit else None,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_a_full_disk_is_still_read(small_disk):
    with UidCache.open() as cache:
        cache.add("demo/test/1", ["kept"])
    SessionLog.open("old").append(NoteRecord(text="kept"))
    run = Run.create({"dataset": "demo"}, "k")
    run.append({"uid": "demo/test/1", "label": "a", "target": "b"})
    run.set_state("done")
    fill(small_disk)
    for args, word in (
        (["bookmark", "list"], "demo/test/1"),
        (["bookmark", "tags"], "kept"),
        (["sessions", "list"], "old"),
        (["runs", "list"], "done"),
    ):
        done = wb(*args)
        assert (done.returncode, done.stderr) == (0, ""), args
        assert word in done.stdout
    done = wb("bookmark", "add", "demo/test/2")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "free some space" in done.stderr
    (small_disk / "fill").unlink()
    assert wb("bookmark", "add", "demo/test/2").returncode == 0
    assert "demo/test/1" in wb("bookmark", "list").stdout


def test_what_is_in_the_log_of_the_database_is_read_too(small_disk, monkeypatch):
    """Bookmarks that a living process has added stand in the WAL alone."""
    with UidCache.open() as cache:
        cache.add("demo/test/1")
        shutil.copytree(small_disk / "wb", small_disk / "killed", ignore=_no_memory)
        monkeypatch.setenv("WB_HOME", str(small_disk / "killed"))
        fill(small_disk)
        assert "demo/test/1" in wb("bookmark", "list").stdout


def _no_memory(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith("-shm")]


def test_an_evaluation_on_a_full_disk_ends_with_one_error(small_disk):
    SessionLog.open("old").append(NoteRecord(text="kept"))
    fill(small_disk)
    done = wb("run-eval", "--dataset", "demo", "--split", "test", "--limit", "2", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left" in json.loads(done.stdout)["error"]["message"]


def test_an_answer_that_cannot_be_recorded_is_shown(home):  # noqa: F811
    """The session may not grow any more; the engine was started before that."""
    log = SessionLog.open(os.environ["WB_SESSION"])
    log.append(NoteRecord(text="x" * 20_000))
    ask = ("prompt", "demo/test/1", "Is it red?", "--max-new-tokens", "4")
    said = json.loads(wb(*ask, "--json").stdout)["text"]
    done = wb(*ask, limit=20_000)
    assert done.stdout.strip() == said.strip()
    assert done.returncode == 1
    assert "not on record" in done.stderr
    assert "Traceback" not in done.stderr
    again = wb(*ask, "--json", limit=20_000)
    assert json.loads(again.stdout)["text"] == said
    assert again.returncode == 1
    assert len(log.records()) == 2


def test_no_room_in_the_midst_of_anything_is_one_error_and_no_traceback(tmp_path):
    """A training writes by other libraries than ours; whatever they raise is told in one line."""
    code = (
        "from commands import main; import click\n"
        "@click.command()\n"
        "def fails():\n"
        "    with open('big', 'wb') as file: file.write(bytes(100_000))\n"
        "main.cli.get_command = lambda *_: fails\n"
        "main.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "fails"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr
    assert "free some space" in done.stderr
