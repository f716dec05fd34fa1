"""What lies in a job's folder, and how to tell from it how the job stands.

`spec.json`, `alive` (the lock), `log`, `supervisor.json`, `wrapper.json`, `process.json` (who
they are), `progress.jsonl`, `runs.jsonl`, `cancel.json`, `result.json`.

Guarantee: whatever dies when, the state told is true: a result that was written stands; without
one the job is alive exactly while someone holds its lock; else it is lost. Not for starting or
ending anything.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sessions.atomic import sync_folder, write_json
from sessions.ids import now
from sessions.locks import is_held
from sessions.paths import cannot_write
from sessions.plain_files import open_plain
from sessions.process import is_alive
from sessions.shapes import (
    CancelRequest,
    Damaged,
    Identity,
    JobResult,
    JobSpec,
    Shape,
    read_shaped,
)

JobState = Literal["queued", "running", "done", "failed", "cancelled", "lost"]
STATES: tuple[JobState, ...] = ("queued", "running", "done", "failed", "cancelled", "lost")
GRACE_S = 10.0
Who = Literal["supervisor", "wrapper", "process"]
_SHAPES: tuple[tuple[str, type], ...] = (
    ("spec.json", JobSpec),
    ("result.json", JobResult),
    ("supervisor.json", Identity),
    ("wrapper.json", Identity),
    ("process.json", Identity),
    ("cancel.json", CancelRequest),
)


@dataclass(frozen=True)
class JobFolder:
    """The files of one job.

    Attributes:
        path: The folder; its name is the job's id.
    """

    path: Path

    @property
    def alive(self) -> Path:
        """Held locked by the supervisor until the job begins, by the job until it ends."""
        return self.path / "alive"

    @property
    def log(self) -> Path:
        """What the job printed, appended as it comes."""
        return self.path / "log"

    @property
    def progress(self) -> Path:
        """What `report_progress` wrote."""
        return self.path / "progress.jsonl"

    @property
    def runs(self) -> Path:
        """The runs that the job made or resumed."""
        return self.path / "runs.jsonl"

    def spec(self) -> JobSpec:
        """What was asked for; `{}` where that cannot be read."""
        return _sound(read_shaped(self.path / "spec.json", JobSpec)) or JobSpec()

    def result(self) -> JobResult | None:
        """How it ended, `None` before that, for a lost one and where it is damaged."""
        return _sound(read_shaped(self.path / "result.json", JobResult))

    def identity(self, who: Who) -> Identity | None:
        """Who that was, `None` before it began and where it is damaged."""
        return _sound(read_shaped(self.path / f"{who}.json", Identity))

    def cancel_request(self) -> CancelRequest | None:
        """`{"grace_s": …}` where someone asked to cancel it."""
        found = read_shaped(self.path / "cancel.json", CancelRequest)
        # That someone asked is the news; how long they would wait may be lost.
        return CancelRequest() if isinstance(found, Damaged) else found

    def damage(self) -> str:
        """Which of its files is damaged and how, empty where none is."""
        found = [str(bad) for name, shape in _SHAPES if (bad := _bad(self.path / name, shape))]
        for path in (self.log, self.progress, self.runs, self.alive):
            try:
                with open_plain(path):
                    pass
            except FileNotFoundError:
                continue
            except OSError as error:
                found.append(str(Damaged(path, error.strerror or str(error))))
        return "; ".join(found)

    def request_cancel(self, grace_s: float) -> None:
        """Write down that it is to end, for those who will end it."""
        write_json(self.path / "cancel.json", {"v": 1, "ts": now(), "grace_s": grace_s})

    def is_alive(self) -> bool:
        """Whether the supervisor (while queued) or the job itself holds the lock."""
        return is_held(self.alive)

    def has_company(self) -> bool:
        """Whether anyone is left who may still write here.

        The supervisor counts too: it may be about to write what a killed wrapper did not.
        """
        return self.is_alive() or is_alive(self.identity("supervisor"))

    def state(self) -> JobState:
        """How it stands, whoever has died in the meantime."""
        result = self.result()
        if result is None:
            if self.has_company():
                return "running" if (self.path / "process.json").exists() else "queued"
            # Asked again: the result is written before the lock is let go.
            result = self.result()
        if result is None:
            return "lost"
        for known in STATES:
            if known == result.get("state"):
                return known
        return "failed"

    def finish(self, state: JobState, **facts: Any) -> bool:
        """Write how it ended, durably; the first to say so is believed.

        Returns:
            Whether this was the first.

        Raises:
            RecordError: The disk is full or read-only.
        """
        ended = {"v": 1, "state": state, "ended": now(), **facts}
        return write_once(self.path / "result.json", ended)


def _sound(found: Shape | Damaged | None) -> Shape | None:
    return None if isinstance(found, Damaged) else found


def _bad(path: Path, shape: type) -> Damaged | None:
    found = read_shaped(path, shape)
    return found if isinstance(found, Damaged) else None


def write_once(path: Path, value: Mapping[str, Any]) -> bool:
    """Make `path` with one JSON object in it, durably; whether it was not there before."""
    temporary = ""
    try:
        fd, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
        with os.fdopen(fd, "wb") as file:
            file.write(json.dumps(value, indent=2).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link refuses to replace, which a rename does not.
            os.link(temporary, path)
        except FileExistsError:
            return False
        except PermissionError:
            # FAT, and containers that forbid links: there a rename must do.
            Path(temporary).rename(path)
        sync_folder(path.parent)
        return True
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if temporary:
            with suppress(OSError):
                Path(temporary).unlink()


def write_identity(path: Path, identity: Mapping[str, Any], **facts: Any) -> None:
    """Write down who runs, for those who may have to signal it."""
    write_json(path, {"v": 1, "ts": now(), "began": time.time(), **identity, **facts})


def say(text: str) -> None:
    """A line of ours in the job's log; a full disk is no reason to fail."""
    with suppress(OSError):
        os.write(1, f"wb: {text}\n".encode())
