"""Folders in the cache that last as long as the process that made them.

Guarantee: a folder is nobody else's; what a killed process left goes when the next one makes a
folder of the same kind. Not for what is worth keeping.
"""

from __future__ import annotations

import atexit
import os
import shutil
from pathlib import Path


def scratch_folder(kind: str) -> Path:
    """A new, empty folder under the cache. Raises `RecordError` where none can be made.

    Args:
        kind: What such folders are for; the name of the folder that holds them.
    """
    from sessions.ids import new_id
    from sessions.locks import HeldLock, is_held
    from sessions.paths import cache_dir, make_private

    base = make_private(cache_dir() / kind)
    for lock in base.glob("*.lock"):
        if not is_held(lock):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
    folder = base / new_id()
    lock, process = HeldLock(folder.with_suffix(".lock")), os.getpid()

    def end() -> None:
        if os.getpid() == process:  # a fork that ends takes nothing away
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()
            folder.with_suffix(".lock").unlink(missing_ok=True)

    atexit.register(end)
    return make_private(folder)
