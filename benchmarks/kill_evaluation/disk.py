"""A small disk that is full after a random number of bytes, again and again."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from pathlib import Path

from benchmarks.kill_evaluation.trial import (
    LIMIT_S,
    SIZES,
    KillTrial,
    evaluation,
    finish,
    left_alone,
    lines_of,
    tell,
)
from benchmarks.torture.command import wb

# What a line takes, before there is one to measure; and what a stretch writes beside its lines.
LINE_BYTES = 450
BESIDE_BYTES = 7_000


def disk(folder: Path, trial: KillTrial, wanted: int, until: float, seed: int) -> None:
    """Fill its disk so often, each time with some room for more, or none.

    What is still to be asked is shared out over the ends to come, so that it is not done before.
    """
    whole, small = left_alone(folder, trial.samples), folder / "small"
    small.mkdir(exist_ok=True)
    mounted = os.path.ismount(small) or mount(small)
    home = small / "home"
    home.mkdir(exist_ok=True)
    ended = False
    try:
        while trial.ends["full disk"] < wanted and time.monotonic() < until:
            rng = random.Random(f"{seed}/disk/{sum(trial.ends.values())}")
            size = rng.choice([s for s in SIZES if s not in trial.sizes[-1:]])
            lines = lines_of(home)
            have = sum(len(line) + 1 for line in lines.values())
            per_line = have / len(lines) if lines else LINE_BYTES
            left = trial.samples - len(lines)
            step = left / (wanted - trial.ends["full disk"] + 1)
            # Where only the figures are left to write, the room for them comes with the last end.
            beside = BESIDE_BYTES if left else BESIDE_BYTES / 2
            room = int(rng.random() * 2 * (beside + step * per_line))
            if mounted:
                fill(small / "filler", room)
            words = evaluation(trial.samples, size, "--resume", "auto")
            limit = None if mounted else have + room
            outcome = wb(home, *words, file_bytes=limit, limit_s=LIMIT_S)
            (small / "filler").unlink(missing_ok=True)
            trial.sizes.append(size)
            trial.judge(outcome, (0, 1))
            if outcome.code == 0:
                ended = True
                break
            if "No space left" not in outcome.err and "too large" not in outcome.err:
                trial.findings.append(f"it says nothing of the disk: {outcome.err[-200:]}")
            trial.note(home, "full disk")
            trial.save(folder)
            tell(trial)
        if ended or trial.ends["full disk"] >= wanted:
            finish(folder, trial, whole, home)
    finally:
        if mounted and (trial.done or trial.findings):
            subprocess.run(["umount", "-l", str(small)], check=False)


def mount(folder: Path) -> bool:
    """A file system of four megabytes in memory, where this user may mount one."""
    argv = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(folder)]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def fill(path: Path, leave: int) -> None:
    """Fill the file system of `path` but for `leave` bytes."""
    left = max(0, shutil.disk_usage(path.parent).free - leave)
    with path.open("wb", buffering=0) as file:
        while left > 0:
            left -= file.write(b"\0" * min(left, 65536))
