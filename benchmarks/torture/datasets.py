"""Tables, images and archives that are broken or hostile: one clear error, the rest still read."""

from __future__ import annotations

import base64
import io
import json
import random
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.torture.command import wb
from benchmarks.torture.mutate import ODD, flip, with_odd_value
from benchmarks.torture.world import World

ESCAPE = "\x1b]2;owned\x07\x1b[31m\x9b31m\u202e"


def hostile(world: World, rng: random.Random) -> Iterator[str]:
    """Add one bad dataset, list it, look at it and ask for a sample."""
    home = world.fresh_home("hostile")
    folder = world.fresh_home("hostile-data")
    name, make = rng.choice(sorted(KINDS.items()))
    target = make(folder, rng)
    world.faults[f"dataset: {name}"] += 1
    commands = [
        ("data", "add", "bad", str(target)),
        ("data", "info", "bad"),
        ("data", "list"),
        ("gallery", "bad", "--limit", "4", "--json"),
        ("gallery", "bad", "--limit", "2", "--out", str(world.root / "exported")),
        ("inspect", f"bad/train/{rng.randrange(3)}"),
    ]
    for words in commands:
        for complaint in world.judge(wb(home, *words)):
            yield f"{complaint} [{name}]"


def picture(rng: random.Random, size: int = 24) -> bytes:
    """A small PNG of noise."""
    rows = b"".join(b"\0" + rng.randbytes(size * 3) for _ in range(size))
    return _png(size, size, zlib.compress(rows))


def _png(width: int, height: int, body: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        head = len(data).to_bytes(4, "big") + kind + data
        return head + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def _rows(rng: random.Random, count: int = 12) -> list[dict[str, object]]:
    words = ["red", "left", ESCAPE, "[/red]", "=1+1", "a\u2028b", "\ud7ff", "é" * 40]
    return [
        {
            "id": str(number),
            "question": rng.choice(words),
            "label": rng.choice(("yes", "no", rng.choice(words))),
            "image": rng.choice(("a.png", "gone.png", "../../etc/passwd", "bad.png", "/dev/zero")),
        }
        for number in range(count)
    ]


def _images(folder: Path, rng: random.Random) -> None:
    (folder / "a.png").write_bytes(picture(rng))
    (folder / "bad.png").write_bytes(flip(picture(rng), rng, 40))


def _csv_bits(folder: Path, rng: random.Random) -> Path:
    _images(folder, rng)
    lines = ["id,question,label,image"]
    for row in _rows(rng):
        lines.append(",".join('"' + str(value).replace('"', '""') + '"' for value in row.values()))
    path = folder / "train.csv"
    path.write_bytes(flip("\n".join(lines).encode(), rng, rng.choice((0, 3, 60))))
    return path


def _csv_wide(folder: Path, rng: random.Random) -> Path:
    columns = rng.choice((300, 3_000, 30_000))
    path = folder / "train.csv"
    names = ",".join(f"c{number}" for number in range(columns))
    path.write_text(f"id,{names}\n" + "".join(f"{i},{'x,' * columns}\n" for i in range(3)))
    return path


def _csv_long_cell(folder: Path, rng: random.Random) -> Path:
    path = folder / "train.csv"
    size = rng.choice((10_000, 1_000_000, 60_000_000))
    path.write_text(f'id,question\n0,"{"a" * size}"\n1,b\n2,"never closed\n3,c\n')
    return path


def _jsonl_odd(folder: Path, rng: random.Random) -> Path:
    _images(folder, rng)
    lines = []
    for row in _rows(rng):
        document = with_odd_value(row, rng) if rng.random() < 0.5 else row
        lines.append(json.dumps(document))
    if rng.random() < 0.5:
        lines.insert(rng.randrange(len(lines)), "[" * 100_000)
    if rng.random() < 0.5:
        lines.insert(rng.randrange(len(lines)), '{"id": 1e999, "question": NaN}')
    path = folder / "train.jsonl"
    path.write_text("\n".join(lines))
    return path


def _json_array(folder: Path, rng: random.Random) -> Path:
    path = folder / "train.json"
    document: object = _rows(rng)
    if rng.random() < 0.5:
        document = {"data": document, "info": rng.choice(ODD[:4])}
    path.write_bytes(flip(json.dumps(document).encode(), rng, rng.choice((0, 2, 20))))
    return path


def _parquet(folder: Path, rng: random.Random) -> Path:
    import pyarrow
    import pyarrow.parquet

    rows = _rows(rng)
    for row in rows:
        row["image"] = picture(rng) if rng.random() < 0.7 else rng.randbytes(40)
    path = folder / "train.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    path.write_bytes(flip(path.read_bytes(), rng, rng.choice((0, 2, 30))))
    return path


def _tar(folder: Path, rng: random.Random) -> Path:
    path = folder / "train.tar"
    with tarfile.open(path, "w") as archive:
        for number in range(6):
            members = {
                "png": picture(rng) if rng.random() < 0.7 else rng.randbytes(30),
                "txt": ESCAPE.encode(),
                "json": rng.choice((b"{}", b"[" * 100_000, b'{"label": 1e999}', b"\xff\xfe")),
            }
            for ending, data in members.items():
                stem = rng.choice((f"{number}", f"../{number}", "x" * 90))
                entry = tarfile.TarInfo(f"{stem}.{ending}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    path.write_bytes(flip(path.read_bytes(), rng, rng.choice((0, 3, 30))))
    return path


def _pictures(folder: Path, rng: random.Random) -> Path:
    for kind in ("cats", "dogs"):
        (folder / kind).mkdir()
        for number in range(4):
            data = rng.choice((picture(rng), flip(picture(rng), rng, 20), rng.randbytes(50), b""))
            (folder / kind / f"{number}.png").write_bytes(data)
    side = rng.choice((5_000, 40_000))
    bomb = _png(side, side, zlib.compress(b"\0" * (side * 100)))
    (folder / "cats" / "bomb.png").write_bytes(bomb)
    (folder / "dogs" / "loop.png").symlink_to("loop.png")
    return folder


def _mapping(folder: Path, rng: random.Random) -> Path:
    """A table with images in base64, some broken, and rows without any."""
    path = folder / "train.tsv"
    cells = [
        base64.b64encode(picture(rng)).decode(),
        base64.b64encode(rng.randbytes(99)).decode(),
        "",
        "A" * 999,
    ]
    lines = ["index\tquestion\timage\tanswer"]
    lines += [f"{n}\twhat {n}?\t{rng.choice(cells)}\tA" for n in range(8)]
    path.write_text("\n".join(lines))
    return path


KINDS: dict[str, Callable[[Path, random.Random], Path]] = {
    "csv with turned bits": _csv_bits,
    "csv of many columns": _csv_wide,
    "csv with a long cell": _csv_long_cell,
    "jsonl with odd values": _jsonl_odd,
    "json with turned bits": _json_array,
    "parquet with turned bits": _parquet,
    "tar with odd members": _tar,
    "folder of bad pictures": _pictures,
    "tsv with base64": _mapping,
}
