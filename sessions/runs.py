"""A run's folder: what defines it, its predictions as they come, its metrics and its state.

`config.json`, `predictions.jsonl`, `metrics.json`, `environment.json`, `state.json`, `log`.

Guarantee: one process writes a run at a time and a second one is told so; a writer killed at any
moment and resumed leaves exactly one line per UID (a torn or damaged line is set aside in
`predictions.jsonl.bad`, of several lines of a UID the last whole one stays). Not for computing
anything: metrics are given to it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sessions.atomic import append_lines, atomic_write, sort_lines, write_json
from sessions.environment import describe
from sessions.errors import RecordError
from sessions.ids import new_id, now, resolve
from sessions.job_child import report_run
from sessions.json_line import finite, to_line
from sessions.leftovers import delete_leftovers
from sessions.locks import HeldLock
from sessions.paths import cannot_write, make_private, runs_dir
from sessions.plain_files import is_plain, is_there, names_in, open_plain
from sessions.quarantine import quarantine
from sessions.run_reader import STATES, Kind, RunReader, State, last_per_uid
from sessions.shapes import RunState

# A power cut may cost this much of a run's predictions, which a resume then makes again.
_SYNC_EVERY_S = 2.0
_LOOKS = 10


class Run(RunReader):
    """One run. Reading needs no lock; the first write takes it, an end state gives it back.

    Attributes:
        id: Time-sortable.
        path: Its folder.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock: HeldLock | None = None
        self._synced = 0.0
        self._since: float | None = None

    @classmethod
    def create(
        cls,
        config: Mapping[str, Any],
        key: str,
        kind: Kind = "eval",
        *,
        total: int | None = None,
    ) -> Run:
        """Make a run's folder and take its lock.

        Args:
            config: All that defines it, JSON-able.
            key: The hash of what its results depend on; `find_run_by_key` finds it again.
            kind: `eval` or `train`.
            total: How many samples or steps it will have, where known.

        Raises:
            RecordError: The home is full or read-only.
        """
        delete_leftovers()
        path = make_private(runs_dir() / new_id())
        try:
            return cls._begin(path, config, key, kind, total)
        except RecordError:
            # A full disk: nobody would ever know of the folder, and its space is needed.
            shutil.rmtree(path, ignore_errors=True)
            raise

    @classmethod
    def _begin(
        cls, path: Path, config: Mapping[str, Any], key: str, kind: Kind, total: int | None
    ) -> Run:
        head = {"v": 1, "id": path.name, "kind": kind, "key": key, "created": now()}
        run = cls(path)
        run.set_state("running", total=total)
        write_json(path / "environment.json", describe())
        # Last: a folder is a run from the moment that it has a config.
        run._head = {**head, "config": finite(dict(config))}
        write_json(path / "config.json", run._head)
        report_run(run.id)
        return run

    @classmethod
    def open(cls, name: str | Path) -> Run:
        """The run of that id, unique beginning or end of an id, or folder.

        `last` is the newest that is no variant of another, see `last_run`.

        Raises:
            NoSuchRecord: There is none, or several fit.
        """
        if name == "last" and (newest := last_run()) is not None:
            return newest
        path = Path(name)
        if (path.is_absolute() or os.sep in str(name)) and is_plain(path / "config.json"):
            return cls(path.absolute())
        ident = resolve(str(name), run_ids(), "run")
        return cls(runs_dir(create=False) / ident)

    # Writing

    def append(self, prediction: Mapping[str, Any]) -> None:
        """Add one prediction; see `append_many`."""
        self.append_many([prediction])

    def append_many(self, predictions: Iterable[Mapping[str, Any]]) -> None:
        """Add a batch of predictions, all or none; each names its `uid`.

        They survive kill -9 at once, a power cut when `_SYNC_EVERY_S` have gone by or the run
        has ended. A line whose UID is there already takes its place.

        Raises:
            RecordError: Another process is writing this run, or the disk is full.
        """
        lines = [{"v": 1, **prediction} for prediction in predictions]
        if any(not isinstance(line.get("uid"), str) for line in lines):
            raise RecordError("a prediction has no uid", kind="bad_record")
        self.lock()
        due = time.monotonic() - self._synced > _SYNC_EVERY_S
        append_lines(self.predictions_path, lines, sync=due)
        if due:
            self._synced = time.monotonic()

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Replace `metrics.json`. Raises `RecordError` as `append_many` does."""
        self.lock()
        write_json(self.path / "metrics.json", {"v": 1, **metrics})

    def rekey(self, key: str, changes: Mapping[str, Any]) -> None:
        """Say anew what the results depend on: another key, and `changes` of the config."""
        self.lock()
        config = finite({**self.config, **changes})
        self._head = {**self._head, "key": key, "config": config}
        write_json(self.path / "config.json", self._head)

    def set_state(
        self, state: State, *, total: int | None = None, reason: str = "", paused: bool = False
    ) -> None:
        """Say how the run stands. An end state tidies the predictions and gives the lock back.

        Args:
            state: One of `STATES`.
            total: How many samples or steps there will be; kept when not given.
            reason: Why it failed, was cancelled or pauses, in the user's words.
            paused: It is running and holds still; that time is not counted as worked.
        """
        if state not in STATES:
            raise RecordError(f"{state!r} is no state of a run", hint=f"one of {', '.join(STATES)}")
        self.lock()
        old = self._state()
        spent = float(old.get("seconds") or 0.0) + self._stretch(old)
        ended = state != "running"
        if ended:
            self.tidy()
            self._sync()
        self._since = None if ended or paused else time.time()
        write_json(
            self.path / "state.json",
            {
                "v": 1,
                "state": state,
                "ts": now(),
                "since": self._since,
                "seconds": spent,
                "pid": os.getpid(),
                "host": os.uname().nodename,
                "reason": reason,
                "total": total if total is not None else old.get("total"),
                "done": self._count() if ended else None,
                "paused": now() if paused and not ended else None,
            },
        )
        if ended:
            self.close()

    def lock(self) -> None:
        """Become the run's one writer, until an end state, `close` or the end of the process.

        What a killed writer left is tidied first.

        Raises:
            RecordError: Another process is writing this run.
        """
        if self._lock is not None and self._lock.held:
            return
        try:
            self._lock = _take(self.path / "lock")
        except BlockingIOError:
            raise self._written() from None
        self.tidy()

    def refuse_written(self) -> None:
        """Raise `RecordError` where a process writes this run; takes no lock.

        One that was just killed may hold it for a moment yet.
        """
        for _ in range(_LOOKS):
            if self.state != "running":
                return
            time.sleep(0.02)
        raise self._written()

    def _written(self) -> RecordError:
        state = self._state()
        return RecordError(
            f"the run {self.id} is being written by process {state.get('pid', '?')} on "
            f"{state.get('host', 'this host')}",
            hint="wait for it, or cancel its job (wb jobs list)",
            kind="run_locked",
        )

    def close(self) -> None:
        """Give the lock back; harmless when not held."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def tidy(self) -> None:
        """Rewrite the predictions to one whole line per UID, where they are not that already.

        Raises:
            RecordError: This object does not hold the lock and cannot take it.
        """
        if self._lock is None or not self._lock.held:
            self.lock()
            return
        lines, damaged = sort_lines(self.predictions_path)
        kept = last_per_uid(lines)
        damaged += [(-1, to_line(line)) for line in lines if not isinstance(line.get("uid"), str)]
        # Newlines are counted too: the last line may be whole and lack only its own.
        if damaged or len(kept) != self._count():
            if damaged:
                quarantine(self.predictions_path, damaged)
            data = b"".join(to_line(line) for line in kept.values())
            atomic_write(self.predictions_path, data)

    def resume(self, *, total: int | None = None) -> set[str]:
        """Take the lock, tidy, set the state to running; the UIDs that need no more work.

        Raises:
            RecordError: Another process is writing this run.
        """
        self.set_state("running", total=total)
        report_run(self.id)
        return self.done_uids()

    def remove(self) -> None:
        """Delete the folder. Raises `RecordError` where it is being written."""
        self.lock()
        try:
            shutil.rmtree(self.path)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        finally:
            self.close()

    def _sync(self) -> None:
        """Bring the predictions to the disk: an end state must not outlive them."""
        try:
            with open_plain(self.predictions_path) as file:
                os.fsync(file.fileno())
        except FileNotFoundError:
            return
        except OSError as error:
            raise cannot_write(self.predictions_path, error) from error

    def _stretch(self, old: RunState) -> float:
        """Seconds that the stretch which `old` began has worked, 0 where it has ended."""
        since = old.get("since")
        if old.get("state") != "running" or since is None:
            return 0.0
        until = time.time()
        if self._since is None:
            # Its writer was killed: the last thing that we know of it is its last prediction.
            try:
                until = self.predictions_path.stat().st_mtime
            except OSError:
                return 0.0
        return max(0.0, until - since)


