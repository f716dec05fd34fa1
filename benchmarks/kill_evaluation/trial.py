"""One evaluation that is ended again and again: how far it is, and what is held against it."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.torture.command import Outcome, wb
from benchmarks.torture.world import content, newest_run

SIZES = (1, 2, 3, 5, 8, 13, 16)
NEW_TOKENS = 16
LIMIT_S = 120.0


@dataclass
class KillTrial:
    """How far a trial is; kept in its folder between two calls.

    Attributes:
        ends: How often the evaluation was ended, by what.
        at: How many lines there were at each end.
        sizes: The batch size of each stretch.
        asked: How often what was asked of it while it went on.
        paused: How many ends met it paused.
        seen: UID -> the line that was there at an end, as it was written.
        again: The UIDs that it was told to ask again.
        findings: What went wrong.
    """

    samples: int = 480
    ends: Counter[str] = field(default_factory=Counter)
    at: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    paused: int = 0
    seen: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    done: bool = False

    @classmethod
    def load(cls, folder: Path, samples: int) -> KillTrial:
        """As the last call left it."""
        path = folder / "trial.json"
        if not path.exists():
            return cls(samples)
        found = json.loads(path.read_text())
        for name in ("ends", "asked"):
            found[name] = Counter(found[name])
        return cls(**found)

    def save(self, folder: Path) -> None:
        """For the next call."""
        (folder / "trial.json").write_text(json.dumps(vars(self)))

    def judge(self, outcome: Outcome, codes: tuple[int, ...]) -> None:
        """Take in what no command may do."""
        self.findings += outcome.complaints(codes)

    def note(self, home: Path, what: str) -> None:
        """An end: what had been written must still be there, as it was."""
        self.ends[what] += 1
        lines = lines_of(home)
        self.at.append(len(lines))
        for uid, line in self.seen.items():
            if uid not in lines:
                self.findings.append(f"after {what} {sum(self.ends.values())}: {uid} is lost")
            elif lines[uid] != line and uid not in self.again and '"error": null' in line:
                self.findings.append(f"after {what} {sum(self.ends.values())}: {uid} was rewritten")
        self.seen = lines

    def report(self) -> dict[str, Any]:
        """For people and programs."""
        told = dict(vars(self))
        del told["seen"]
        return told | {"again": len(self.again), "different_sizes": len(set(self.sizes))}


def lines_of(home: Path) -> dict[str, str]:
    """UID -> whole line of the newest run, the last of each; a torn tail is left out."""
    run, found = newest_run(home), {}
    if run is not None and (run / "predictions.jsonl").exists():
        for line in (run / "predictions.jsonl").read_bytes().split(b"\n")[:-1]:
            with contextlib.suppress(ValueError):
                found[json.loads(line)["uid"]] = line.decode()
    return found


def evaluation(samples: int, size: int, *more: str) -> tuple[str, ...]:
    """The command line."""
    where = ("run-eval", "--dataset", "demo", "--split", "test", "--limit", str(samples))
    knobs = ("--max-new-tokens", str(NEW_TOKENS), "--batch-size", str(size), "--json")
    return (*where, *knobs, "--threads", "1", *more)


def left_alone(folder: Path, samples: int) -> Path:
    """The home of the evaluation that nobody disturbs, made once."""
    home = folder / "whole"
    if not (home / "made").exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        outcome = wb(home, *evaluation(samples, 16), limit_s=LIMIT_S * 2)
        if outcome.code:
            raise SystemExit(outcome.err)
        (home / "made").write_text("")
    return home


def compared(whole: Path, cut: Path) -> list[str]:
    """How the two ended differently."""
    try:
        (lines, figures), (others, other_figures) = content(whole), content(cut)
    except AssertionError as error:
        return [str(error)]
    wrong = [uid for uid in lines if others.get(uid) != lines[uid]]
    found = [f"{len(wrong)} lines differ or are missing: {wrong[:3]}"] if wrong else []
    found += [f"{len(others)} lines of {len(lines)}"] if len(others) != len(lines) else []
    return found + (["the figures differ"] if figures != other_figures else [])


def ask(trial: KillTrial, home: Path, what: str, value: str | int | None) -> None:
    """Ask something of the newest run of a home; that it has just ended is no finding."""
    from sessions.errors import WbError
    from sessions.runs import Run
    from workbench.evaluation.control import ask_control

    folder = newest_run(home)
    try:
        ask_control(Run(folder), what, value, reason="a trial")  # type: ignore[arg-type]
    except WbError as error:
        if error.kind not in ("run_ended", "run_interrupted"):
            trial.findings.append(f"{what} {value}: {error.message}")
        return
    trial.asked[what] += 1


def finish(folder: Path, trial: KillTrial, whole: Path, home: Path, *more: str) -> None:
    """Let it end by itself, with one more batch size, and compare."""
    size = random.Random(str(trial.sizes)).choice(SIZES)
    outcome = wb(home, *evaluation(trial.samples, size, "--resume", "auto", *more), limit_s=LIMIT_S)
    trial.judge(outcome, (0,))
    trial.note(home, "its own end")
    trial.findings += compared(whole, home)
    run = newest_run(home)
    if run is not None:
        from sessions.runs import Run
        from workbench.evaluation.control_requests import requests_of

        left = [one.words for one in requests_of(Run(run)) if one.outcome == "waiting"]
        trial.findings += [f"nothing became of {len(left)} requests: {left[:3]}"] if left else []
    trial.done = True
    trial.save(folder)


def tell(trial: KillTrial) -> None:
    """One line on stderr."""
    ends = ", ".join(f"{count} {what}" for what, count in trial.ends.items())
    print(f"{ends}; {trial.at[-1]} of {trial.samples} lines", file=sys.stderr, flush=True)
