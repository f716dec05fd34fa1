"""Taking away what killed writers and full disks left: half-made folders and temporary files.

Guarantee: only what no reader knows goes, and only once it is a day old and nobody holds its lock:
temporary files of `atomic_write`, run folders without a config, job folders without a spec. What
cannot be deleted stays without a word. Not for caches, which look after themselves.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from sessions.locks import is_held
from sessions.paths import home, jobs_dir, runs_dir, sessions_dir
from sessions.plain_files import is_there, names_in

DAY_S = 86_400.0
_TEMPORARY = ".tmp-"


def delete_leftovers(older_than_s: float = DAY_S) -> list[Path]:
    """Delete the leftovers of the home; returns what is gone."""
    top, runs, jobs = home(create=False), runs_dir(create=False), jobs_dir(create=False)
    before = time.time() - older_than_s
    gone: list[Path] = []
    for parent, known, lock in ((runs, "config.json", "lock"), (jobs, "spec.json", "alive")):
        for name in names_in(parent):
            folder = parent / name
            if is_there(folder / known) or is_held(folder / lock):
                continue
            if len(name) == 26 and _is_old(folder, before) and _delete(folder):
                gone.append(folder)
    inner = [parent / name for parent in (runs, jobs) for name in names_in(parent)]
    for folder in (top, sessions_dir(create=False), top / "datasets", *inner):
        for name in names_in(folder):
            path = folder / name
            if name.startswith(_TEMPORARY) and _is_old(path, before) and _delete(path):
                gone.append(path)
    return gone


def _is_old(path: Path, before: float) -> bool:
    with suppress(OSError):
        return os.lstat(path).st_mtime < before
    return False


def _delete(path: Path) -> bool:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        return True
    return False
