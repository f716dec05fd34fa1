"""What the scenarios share: a pristine home, the reference answers, and the count of faults.

Guarantee: the references are made before any fault and twice, so that a difference found later
comes from a fault and not from chance. Each scenario works in a home of its own.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.torture.command import Outcome, wb

SAMPLES = 40
UID = "demo/test/000012"
_SPEED = "tokens_per_s"


@dataclass
class World:
    """A folder with a pristine home, and what the scenarios compare with.

    Attributes:
        root: All that this run of the benchmark writes.
        faults: How many faults of each kind were put in.
        checks: How many commands, files and answers were judged.
        lines: UID -> (text, label, error) of the reference evaluation.
        metrics: Its figures without times.
        answer: Text and identity of the reference prompt.
    """

    root: Path
    faults: Counter[str] = field(default_factory=Counter)
    checks: int = 0
    lines: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    answer: tuple[str, str] = ("", "")

    @property
    def pristine(self) -> Path:
        """The home without faults."""
        return self.root / "pristine"

    def fresh_home(self, name: str, copy: bool = False) -> Path:
        """An empty home, or a copy of the pristine one."""
        home = self.root / name
        shutil.rmtree(home, ignore_errors=True)
        if copy:
            shutil.copytree(self.pristine, home, symlinks=True)
        else:
            home.mkdir(mode=0o700)
        return home

    def judge(self, outcome: Outcome, codes: tuple[int, ...] = (0, 1, 2)) -> list[str]:
        """The complaints about a command, counted."""
        self.checks += 1
        return outcome.complaints(codes)

    def prepare(self) -> list[str]:
        """Make the pristine home and the references; return what is wrong without any fault."""
        home = self.fresh_home("pristine")
        wrong: list[str] = []
        seen = []
        for batch in (4, 16):
            outcome = wb(home, *evaluation(batch), limit_s=300)
            wrong += self.judge(outcome, (0,))
            if outcome.code == 0:
                seen.append(content(home))
        if len(seen) == 2 and seen[0] != seen[1]:
            wrong.append("two evaluations without faults differ by batch size")
        if seen:
            self.lines, self.metrics = seen[0]
            if len(self.lines) != SAMPLES:
                wrong.append(f"{len(self.lines)} lines of {SAMPLES} samples")
        outcome = wb(home, "prompt", UID, "--json", limit_s=300)
        wrong += self.judge(outcome, (0,))
        if outcome.code == 0:
            record = json.loads(outcome.out)
            self.answer = (record["text"], record["identity"])
        table = self.root / "mine"
        table.mkdir()
        (table / "mine.csv").write_text("id,question,answer\n1,what?,red\n2,where?,left\n")
        for words in (
            ("bookmark", "add", UID, "--tag", "odd", "--note", "a note"),
            ("sessions", "note", "a note"),
            ("data", "add", "mine", str(table / "mine.csv"), "--id", "id"),
            ("config", "set", "seed", "7"),
            ("jobs", "start", "--", "wb", "config", "list"),
        ):
            wrong += self.judge(wb(home, *words), (0,))
        wrong += self.judge(wb(home, "engine", "stop"), (0, 1))
        return wrong

    def compare_answer(self, home: Path) -> list[str]:
        """Ask the reference prompt again and say how the answer differs."""
        outcome = wb(home, "prompt", UID, "--json", limit_s=120)
        wrong = self.judge(outcome, (0,))
        if outcome.code == 0:
            record = json.loads(outcome.out)
            if (record["text"], record["identity"]) != self.answer:
                wrong.append(
                    f"the reference prompt is answered {record['text']!r} "
                    f"by {record['identity'][:8]}, before {self.answer[0]!r}"
                )
        return wrong

    def compare_run(self, home: Path) -> list[str]:
        """Say how the newest run of a home differs from the reference."""
        self.checks += 1
        lines, metrics = content(home)
        wrong = []
        if lines != self.lines:
            differing = [uid for uid in self.lines if lines.get(uid) != self.lines[uid]]
            wrong.append(f"{len(differing)} lines differ or are missing: {differing[:3]}")
        if metrics != self.metrics:
            wrong.append("the figures differ from those of a run left alone")
        return wrong


def evaluation(batch: int, *more: str) -> tuple[str, ...]:
    """The command line of the reference evaluation."""
    return (
        *("run-eval", "--dataset", "demo", "--split", "test", "--limit", str(SAMPLES)),
        *("--batch-size", str(batch), "--json", *more),
    )


def newest_run(home: Path) -> Path | None:
    """The folder of the run that was made last."""
    runs = sorted((home / "runs").glob("*/config.json")) if (home / "runs").is_dir() else []
    return runs[-1].parent if runs else None


def count_lines(run: Path | None) -> int:
    """How many predictions a run holds."""
    try:
        return (run / "predictions.jsonl").read_bytes().count(b"\n") if run else 0
    except OSError:
        return 0


def content(home: Path) -> tuple[dict[str, tuple[Any, ...]], dict[str, Any]]:
    """What the newest run says: UID -> text, label and error; and its figures without times.

    Raises:
        AssertionError: A sample has two lines, or the run is not complete.
    """
    run = newest_run(home)
    assert run is not None, "there is no run"
    raw = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
    said = {line["uid"]: (line["text"], line["label"], line["error"]) for line in raw}
    assert len(said) == len(raw), "a sample has two lines"
    found = json.loads((run / "metrics.json").read_text())
    figures = {key: value for key, value in found["metrics"].items() if key != _SPEED}
    return said, {
        "metrics": figures,
        **{key: found.get(key) for key in ("counts", "confusion", "per_label")},
    }
