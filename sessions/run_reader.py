"""Reading a run's folder: what defines it, its predictions, its metrics and how it stands.

Guarantee: needs no lock and harms no writer; of several lines of a UID the newest counts, once.
A damaged file reads as empty, and `damage` names it: a list shows the other runs.
Not for writing: `sessions.runs.Run` does.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from sessions.atomic import last_line, read_lines
from sessions.errors import RecordError
from sessions.locks import is_held
from sessions.plain_files import open_plain
from sessions.quarantine import bad_path
from sessions.shapes import AnyObject, Damaged, RunHead, RunState, Shape, read_shaped
from sessions.verdict import verdict

Kind = Literal["eval", "train"]
State = Literal["running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = ("running", "done", "failed", "cancelled")


class RunReader:
    """One run's folder, to be read.

    Attributes:
        id: Time-sortable.
        path: Its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self._damage: dict[str, str] = {}
        self._head = self._read("config.json", RunHead)

    @property
    def damage(self) -> str:
        """Which of its files is damaged and how, empty where none is."""
        self._state()
        self.metrics()
        self.environment()
        self._damage.pop("predictions.jsonl", None)
        try:
            with open_plain(self.predictions_path):
                pass
        except FileNotFoundError:
            pass
        except OSError as error:
            reason = error.strerror or str(error)
            self._damage["predictions.jsonl"] = str(Damaged(self.predictions_path, reason))
        return "; ".join(self._damage.values())

    @property
    def config(self) -> dict[str, Any]:
        """All that defines the run, as given to `create`."""
        return dict(self._head.get("config") or {})

    @property
    def key(self) -> str:
        """The hash of what its results depend on."""
        return str(self._head.get("key", ""))

    @property
    def kind(self) -> str:
        """`eval` or `train`."""
        return str(self._head.get("kind", "eval"))

    @property
    def created(self) -> str:
        """When, ISO 8601 in UTC; empty where its config cannot be read."""
        return str(self._head.get("created", ""))

    @property
    def predictions_path(self) -> Path:
        """`predictions.jsonl`."""
        return self.path / "predictions.jsonl"

    @property
    def log_path(self) -> Path:
        """`log`, for whoever runs it."""
        return self.path / "log"

    def predictions(self) -> list[dict[str, Any]]:
        """The predictions, one per UID (its newest), in the order of first appearance.

        Raises:
            RecordError: Their file cannot be read at all.
        """
        return list(last_per_uid(read_lines(self.predictions_path)[0]).values())

    def damaged(self) -> int:
        """How many lines were damaged: those in the file and those set aside before."""
        try:
            read_lines(self.predictions_path)  # sets aside what is new
            return len(read_lines(bad_path(self.predictions_path))[0])
        except RecordError:
            return 0  # the file as a whole: see `damage`

    def done_uids(self, *, errors: bool = True) -> set[str]:
        """The UIDs that have a line.

        Args:
            errors: Count those recorded as failed; otherwise a resume tries them again.
        """
        return {p["uid"] for p in self.predictions() if errors or not p.get("error")}

    def metrics(self) -> dict[str, Any]:
        """What `write_metrics` was given last, `{}` where there is none."""
        return dict(self._read("metrics.json", AnyObject))

    def environment(self) -> dict[str, Any]:
        """What it ran on."""
        return dict(self._read("environment.json", AnyObject))

    @property
    def state(self) -> State:
        """How it stands; `failed` where its writer died without a word (see `reason`)."""
        state = self._state().get("state")
        if state == "running" and not is_held(self.path / "lock"):
            # Asked again: it may have ended between the two looks.
            state = self._state().get("state")
            return "failed" if state == "running" else _known_state(state)
        return _known_state(state)

    @property
    def interrupted(self) -> bool:
        """Whether its writer died without a word: it can be resumed."""
        return self.state == "failed" and self._state().get("state") == "running"

    @property
    def changed(self) -> str:
        """When its writer last said how it stands, ISO 8601 in UTC; empty where nobody did."""
        return str(self._state().get("ts") or "")

    @property
    def paused(self) -> bool:
        """Whether its writer is alive and holds still until it is told to go on."""
        return bool(self._state().get("paused")) and self.state == "running"

    @property
    def reason(self) -> str:
        """Why it failed, was cancelled or pauses, empty where nobody said."""
        if self.interrupted:
            return "interrupted: its process ended without a word"
        return str(self._state().get("reason") or self._damage.get("state.json", ""))

    @property
    def seconds(self) -> float:
        """Time spent running, over all resumptions."""
        state = self._state()
        spent = float(state.get("seconds") or 0.0)
        since = state.get("since")
        if since is not None and self.state == "running":
            spent += max(0.0, time.time() - since)
        return spent

    def progress(self) -> tuple[int, int]:
        """How many samples or steps are done and how many there will be, 0 where not known."""
        state = self._state()
        if self.kind == "train":
            # A training has no predictions: its curves say how far it is.
            done = (last_line(self.path / "history.jsonl") or {}).get("step")
        else:
            done = state.get("done")
            done = done if done is not None else self._count()
        total = state.get("total") or 0
        done = done if isinstance(done, int) else 0
        # A sample that was asked again has two lines until the run ends.
        return (min(done, total) if total and self.kind != "train" else done), total

    def counts(self) -> dict[str, int]:
        """`total`, `done`, `unparsed` and `failed`, from the predictions."""
        predictions = self.predictions()
        found = Counter(verdict(p) for p in predictions)
        failed, unparsed = found["failed"], found["unparsed"]
        total = self.progress()[1] or len(predictions)
        return {"total": total, "done": len(predictions), "unparsed": unparsed, "failed": failed}

    def _state(self) -> RunState:
        return self._read("state.json", RunState)

    def _read(self, name: str, shape: type[Shape]) -> Shape:
        """One of its small files, empty where it is missing or damaged; notes which it is."""
        found = read_shaped(self.path / name, shape)
        self._damage.pop(name, None)
        if isinstance(found, Damaged):
            self._damage[name] = str(found)
        return shape() if found is None or isinstance(found, Damaged) else found

    def _count(self) -> int:
        """Lines of the predictions: cheap, and off at most by what a `tidy` would take away."""
        try:
            with open_plain(self.predictions_path) as file:
                return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
        except OSError:
            return 0


def last_per_uid(lines: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of the lines that name a UID the last of each, in the order of first appearance."""
    kept: dict[str, dict[str, Any]] = {}
    for line in lines:
        uid = line.get("uid")
        if isinstance(uid, str):
            kept[uid] = line
    return kept


def _known_state(state: object) -> State:
    for known in STATES:
        if state == known:
            return known
    return "failed"
