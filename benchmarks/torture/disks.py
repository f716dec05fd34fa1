"""A disk that is full at a random byte: reading still works, and nothing confirmed is lost.

A small file system of its own where one may be mounted, else a limit on the size of each file.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.torture.command import wb
from benchmarks.torture.world import UID, World, evaluation


def full(world: World, rng: random.Random) -> Iterator[str]:
    """Commands that write on a full disk, commands that read, then all with room again."""
    home = world.fresh_home("full", copy=True)
    kept = json.loads(wb(home, "bookmark", "list", "--json").out)
    mounted = _mount(world.root / "small", rng.randrange(300, 900))
    where = home
    if mounted:
        where = world.root / "small" / "home"
        shutil.copytree(home, where, symlinks=True)
        (world.root / "small" / "filler").write_bytes(b"")
        _fill(world.root / "small" / "filler", leave=rng.randrange(0, 40_000))
    limit = None if mounted else rng.randrange(0, 30_000)
    world.faults["disk full (file system)" if mounted else "disk full (limit on files)"] += 1
    writing = [
        ("bookmark", "add", "demo/test/000001", "--tag", "x"),
        ("sessions", "note", "n" * rng.randrange(1, 4000)),
        ("data", "add", f"set{rng.randrange(99)}", str(world.root / "mine" / "mine.csv")),
        ("config", "set", "seed", "9"),
    ]
    if rng.random() < 0.4:
        writing.append(evaluation(8, "--resume", "auto", "--seed", "3"))
    try:
        for words in writing:
            yield from world.judge(wb(where, *words, file_bytes=limit, limit_s=120))
        for words in (("bookmark", "list", "--json"), ("runs", "list"), ("sessions", "list")):
            outcome = wb(where, *words, file_bytes=limit)
            yield from world.judge(outcome, (0,))
            if words[0] == "bookmark" and outcome.code == 0:
                uids = {row["uid"] for row in json.loads(outcome.out)}
                if any(row["uid"] not in uids for row in kept):
                    yield "a bookmark that was kept is gone"
        if mounted:
            (world.root / "small" / "filler").unlink()
        for words in (("bookmark", "add", UID, "--tag", "y"), ("bookmark", "list", "--json")):
            yield from world.judge(wb(where, *words), (0,))
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(world.root / "small")], check=False)


def _mount(folder: Path, kilobytes: int) -> bool:
    """A small file system in memory, where this user may mount one."""
    folder.mkdir(exist_ok=True)
    mount = shutil.which("mount")
    if mount is None:
        return False
    # The home itself takes about 200 kB.
    options = f"size={kilobytes + 600}k,mode=700"
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def _fill(path: Path, leave: int) -> None:
    """Fill the file system of `path` but for `leave` bytes."""
    free = shutil.disk_usage(path.parent).free
    with path.open("r+b", buffering=0) as file:
        left = max(0, free - leave)
        while left > 0:
            try:
                left -= file.write(b"\0" * min(left, 65536))
            except OSError:
                break
