"""Kill evaluations, prompts, writers and the engine at random moments."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.torture.command import wb
from benchmarks.torture.world import SAMPLES, UID, World, count_lines, evaluation, newest_run


def evaluations(world: World, rng: random.Random) -> Iterator[str]:
    """One to three kills or SIGTERMs, each resumed with another batch size."""
    home = world.fresh_home("killed-eval")
    for _ in range(rng.randrange(1, 4)):
        mark, wait = rng.randrange(SAMPLES), rng.random() * 0.3
        number = rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
        reached: list[float] = []

        def due(
            gone: float, mark: int = mark, wait: float = wait, reached: list[float] = reached
        ) -> bool:
            if not reached and count_lines(newest_run(home)) >= mark:
                reached.append(gone)
            return bool(reached) and gone - reached[0] >= wait

        batch = rng.choice((1, 3, 4, 8, 16))
        outcome = wb(
            home,
            *evaluation(batch, "--resume", "auto"),
            kill_when=due,
            with_signal=number,
            limit_s=300,
        )
        world.faults[f"evaluation ended by {signal.Signals(number).name}"] += outcome.killed
        yield from world.judge(outcome)
    outcome = wb(home, *evaluation(rng.choice((2, 16)), "--resume", "auto"), limit_s=300)
    yield from world.judge(outcome, (0,))
    yield from world.compare_run(home)


def prompts(world: World, rng: random.Random) -> Iterator[str]:
    """`wb prompt` killed: an answer that was printed whole is on record; the log stays readable."""
    home = world.fresh_home("killed-prompt")
    printed: set[str] = set()
    for _ in range(8):
        after = rng.random() * 0.8
        outcome = wb(
            home, "prompt", UID, "--json", kill_when=lambda gone, after=after: gone > after
        )
        world.faults["prompt killed"] += outcome.killed
        yield from world.judge(outcome)
        with contextlib.suppress(ValueError, KeyError):
            printed.add(json.loads(outcome.out)["id"])
    yield from world.compare_answer(home)
    lost = printed - _recorded(home)
    if lost:
        yield f"{len(lost)} answers were printed and are not on record"
    wb(home, "engine", "stop")


def engines(world: World, rng: random.Random) -> Iterator[str]:
    """The engine killed while it answers: the command says so, and the next one is answered."""
    home = world.fresh_home("killed-engine")
    yield from world.compare_answer(home)
    for _ in range(2):
        after = 0.3 + rng.random()
        pid = int(json.loads(wb(home, "engine", "status", "--json").out)["pid"])
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(
                wb,
                *(home, "prompt", UID, "--json", "--max-new-tokens", "600"),
                *("--temperature", "50", "--seed", str(rng.randrange(999))),
            )
            with contextlib.suppress(TimeoutError):
                future.result(after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            world.faults["engine killed"] += 1
            yield from world.judge(future.result(), (0, 1))
        yield from world.compare_answer(home)
    wb(home, "engine", "stop")


def writers(world: World, rng: random.Random) -> Iterator[str]:
    """Bookmarks and notes by three writers at once, some killed: what was confirmed is there."""
    home = world.fresh_home("killed-writers")
    plan = [
        (f"demo/test/{number:06}", rng.random() * 0.4, rng.random() < 0.5) for number in range(18)
    ]

    def write(step: tuple[str, float, bool]) -> tuple[str, list[str], bool]:
        uid, after, kill = step
        outcome = wb(
            home,
            *("bookmark", "add", uid, "--tag", "kept"),
            kill_when=(lambda gone: gone > after) if kill else None,
        )
        world.faults["writer killed"] += outcome.killed
        return uid, world.judge(outcome, (0,)), outcome.code == 0

    confirmed = set()
    with ThreadPoolExecutor(3) as pool:
        for uid, wrong, kept in pool.map(write, plan):
            yield from wrong
            if kept:
                confirmed.add(uid)
    listed = wb(home, "bookmark", "list", "--json")
    yield from world.judge(listed, (0,))
    if listed.code == 0 and (lost := confirmed - {row["uid"] for row in json.loads(listed.out)}):
        yield f"{len(lost)} bookmarks were confirmed and are gone"


def _recorded(home: Path) -> set[str]:
    """The ids of all records of a home's sessions; a torn last line is passed over."""
    ids = set()
    for path in (home / "sessions").glob("*.jsonl"):
        for line in path.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                ids.add(json.loads(line).get("id"))
    return ids
