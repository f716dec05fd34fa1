"""Put faults into everything that a user may open, at random, and count what goes wrong.

    python -m benchmarks.torture [--seconds 300] [--seed 0] [--only NAME] [--json]

First a baseline without faults, which has to be perfect. Then rounds of scenarios until the time
is over, each scenario given the same share of it: kills of evaluations, prompts, writers and the
engine; full disks; changed files of the home; hostile datasets, adapters and requests. Exit code 0
where nothing was found. A finding names its scenario and round; `--only NAME --seed S --round R`
makes that round again. Not for speed.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.torture import datasets, disks, homes, kills, models
from benchmarks.torture.command import wb
from benchmarks.torture.world import World

Scenario = Callable[[World, random.Random], Iterator[str]]
SCENARIOS: dict[str, Scenario] = {
    "killed evaluations": kills.evaluations,
    "killed prompts": kills.prompts,
    "killed engines": kills.engines,
    "killed writers": kills.writers,
    "full disks": disks.full,
    "changed homes": homes.mutated,
    "hostile datasets": datasets.hostile,
    "hostile adapters": models.adapters,
    "hostile requests": models.requests,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print findings as they come on stderr and a table or JSON on stdout."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(SCENARIOS), action="append")
    parser.add_argument("--round", type=int, help="Only this round of each scenario.")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="wb-torture-") as folder:
        world = World(Path(folder))
        try:
            sys.exit(_torture(world, args))
        finally:
            _stop_engines(world)


def _torture(world: World, args: argparse.Namespace) -> int:
    started = time.monotonic()
    findings = [("baseline", 0, wrong) for wrong in world.prepare()]
    for _, _, wrong in findings:
        _tell(f"baseline: {wrong}")
    spent: Counter[str] = Counter(dict.fromkeys(args.only or SCENARIOS, 0))
    rounds: Counter[str] = Counter()
    seconds: dict[str, float] = dict.fromkeys(spent, 0.0)
    while not (findings and findings[0][0] == "baseline"):
        if args.round is not None and all(rounds[name] for name in seconds):
            break
        if time.monotonic() - started > args.seconds:
            break
        name = min(seconds, key=lambda key: seconds[key])
        number = args.round if args.round is not None else rounds[name]
        rng = random.Random(f"{args.seed}/{name}/{number}")
        began = time.monotonic()
        try:
            for wrong in SCENARIOS[name](world, rng):
                findings.append((name, number, wrong))
                _tell(f"{name}, round {number}: {wrong}")
        except Exception as error:
            findings.append((name, number, f"{type(error).__name__}: {error}"))
            _tell(f"{name}, round {number}: {type(error).__name__}: {error}")
        rounds[name] += 1
        seconds[name] += time.monotonic() - began
    _report(world, args, findings, rounds, time.monotonic() - started)
    return 1 if findings else 0


def _report(
    world: World,
    args: argparse.Namespace,
    findings: list[tuple[str, int, str]],
    rounds: Counter[str],
    seconds: float,
) -> None:
    document = {
        "seed": args.seed,
        "seconds": round(seconds, 1),
        "rounds": dict(rounds),
        "checks": world.checks,
        "faults": dict(sorted(world.faults.items())),
        "findings": [
            {"scenario": name, "round": number, "what": what} for name, number, what in findings
        ],
    }
    if args.json:
        print(json.dumps(document, indent=2))
        return
    print(f"{sum(world.faults.values())} faults, {world.checks} checks, {seconds:.0f} s")
    for name, count in sorted(rounds.items()):
        bad = sum(1 for scenario, _, _ in findings if scenario == name)
        print(f"  {name:20} {count:5} rounds  {bad:4} findings")


def _stop_engines(world: World) -> None:
    for home in world.root.iterdir():
        if (home / "engine.log").exists():
            wb(home, "engine", "stop", "--force")


def _tell(text: str) -> None:
    print(text[:600].encode("ascii", "backslashreplace").decode(), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
