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


def bounded(*argv: str, limit: int, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A Python process whose files are at most `limit` bytes long."""
    return subprocess.run(
        [sys.executable, "-P", *argv],
        capture_output=True,
        text=True,
        cwd=cwd,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_a_full_disk_is_still_read(small_disk, run_wb):
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
        done = run_wb(*args)
        assert (done.code, done.err) == (0, ""), args
        assert word in done.out
    done = run_wb("bookmark", "add", "demo/test/2")
    assert done.code == 1
    assert "free some space" in done.err
    (small_disk / "fill").unlink()
    assert run_wb("bookmark", "add", "demo/test/2").code == 0
    assert "demo/test/1" in run_wb("bookmark", "list").out


def test_what_is_in_the_log_of_the_database_is_read_too(small_disk, monkeypatch, run_wb):
    """Bookmarks that a living process has added stand in the WAL alone."""
    with UidCache.open() as cache:
        cache.add("demo/test/1")
        shutil.copytree(small_disk / "wb", small_disk / "killed", ignore=_no_memory)
        monkeypatch.setenv("WB_HOME", str(small_disk / "killed"))
        fill(small_disk)
        assert "demo/test/1" in run_wb("bookmark", "list").out


def _no_memory(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith("-shm")]


def test_an_evaluation_on_a_full_disk_ends_with_one_error(small_disk, run_wb):
    SessionLog.open("old").append(NoteRecord(text="kept"))
    fill(small_disk)
    done = run_wb("run-eval", "--dataset", "demo", "--split", "test", "--limit", "2", "--json")
    assert done.code == 1
    assert "No space left" in done.json["error"]["message"]


def test_an_answer_that_cannot_be_recorded_is_shown(home, run_wb):  # noqa: F811
    """The session may not grow any more; the engine was started before that."""
    log = SessionLog.open(os.environ["WB_SESSION"])
    log.append(NoteRecord(text="x" * 20_000))
    ask = ("prompt", "demo/test/1", "Is it red?", "--max-new-tokens", "4")
    said = run_wb(*ask, "--json").json["text"]
    done = bounded("-m", "commands.main", *ask, limit=20_000)
    assert done.stdout.strip() == said.strip()
    assert done.returncode == 1
    assert "not on record" in done.stderr
    assert "Traceback" not in done.stderr
    again = bounded("-m", "commands.main", *ask, "--json", limit=20_000)
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
    done = bounded("-c", code, "fails", limit=10_000, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr
    assert "free some space" in done.stderr
