"""What can become of a file, seeded: cut off, flipped, emptied, replaced by something else.

For the property tests of readers and for `benchmarks/torture`. Each mutation is a function
`(path, draw)`; none removes a file, since a missing one is a case of its own.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Mutation = Callable[[Path, random.Random], None]

# Values of another type than the one that stood there, and values of no use to anyone.
STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 0.5, "many", "", [], {}, [[]], {"a": {"b": []}}),
    *(10**30, -(2**63), 1e308, "\x1b]2;title\x07", "\u202egnp.exe", "\udcff", "x" * 100_000),
)


def truncate(path: Path, draw: random.Random) -> None:
    """Cut off anywhere, as a full disk does."""
    data = path.read_bytes()
    path.write_bytes(data[: draw.randrange(len(data) + 1)])


def empty(path: Path, draw: random.Random) -> None:
    """Zero bytes, as a power cut leaves them."""
    path.write_bytes(b"")


def flip_bytes(path: Path, draw: random.Random) -> None:
    """Some bytes other ones."""
    data = bytearray(path.read_bytes())
    for _ in range(1 + len(data) // 200):
        if data:
            data[draw.randrange(len(data))] = draw.randrange(256)
    path.write_bytes(data)


def nul_bytes(path: Path, draw: random.Random) -> None:
    """A block of NULs at the end, as some file systems leave after a crash."""
    path.write_bytes(path.read_bytes() + bytes(512))


def other_encoding(path: Path, draw: random.Random) -> None:
    """UTF-16, as an editor on another system saves it."""
    path.write_bytes(path.read_bytes().decode("utf-8", "replace").encode("utf-16"))


def long_line(path: Path, draw: random.Random) -> None:
    """A line of a megabyte after the rest."""
    path.write_bytes(path.read_bytes() + b"\n" + b"x" * 2**20 + b"\n")


def nest_deeply(path: Path, draw: random.Random) -> None:
    """Lists in lists: shallow enough to be parsed, or too deep even for that."""
    depth = draw.choice([150, 900, 100_000])
    if path.suffix == ".toml":
        text = "deep = " + "[" * depth + "]" * depth
    else:
        text = '{"uid": "demo/test/1", "deep": ' + '{"a":[' * (depth // 2) + "]}" * (depth // 2)
        text += "}\n"
    path.write_text(text)


def huge_number(path: Path, draw: random.Random) -> None:
    """Every number a much larger one."""
    digits = draw.choice(["9" * 25, "9" * 400, "9" * 5000, "1e999", "NaN", "-Infinity"])
    text = path.read_bytes().decode("utf-8", "replace")
    path.write_text(_numbers_as(text, digits), errors="surrogateescape")


def other_types(path: Path, draw: random.Random) -> None:
    """One value, somewhere in one of its JSON lines or its document, of another type."""
    lines = path.read_text("utf-8", "replace").split("\n")
    if path.suffix == ".jsonl":
        full = [i for i, line in enumerate(lines) if line.strip()]
        for i in draw.sample(full, min(3, len(full))):
            lines[i] = _with_another_value(lines[i], draw)
        path.write_text("\n".join(lines), errors="surrogatepass")
    elif path.suffix == ".toml":
        some = [i for i, line in enumerate(lines) if " = " in line]
        if some:
            i = draw.choice(some)
            value = draw.choice(
                ["17", "-1", '"x"', "[]", "{}", "true", "[1, 2]", "1e400", '"\\u001b"']
            )
            lines[i] = lines[i].partition(" = ")[0] + f" = {value}"
        path.write_text("\n".join(lines))
    else:
        path.write_text(_with_another_value("\n".join(lines), draw), errors="surrogatepass")


def whole_document(path: Path, draw: random.Random) -> None:
    """Sound JSON that is no object."""
    path.write_text(json.dumps(draw.choice([[], [1], "text", 3, None, True])))


def _gone(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def directory(path: Path, draw: random.Random) -> None:
    """A folder where the file should be."""
    _gone(path)
    path.mkdir()
    (path / "inside").write_text("x")


def fifo(path: Path, draw: random.Random) -> None:
    """A FIFO whose other end nobody opens."""
    _gone(path)
    os.mkfifo(path)


def link_loop(path: Path, draw: random.Random) -> None:
    """A link to itself."""
    _gone(path)
    path.symlink_to(path)


def device(path: Path, draw: random.Random) -> None:
    """A link to a device that never ends."""
    _gone(path)
    path.symlink_to("/dev/zero")


MUTATIONS: tuple[Mutation, ...] = (
    *(truncate, empty, flip_bytes, nul_bytes, other_encoding, long_line, nest_deeply),
    *(huge_number, other_types, whole_document, directory, fifo, link_loop, device),
)
# After these nothing of a JSON or TOML file can be used.
FATAL: tuple[Mutation, ...] = (empty, nest_deeply, directory, fifo, link_loop, device)


def _numbers_as(text: str, digits: str) -> str:
    import re

    return re.sub(r"(?<=[:\[,= ])-?\d+(\.\d+)?(?=\s*[,}\]\n])", digits, text)


def _with_another_value(text: str, draw: random.Random) -> str:
    try:
        body = json.loads(text)
    except ValueError:
        return text[::-1]
    places: list[tuple[Any, Any]] = []
    stack = [body]
    while stack:
        here = stack.pop()
        items = here.items() if isinstance(here, dict) else enumerate(here)
        for key, value in items:
            places.append((here, key))
            if isinstance(value, (dict, list)):
                stack.append(value)
    if not places:
        return "[]"
    for holder, key in draw.sample(places, min(2, len(places))):
        holder[key] = draw.choice(STRANGE)
    return json.dumps(body)
