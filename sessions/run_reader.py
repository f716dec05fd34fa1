"""Reading a run's folder: what defines it, its predictions, its metrics and how it stands.

Guarantee: needs no lock and harms no writer; of several lines of a UID the newest counts, once.
Not for writing: `sessions.runs.Run` does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from sessions.atomic import last_line, read_json, read_lines
from sessions.locks import is_held
from sessions.quarantine import bad_path

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
        self._head = read_json(path / "config.json") or {}

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
        """The predictions, one per UID (its newest), in the order of first appearance."""
        return list(last_per_uid(read_lines(self.predictions_path)[0]).values())

    def damaged(self) -> int:
        """How many lines were damaged: those in the file and those set aside before."""
        read_lines(self.predictions_path)  # sets aside what is new
        return len(read_lines(bad_path(self.predictions_path))[0])

    def done_uids(self, *, errors: bool = True) -> set[str]:
        """The UIDs that have a line.

        Args:
            errors: Count those recorded as failed; otherwise a resume tries them again.
        """
        return {p["uid"] for p in self.predictions() if errors or not p.get("error")}

    def metrics(self) -> dict[str, Any]:
        """What `write_metrics` was given last, `{}` where there is none."""
        return read_json(self.path / "metrics.json") or {}

    def environment(self) -> dict[str, Any]:
        """What it ran on."""
        return read_json(self.path / "environment.json") or {}

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
    def reason(self) -> str:
        """Why it failed or was cancelled, empty where nobody said."""
        if self.interrupted:
            return "interrupted: its process ended without a word"
        return str(self._state().get("reason") or "")

    @property
    def seconds(self) -> float:
        """Time spent running, over all resumptions."""
        state = self._state()
        spent = float(state.get("seconds") or 0.0)
        since = state.get("since")
        if isinstance(since, float) and self.state == "running":
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
            done = done if isinstance(done, int) else self._count()
        return (done if isinstance(done, int) else 0), int(state.get("total") or 0)

    def counts(self) -> dict[str, int]:
        """`total`, `done`, `unparsed` and `failed`, from the predictions."""
        predictions = self.predictions()
        failed = sum(1 for p in predictions if p.get("error"))
        unparsed = sum(
            1 for p in predictions if not p.get("error") and "label" in p and p["label"] is None
        )
        total = self.progress()[1] or len(predictions)
        return {"total": total, "done": len(predictions), "unparsed": unparsed, "failed": failed}

    def _state(self) -> dict[str, Any]:
        return read_json(self.path / "state.json") or {}

    def _count(self) -> int:
        """Lines of the predictions: cheap, and off at most by what a `tidy` would take away."""
        try:
            with self.predictions_path.open("rb") as file:
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
