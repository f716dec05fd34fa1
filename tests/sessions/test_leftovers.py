"""What killed writers and full disks leave is taken away, and nothing else."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sessions.errors import RecordError
from sessions.ids import new_id
from sessions.leftovers import delete_leftovers
from sessions.locks import HeldLock
from sessions.paths import jobs_dir, make_private, runs_dir
from sessions.runs import Run


def old(path: Path) -> Path:
    """As if it had been left two days ago."""
    then = time.time() - 2 * 86_400
    os.utime(path, (then, then))
    return path


def test_half_made_folders_and_temporary_files_go_once_they_are_old():
    kept = Run.create({}, "k")
    kept.set_state("done")
    temporary = kept.path / ".tmp-abc"
    temporary.touch()
    half_run, half_job = (make_private(top / new_id()) for top in (runs_dir(), jobs_dir()))
    (half_run / "state.json").touch()
    assert delete_leftovers() == []  # they may just be coming into being
    gone = [old(half_run), old(half_job), old(temporary)]
    assert sorted(delete_leftovers()) == sorted(gone)
    assert not any(path.exists() for path in gone)
    assert [run.id for run in [Run.open(kept.id)]] == [kept.id]


def test_a_folder_that_someone_is_making_stays():
    folder = make_private(runs_dir() / new_id())
    lock = HeldLock(folder / "lock")
    old(folder)
    assert delete_leftovers() == []
    lock.release()
    assert delete_leftovers() == [folder]


def test_what_a_user_put_there_stays():
    own = make_private(runs_dir() / "my-notes")
    assert delete_leftovers(older_than_s=-1) == []
    assert own.is_dir()


@pytest.mark.parametrize("kind", ["run", "job"])
def test_a_disk_that_is_full_at_the_start_leaves_no_folder(kind):
    code = {
        "run": "from sessions.runs import Run; Run.create({'x': 'y' * 9000}, 'k')",
        "job": "from sessions.jobs import start; start(['true', 'x' * 9000], title='t')",
    }[kind]
    runs_dir()
    jobs_dir()
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)),
        check=False,
    )
    assert done.returncode == 1
    assert RecordError.__name__ in done.stderr
    assert not list(runs_dir().iterdir())
    assert not list(jobs_dir().iterdir())
