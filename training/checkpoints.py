"""Checkpoints on disk: whole ones, the newest of them, and how many stay.

Guarantee: an older checkpoint is removed only when a newer one is whole on the disk, so that a kill
or a full disk at any moment leaves the last good one. Not for what is in them: `Trainer` writes it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from sessions.errors import RecordError

# What a checkpoint is whole by: written after everything else of it.
COMPLETE = "complete"
LOSSES = "losses.json"


def step_of(path: Path) -> int:
    """The step that a checkpoint was saved after."""
    return int(path.name.rpartition("-")[2])


def _checkpoints(folder: Path) -> list[Path]:
    found = [p for p in folder.glob("checkpoint-*") if p.name.rpartition("-")[2].isdigit()]
    return sorted(found, key=step_of)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; one that a kill left in pieces is passed over."""
    whole = [path for path in _checkpoints(folder) if (path / COMPLETE).is_file()]
    return whole[-1] if whole else None


@contextlib.contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `folder` once what is written into it is on the disk.

    A kill at any moment leaves the old one or the new one, whole.
    """
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    yield fresh
    sync_files(fresh)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def complete(path: Path, losses: Mapping[str, list[float]], keep: int) -> None:
    """Bring a checkpoint to the disk, mark it as whole, and let the oldest go.

    Args:
        path: As `Trainer` wrote it.
        losses: By name, of the steps since the last logged one, which the next logged one is a
            mean of.
        keep: How many of the newest stay.

    Raises:
        OSError: The disk is full; those before stay.
    """
    # PEFT's card names a path of this machine; the adapter of the run gets a true one.
    (path / "README.md").unlink(missing_ok=True)
    parts = {name: values for name, values in losses.items() if name != "loss"}
    since = {"v": 1, "since_logged": losses["loss"]} | ({"parts": parts} if parts else {})
    (path / LOSSES).write_text(json.dumps(since), "utf-8")
    sync_files(path)
    (path / COMPLETE).write_text("")
    sync_files(path)
    older = [p for p in _checkpoints(path.parent) if step_of(p) < step_of(path)]
    whole = [p for p in older if (p / COMPLETE).is_file()]
    stay = whole[len(whole) - keep + 1 :] if keep > 1 else []
    for old in older:
        if old not in stay:
            shutil.rmtree(old, ignore_errors=True)


def losses_of(path: Path | None) -> dict[str, list[float]]:
    """What `complete` kept of the losses; empty lists for a checkpoint of an older version."""
    if path is None:
        return {"loss": []}
    try:
        found = json.loads((path / LOSSES).read_text("utf-8"))
        named = {"loss": found["since_logged"], **found.get("parts", {})}
        return {name: [float(value) for value in values] for name, values in named.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {"loss": []}


def sync_files(folder: Path) -> None:
    """Wait until the disk has every file of a folder."""
    from sessions.atomic import sync_folder

    for file in folder.iterdir():
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
    sync_folder(folder)


@contextlib.contextmanager
def writing(path: Path, run: str) -> Iterator[None]:
    """Turn whatever a full disk makes of a write into one error that names `path`.

    What was half written there is removed, so that the space is free again. PyTorch and
    safetensors raise errors of their own where Python raises `OSError`.

    Raises:
        RecordError: It could not be written.
    """
    import torch
    from safetensors import SafetensorError

    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(path, ignore_errors=True)
        raise cannot_save(path, run, error) from error


def cannot_save(path: Path, run: str, error: Exception) -> RecordError:
    """The one message for a training that cannot be written down."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    reason = reason.strip().splitlines()[0][:200] if reason.strip() else type(error).__name__
    return RecordError(
        f"cannot write {path}: {reason}",
        hint=f"free some space; what was saved before is whole: wb train --resume {run}",
        kind="cannot_write",
    )
