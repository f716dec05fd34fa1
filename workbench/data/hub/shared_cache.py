"""The cache that all Hugging Face tools share: what it holds is used, what is fetched goes there.

Guarantee: a file is found by the hub's name for its content, so that none is taken for another,
whatever commit it was fetched at; a link costs no room. What cannot be linked is left out: another
tool then fetches it itself. Not for parts of files, which that cache does not know.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sessions.atomic import atomic_write
from workbench.data.hub.environment import Remote, hub_cache
from workbench.data.hub.parts import total

if TYPE_CHECKING:
    from workbench.data.hub.download import WantedFile


def shared_copy(remote: Remote) -> Path | None:
    """The file in the shared cache, where all of it lies there."""
    blob = _blob(remote)
    try:
        return blob if blob.stat().st_size == remote.size else None
    except OSError:
        return None


def take(remote: Remote, place: Path) -> bool:
    """Have the shared copy at `place` too, where there is one; its content is not checked.

    Raises:
        OSError: The disk is full or cannot be written.
    """
    blob = shared_copy(remote)
    if blob is None or place.exists():
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(blob.resolve(), place)
    except OSError:  # another disk
        half = place.with_name(f".{place.name}.half")
        try:
            shutil.copyfile(blob, half)
            half.replace(place)
        finally:
            half.unlink(missing_ok=True)
    return True


def take_whole(wanted: Sequence[WantedFile], folder: Path) -> int:
    """Have what is wanted whole, and lies in the shared cache, in a folder too.

    Returns:
        How many bytes must still come over the network.
    """
    left = 0
    for one in wanted:
        taken = False
        if one.ranges == ((0, one.remote.size),):
            with contextlib.suppress(OSError):  # no room for a copy: fetching says so
                taken = take(one.remote, folder / one.remote.path)
        left += 0 if taken else total(one.missing)
    return left


def give(remote: Remote, place: Path, revision: str) -> None:
    """Have the file at `place`, whose content was checked, in the shared cache too.

    Args:
        remote: What it is.
        place: Where it lies.
        revision: The branch or tag that its commit stands for, or the commit.
    """
    blob = _blob(remote)
    snapshots = blob.parent.parent / "snapshots"
    name = snapshots / remote.commit / remote.path
    if not place.is_file():
        return
    with contextlib.suppress(OSError):
        for folder in (blob.parent, name.parent):
            folder.mkdir(parents=True, exist_ok=True)
        _link(place, blob)
        if not name.exists():
            name.unlink(missing_ok=True)
            name.symlink_to(os.path.relpath(blob, name.parent))
        ref = blob.parent.parent / "refs" / revision
        if revision != remote.commit:
            ref.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(ref, remote.commit)


def _link(place: Path, blob: Path) -> None:
    """Make the blob the same file, also where it was another one: that one may be damaged."""
    half = blob.with_name(f".{blob.name}.half")
    half.unlink(missing_ok=True)
    try:
        os.link(place, half)
    except OSError:  # another disk: the cache points to where it lies
        if blob.exists():
            return
        half.symlink_to(place.absolute())
    half.replace(blob)
    half.unlink(missing_ok=True)  # of two names of one file, replacing keeps both


def _blob(remote: Remote) -> Path:
    return hub_cache() / f"datasets--{remote.repo.replace('/', '--')}" / "blobs" / remote.etag
