"""Signals at random moments, while it is paused, resized and asked things too."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import time
from pathlib import Path

from benchmarks.kill_evaluation.trial import (
    LIMIT_S,
    SIZES,
    KillTrial,
    ask,
    evaluation,
    finish,
    left_alone,
    lines_of,
    tell,
)
from benchmarks.torture.command import wb
from benchmarks.torture.world import newest_run


class Disturber:
    """Asks things of a run while it goes on, and says when it is to be ended.

    It is the `kill_when` of one stretch: asked every few milliseconds.
    """

    def __init__(self, trial: KillTrial, home: Path, rng: random.Random, mark: int) -> None:
        self._trial, self._home, self._rng, self._mark = trial, home, rng, mark
        self._wait = rng.random() * 0.3
        # Now and then an end comes while the model loads, before any line is written.
        early = rng.random() < 0.15 or mark >= trial.samples
        self._early = rng.random() * 6 if early else None
        self._plan = [what for what in ("batch-size", "retry", "pause") if rng.random() < 0.4]
        self._due: float | None = None

    def __call__(self, gone: float) -> bool:
        """Whether the moment has come."""
        if self._early is not None:
            return gone >= self._early
        if self._due is None:
            if self._lines() < self._mark:
                return False
            while self._plan:
                self._ask(self._plan.pop(0))
            self._due = gone + self._wait
        return gone >= self._due

    def _lines(self) -> int:
        run = newest_run(self._home)
        with contextlib.suppress(OSError, AttributeError):
            return run.joinpath("predictions.jsonl").read_bytes().count(b"\n")  # type: ignore[union-attr]
        return 0

    def _ask(self, what: str) -> None:
        value: str | int | None = None
        if what == "batch-size":
            value = self._rng.choice(SIZES)
        elif what == "retry":
            value = self._rng.choice(sorted(lines_of(self._home)))
            self._trial.again.append(value)
        ask(self._trial, self._home, what, value)


def kills(folder: Path, trial: KillTrial, wanted: int, until: float, seed: int) -> None:
    """End it so often, then let it end by itself and compare."""
    whole, home = left_alone(folder, trial.samples), folder / "cut"
    home.mkdir(exist_ok=True)
    step = trial.samples / (wanted * 1.6)
    while trial.ends["SIGKILL"] < wanted and time.monotonic() < until:
        number = sum(trial.ends.values())
        rng = random.Random(f"{seed}/{number}")
        size = rng.choice([s for s in SIZES if s not in trial.sizes[-1:]])
        how = signal.SIGTERM if rng.random() < 0.15 else signal.SIGKILL
        mark = max(1, int(len(lines_of(home)) + rng.random() * 2 * step))
        due = Disturber(trial, home, rng, mark)
        words = evaluation(trial.samples, size, "--resume", "auto")
        outcome = wb(home, *words, kill_when=due, with_signal=how, limit_s=LIMIT_S)
        trial.sizes.append(size)
        if not outcome.killed:  # it was done first: the next end meets it while it loads
            trial.judge(outcome, (0,))
            continue
        trial.judge(outcome, (0, 1))
        trial.paused += was_paused(home)
        trial.note(home, how.name)
        trial.save(folder)
        tell(trial)
    if trial.ends["SIGKILL"] >= wanted and time.monotonic() < until:
        finish(folder, trial, whole, home)


def was_paused(home: Path) -> bool:
    """Whether the end met the newest run paused."""
    run = newest_run(home)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        state = json.loads(run.joinpath("state.json").read_text())  # type: ignore[union-attr]
        return bool(state.get("paused"))
    return False
