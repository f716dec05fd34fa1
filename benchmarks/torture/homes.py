"""Files of the home, changed at random: lists show the rest, and no command falls over."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from benchmarks.torture.command import wb
from benchmarks.torture.mutate import mutate
from benchmarks.torture.world import UID, World

READING = (
    ("runs", "list"),
    ("runs", "list", "--json"),
    ("jobs", "list"),
    ("sessions", "list"),
    ("bookmark", "list"),
    ("bookmark", "history"),
    ("data", "list"),
    ("data", "info", "mine"),
    ("config", "list"),
    ("prompts", "list"),
    ("models", "list"),
    ("engine", "status"),
    ("inspect", UID),
)


def mutated(world: World, rng: random.Random) -> Iterator[str]:
    """One to three changed files, then a choice of the commands that read."""
    home = world.fresh_home("mutated", copy=True)
    # The cache of file hashes is made again where it is lost.
    files = [path for path in sorted(home.rglob("*")) if path.is_file() and _counts(path)]
    changed = []
    for path in rng.sample(files, min(len(files), rng.randrange(1, 4))):
        how = mutate(path, rng)
        world.faults[f"file of the home: {how}"] += 1
        changed.append(f"{path.relative_to(home)} ({how})")
    for words in rng.sample(READING, 5) + [_about(home, rng)]:
        for complaint in world.judge(wb(home, *words, limit_s=20)):
            yield f"{complaint} [{', '.join(changed)}]"


def _counts(path: Path) -> bool:
    return path.suffix not in (".log", ".sock") and not path.name.endswith(("-shm", "-wal"))


def _about(home: Path, rng: random.Random) -> tuple[str, ...]:
    """A command about one run, job or session of the home, whatever its state."""
    kind = rng.choice(("runs", "jobs", "sessions"))
    names = sorted((home / kind).iterdir()) if (home / kind).is_dir() else []
    name = rng.choice(names).name.removesuffix(".jsonl") if names else "none"
    return (kind, "show", name)
