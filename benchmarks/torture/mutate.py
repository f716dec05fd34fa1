"""Ways in which a file goes bad, seeded."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e308, 10**400, "", "\x1b]2;title\x07", "\x9b31m", "\u202e", "x" * 5000),
    *([], {}, [[[]]], {"a": {"b": []}}, "../../../etc/passwd", "a\nb\0c", "NaN"),
)


def mutate(path: Path, rng: random.Random) -> str:
    """Change `path` in one way and return its name."""
    data = path.read_bytes()
    ways = [
        "truncated",
        "bits flipped",
        "emptied",
        "garbage",
        "not UTF-8",
        "folder",
        "pipe",
        "loop",
    ]
    if path.suffix in (".json", ".jsonl", ".toml"):
        ways += ["nested deeply"]
    if path.suffix in (".json", ".jsonl"):
        ways += ["value of another kind"] * 8
    way = rng.choice(ways)
    if way == "truncated":
        path.write_bytes(data[: rng.randrange(len(data) + 1)])
    elif way == "bits flipped":
        path.write_bytes(flip(data, rng))
    elif way == "emptied":
        path.write_bytes(b"")
    elif way == "garbage":
        path.write_bytes(rng.randbytes(rng.randrange(1, 5000)))
    elif way == "not UTF-8":
        at = rng.randrange(len(data) + 1)
        path.write_bytes(data[:at] + b"\xff\xfe\x80\x00" + data[at:])
    elif way == "nested deeply":
        path.write_bytes(b'{"v":1,"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n")
    elif way == "value of another kind":
        path.write_bytes(b"".join(_with_odd_value(line, rng) for line in _documents(path, data)))
    else:
        path.unlink()
        if way == "folder":
            path.mkdir()
        elif way == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(path.name)
    return way


def flip(data: bytes, rng: random.Random, most: int = 8) -> bytes:
    """`data` with one to `most` bits turned; unchanged if `most` is 0."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, most + 1) if changed and most else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def with_odd_value(document: Any, rng: random.Random) -> Any:
    """The document with one value, anywhere in it, exchanged for an odd one or left out."""
    places: list[tuple[Any, Any]] = []
    todo = [document]
    while todo:
        here = todo.pop()
        keys = here.keys() if isinstance(here, dict) else range(len(here))
        for key in list(keys):
            places.append((here, key))
            if isinstance(here[key], (dict, list)):
                todo.append(here[key])
    if places:
        holder, key = rng.choice(places)
        holder[key] = rng.choice(ODD)
        if isinstance(holder, dict) and rng.random() < 0.2:
            del holder[key]
    return document


def _documents(path: Path, data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True) if path.suffix == ".jsonl" else [data]


def _with_odd_value(line: bytes, rng: random.Random) -> bytes:
    try:
        document = json.loads(line)
    except ValueError:
        return line
    if not isinstance(document, (dict, list)):
        return line
    return json.dumps(with_odd_value(document, rng)).encode() + b"\n"