def _take(path: Path) -> HeldLock:
    """The lock; a reader that looks whether it is held holds it itself for a moment."""
    for _ in range(_LOOKS):
        try:
            return HeldLock(path)
        except BlockingIOError:
            time.sleep(0.02)
    return HeldLock(path)


def run_ids() -> list[str]:
    """The ids of all runs, oldest first."""
    folder = runs_dir(create=False)
    return [name for name in names_in(folder) if is_there(folder / name / "config.json")]


def list_runs() -> list[Run]:
    """All runs, newest first; one that is damaged is among them, see `Run.damage`."""
    folder = runs_dir(create=False)
    return [Run(folder / ident) for ident in reversed(run_ids())]


def last_run(*, written: bool = False) -> Run | None:
    """What `last` means: the newest run; `None` where there is none.

    Controls and other variants of a run are passed over (`variant_of` in their config), since
    they are asked on behalf of it; where there is nothing else, the newest of them.

    Args:
        written: Prefer the newest run that a process writes, a variant too.
    """
    runs = list_runs()
    if written and (found := next((run for run in runs if run.state == "running"), None)):
        return found
    own = (run for run in runs if not run.config.get("variant_of"))
    return next(own, runs[0] if runs else None)


def find_run_by_key(key: str, *, kind: str | None = None) -> Run | None:
    """The newest run of that key, `None` where there is none."""
    found = (run for run in list_runs() if run.key == key and kind in {None, run.kind})
    return next(found, None)
