"""A folder of large files that appears whole or not at all, and room for it beforehand."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sessions.locks import HeldLock, is_held
from workbench.errors import ModelError, UsageError
from workbench.models.memory import free_bytes, gigabytes

_LOCK = ".lock"


def check_room(needed: int, out: Path) -> None:
    """Refuse what fits neither into memory nor onto the disk.

    Args:
        needed: Bytes of the weights, in both.
        out: Where the folder will be.

    Raises:
        ModelError: Both numbers are said.
    """
    import torch

    free = free_bytes(torch.device("cpu"))
    if free is not None and needed > free:
        raise ModelError(
            f"this takes {gigabytes(needed)} of memory, of which {gigabytes(free)} are free",
            hint="try --dtype bf16, or free memory",
            kind="out_of_memory",
        )
    there = next(folder for folder in out.parents if folder.exists())
    space = shutil.disk_usage(there).free
    if needed > space:
        raise ModelError(
            f"this takes {gigabytes(needed)}, and the disk of {there} has {gigabytes(space)} free",
            hint="give an --out on another disk, or free some",
            kind="no_space",
        )


def refuse_existing(out: Path) -> None:
    """Raise `UsageError` where `out` is there and not an empty folder."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists():
        raise UsageError(f"--out {out} is there already", hint="give the name of a new folder")


@contextmanager
def fresh_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its name once it is filled and on the disk.

    What a killed one left is cleared away by the next of that name; a living one's is kept.

    Raises:
        UsageError: Another process has made `out` meanwhile.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for left in out.parent.glob(f".{out.name}.composing-*"):
            if not is_held(left / _LOCK):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.composing-", dir=out.parent))
    except OSError as error:
        raise UsageError(f"--out {out} cannot be made: {error.strerror}") from error
    lock = HeldLock(folder / _LOCK)
    try:
        yield folder
        for path in folder.iterdir():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        (folder / _LOCK).unlink()
        folder.chmod(0o755 & ~_umask())
        refuse_existing(out)
        folder.rename(out)
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    value = os.umask(0o022)
    os.umask(value)
    return value


@contextmanager
def disk_explained(out: Path) -> Iterator[None]:
    """Turn a full disk into a `ModelError` that says so."""
    try:
        yield
    except Exception as error:  # safetensors has an error of its own for a full disk
        number = getattr(error, "errno", None)
        if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
            raise ModelError(
                f"no space left on the disk of {out.parent}",
                hint="free some, or give an --out on another disk; nothing was left there",
                kind="no_space",
            ) from error
        raise
