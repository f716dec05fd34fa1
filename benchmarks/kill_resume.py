"""Kill an evaluation with -9 ten times at random, resume it, and compare it to one left alone.

Run: python benchmarks/kill_resume.py [--dataset demo/test] [--limit 200] [--kills 10] [--seed 0]
Exit code 0 where the two have the same lines and figures, 1 where not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPEED = {"tokens_per_s"}


def command(args: argparse.Namespace, *more: str) -> list[str]:
    return [
        *(sys.executable, "-P", "-m", "commands.main", "run-eval", "--dataset", args.dataset),
        *("--limit", str(args.limit), "--batch-size", str(args.batch_size), *more),
    ]


def only_run(home: Path) -> Path | None:
    runs = sorted((home / "runs").glob("*/config.json")) if (home / "runs").is_dir() else []
    return runs[-1].parent if runs else None


def lines_of(run: Path | None) -> int:
    try:
        return (run / "predictions.jsonl").read_bytes().count(b"\n") if run else 0
    except OSError:
        return 0


def killed(args: argparse.Namespace, home: Path) -> tuple[Path, list[int]]:
    """Kill at random moments of the work (and of the start), then let it end."""
    rng = random.Random(args.seed)
    env = {**os.environ, "WB_HOME": str(home)}
    marks = sorted(rng.randrange(1, args.limit) for _ in range(args.kills))
    at: list[int] = []
    for mark in marks:
        argv = command(args, "--resume", "auto")
        process = subprocess.Popen(
            argv, env=env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        while process.poll() is None and lines_of(only_run(home)) < mark:
            time.sleep(0.005)
        time.sleep(rng.random() * 0.3)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        at.append(lines_of(only_run(home)))
        print(f"killed at {at[-1]} lines", flush=True)
    subprocess.run(
        command(args, "--resume", "auto"), env=env, check=True, stdout=subprocess.DEVNULL
    )
    run = only_run(home)
    assert run is not None
    return run, at


def whole(args: argparse.Namespace, home: Path) -> Path:
    env = {**os.environ, "WB_HOME": str(home)}
    subprocess.run(command(args), env=env, check=True, stdout=subprocess.DEVNULL)
    run = only_run(home)
    assert run is not None
    return run


def content(run: Path) -> tuple[dict, dict]:
    """UID -> what was said, and the figures without times."""
    raw = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
    said = {line["uid"]: (line["text"], line["label"], line["error"]) for line in raw}
    assert len(said) == len(raw), "a sample has two lines"
    found = json.loads((run / "metrics.json").read_text())
    figures = {k: v for k, v in found["metrics"].items() if k not in SPEED}
    return said, {
        "metrics": figures,
        **{k: found.get(k) for k in ("counts", "confusion", "per_label")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="demo/test")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broken, at = killed(args, Path(folder) / "killed")
        alone = whole(args, Path(folder) / "alone")
        one, other = content(broken), content(alone)
        same = one == other and len(one[0]) == args.limit
        print(
            json.dumps(
                {
                    "samples": len(one[0]),
                    "killed_at": at,
                    "same_lines": one[0] == other[0],
                    "same_figures": one[1] == other[1],
                    "accuracy": one[1]["metrics"].get("accuracy"),
                }
            )
        )
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
