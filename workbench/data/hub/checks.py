"""What is checked before a file of the hub is kept: its path, the room for it, its digest."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.data.hub.environment import Remote
from workbench.data.hub.manifest import check_path, git_oid, sha256_of
from workbench.errors import DataError

if TYPE_CHECKING:
    from sessions.locks import HeldLock

MARGIN = 256 * 1024 * 1024  # bytes of the disk that are left to others


def check_remote(remote: Remote) -> None:
    """Raise `DataError` for a path that does not stay in the folder."""
    try:
        check_path(remote.path)
    except ValueError as error:
        raise DataError(f"{remote.name}: {error}") from error


def check_space(folder: Path, missing: int) -> None:
    """Raise `DataError` where the disk has not enough room for `missing` bytes."""
    free = shutil.disk_usage(folder).free
    if missing and missing + MARGIN > free:
        raise DataError(
            f"{folder} has {_gb(free)} free, and {_gb(missing)} are to be fetched",
            hint="name another folder with --to, one split with --split, or fewer with --limit",
            kind="no_space",
        )


def is_content(path: Path, remote: Remote) -> bool:
    """Whether a whole file is what the hub calls by this etag."""
    if path.stat().st_size != remote.size:
        return False
    if len(remote.etag) == 64:
        return sha256_of(path, ((0, remote.size),)) == remote.etag
    return git_oid(path) == remote.etag


def sha256_whole(path: Path, remote: Remote) -> str:
    """The SHA-256 of a file whose content was checked."""
    return remote.etag if len(remote.etag) == 64 else sha256_of(path, ((0, remote.size),))


def lock_folder(folder: Path) -> HeldLock:
    """Make a folder and hold it for this process. Raises `DataError` where another one does."""
    from sessions.locks import HeldLock
    from sessions.paths import make_private

    make_private(folder)
    try:
        return HeldLock(folder / ".lock")
    except BlockingIOError as error:
        raise DataError(
            f"another process is caching to {folder}", hint="wait for it, or see `wb jobs`"
        ) from error


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
