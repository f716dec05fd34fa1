"""Small hostile files, and what is said of each; as a program it tries them in bounded children.

`python -m tests.workbench.data.hostile_inputs FOLDER` writes a line of JSON per case: what was
said, and the CPU seconds and the memory that it took. Each case runs in a fork with limits of its
own, so that one which hangs or eats memory is killed and named. Every file is made here and is
small: what a case costs is what the reader makes of it.
"""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import sys
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

CPU_S = 10
MEMORY = 3 * 2**30  # of address space beyond that of the parent

Case = tuple[str, Callable[[], bytes], str]  # file name, its bytes, what is said of it


def jpeg(scans: int, side: int = 64, padding: int = 0) -> bytes:
    """A progressive JPEG whose last scan stands there again and again."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    at = data.rindex(b"\xff\xda")
    return data[:at] + b"\x00" * padding + data[at:-2] * scans + b"\xff\xd9"


def png(*chunks: tuple[bytes, bytes], size: tuple[int, int] = (2, 2)) -> bytes:
    """A PNG of grey pixels with more chunks before them."""
    head = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + b"\x80" * size[0]) * min(size[1], 1000))
    body = [(b"IHDR", head), *chunks, (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in body
    )


def animation(form: str, frames: int = 300) -> bytes:
    """Many frames, of which the first is wanted."""
    from PIL import Image

    pictures = [Image.new("RGB", (32, 32), (i % 256, 0, 0)) for i in range(frames)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, form, save_all=True, append_images=pictures[1:])
    return buffer.getvalue()


def tiff(entries: bytes, offset: int = 8) -> bytes:
    """A little-endian TIFF with the entries given, and another directory at `offset`."""
    count = len(entries) // 12
    return b"II*\0" + struct.pack("<IH", 8, count) + entries + struct.pack("<I", offset)


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    """One entry of a TIFF's directory."""
    return struct.pack("<HHII", tag, kind, count, value)


def shared_lists(depth: int) -> bytes:
    """A pickle of a list that holds the one before twice, and so on: 2**depth items."""
    out = b"\x80\x04}\x8c\x06labels](]q\x00"
    for i in range(depth):
        out += b"]q" + bytes([i + 1]) + b"(" + (b"h" + bytes([i])) * 2 + b"e"
    return out + b"es."


def shared_key(depth: int) -> bytes:
    """A pickle whose dictionary has a tuple as its key that shares itself: its hash walks it."""
    out = b"\x80\x04})q\x00"
    for i in range(depth):
        out += b"h" + bytes([i]) + b"\x86q" + bytes([i + 1])
    return out + b"K\x01s."


def tar(*members: tuple[str, bytes]) -> bytes:
    """An uncompressed tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def long_names(count: int) -> bytes:
    """A tar in which a long name names a long name, and so on."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1
    return info.tobuf() * 1 + (b"a" + b"\0" * 511 + info.tobuf()) * count + bytes(1024)


def backwards() -> bytes:
    """A tar whose second header has a negative size and so leads to itself again."""
    first = tar(("a.txt", b"x"))[:1024]
    info = tarfile.TarInfo("b.txt")
    head = bytearray(info.tobuf())
    head[124:136] = b"\xff" * 10 + b"\xf8\x00"  # -2048 in base 256
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return first + bytes(head) + bytes(1024)


def parquet(columns: int = 1, rows: int = 1, **knobs: Any) -> bytes:
    """A table of zeros."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table({f"c{i}": [0] * rows for i in range(columns)}), buffer, **knobs)
    return buffer.getvalue()


def flipped(data: bytes, at: int, value: bytes) -> bytes:
    """`data` with other bytes at a place."""
    return data[:at] + value + data[at + len(value) :]


WIDE = 20_000
DEEP = 50_000
_PARQUET_FOOTER = b"\xff\xff\xff\x7f"

IMAGES: tuple[Case, ...] = (
    ("scans-5000.jpg", lambda: jpeg(5000), "5,0.. scans over 64x64"),
    ("scans-with-profile.jpg", lambda: jpeg(3000), "scans over 64x64"),
    ("scans-large.jpg", lambda: jpeg(90, side=5000), "scans over 5000x5000"),
    ("plain-progressive.jpg", lambda: jpeg(1), "ok"),
    (
        "many-markers.jpg",
        lambda: jpeg(1)[:2] + b"\xff\xfe\x00\x04\xff\xda" * 500 + jpeg(1)[2:],
        "ok",
    ),
    (
        "text-bomb.png",
        lambda: png((b"zTXt", b"a\0\0" + zlib.compress(bytes(80_000_000)))),
        "ok|large|memory",
    ),
    (
        "text-bombs.png",
        lambda: png(*[(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000)))] * 200),
        "ok|large|memory",
    ),
    (
        "profile-bomb.png",
        lambda: png((b"iCCP", b"a\0\0" + zlib.compress(bytes(80_000_000)))),
        "ok|large|memory",
    ),
    ("many-chunks.png", lambda: png(*[(b"tEXt", b"a\0b")] * 20_000), "ok"),
    ("too-large.png", lambda: png(size=(50_000, 50_000)), "too large|50000x50000"),
    ("wrong-length.png", lambda: flipped(png(), 33, b"\x7f\xff\xff\xff"), "ok|damaged"),
    ("frames.gif", lambda: animation("GIF"), "ok"),
    ("frames.webp", lambda: animation("WEBP", 60), "ok"),
    ("frames.tif", lambda: animation("TIFF"), "ok"),
    ("loop.tif", lambda: tiff(entry(256, 3, 1, 2) + entry(257, 3, 1, 2)), "not an image|damaged"),
    ("huge-count.tif", lambda: tiff(entry(273, 4, 2**32 - 1, 8)), "not an image|damaged"),
    (
        "huge-size.tif",
        lambda: tiff(entry(256, 4, 1, 2**31) + entry(257, 4, 1, 2**31)),
        "not an image|damaged|large",
    ),
    (
        "huge.bmp",
        lambda: (
            b"BM"
            + struct.pack(
                "<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2**30, 2**30, 1, 24, 0, 0, 0, 0, 0, 0
            )
        ),
        "pixels",
    ),
    ("huge.ppm", lambda: b"P6 99999999999 99999999999 255\n", "."),
    ("zeros.avif", lambda: b"\0\0\0\x1cftypavif" + bytes(4000), "not an image|damaged"),
    ("plain.jp2", lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100), "not an image"),
    ("eps.png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
)
TABLES: tuple[Case, ...] = (
    (
        "wide.csv",
        lambda: (",".join(f"c{i}" for i in range(WIDE)) + "\n1\n").encode(),
        "20,000 columns",
    ),
    ("same-name.csv", lambda: (",".join("c" for _ in range(4000)) + "\n1\n").encode(), "'c' twice"),
    (
        "wide.jsonl",
        lambda: (json.dumps({f"c{i}": i for i in range(WIDE)}) + "\n").encode(),
        "ok|columns",
    ),
    ("wide-list.json", lambda: json.dumps([[0] * WIDE]).encode(), "ok|columns"),
    (
        "ever-wider.jsonl",
        lambda: b"".join(
            b'{"t": "a", %s}\n' % b",".join(b'"c%d_%d": 1' % (r, i) for i in range(900))
            for r in range(40)
        ),
        "columns",
    ),
    ("wide.parquet", lambda: parquet(WIDE // 4), "5,000 columns"),
    ("cell.csv", lambda: b't,u\n"' + b"x" * 9_000_000 + b'",1\na,b\n', "ok"),
    ("lines-in-a-row.csv", lambda: b"t,u\n" + b'"' + b"x\n" * 30_000, "ok"),
    ("many-cells.csv", lambda: b"t,u\n" + b'"a\n",' * 600_000 + b"1\n", "ok|longer than"),
    ("deep.jsonl", lambda: b'{"t": "a"}\n{"t": ' + b"[" * DEEP + b"]" * DEEP + b"}\n", "ok"),
    ("rather-deep.jsonl", lambda: b'{"t": "a"}\n{"t": ' + b"[" * 800 + b"]" * 800 + b"}\n", "ok"),
    ("deep.json", lambda: b'[{"t": ' + b"[" * DEEP + b"]" * DEEP + b"}]", "nests deeper"),
    ("rather-deep.json", lambda: b'[{"t": "a"}, {"t": ' + b"[" * 800 + b"]" * 800 + b"}]", "ok"),
    ("digits.jsonl", lambda: b'{"t": "a"}\n{"t": ' + b"9" * 1_000_000 + b"}\n", "ok"),
    ("digits.json", lambda: b'[{"t": ' + b"9" * 1_000_000 + b"}]", "digits"),
    ("exponent.jsonl", lambda: b'{"t": 1e999999999}\n', "ok|."),
    ("footer.parquet", lambda: parquet()[:-8] + _PARQUET_FOOTER + b"PAR1", "not a Parquet file"),
    (
        "metadata.parquet",
        lambda: flipped(parquet(), len(parquet()) - 40, b"\xff" * 16),
        "Parquet|damaged|ok|.",
    ),
    (
        "page.parquet",
        lambda: flipped(parquet(rows=100), 4, b"\x15\x04\x15\xfe\xff\xff\x7f\x15\xfe\xff\xff\x7f"),
        "damaged|Parquet",
    ),
    (
        "deep.tar",
        lambda: tar(
            ("a.txt", b"x"),
            ("a.json", b'{"t":' + b"[" * DEEP + b"]" * DEEP + b"}"),
            ("b.txt", b"y"),
        ),
        "ok",
    ),
    ("members.tar", lambda: tar(*[(f"a.c{i}", b"") for i in range(6000)]), "."),
    ("long-names.tar", lambda: long_names(3000), "."),
    ("backwards.tar", backwards, "ok|not a tar"),
    (
        "pax.tar",
        lambda: flipped(tar(("a.txt", b"x")), 124, b"77777777777\0"),
        "not a tar|no rows|.",
    ),
    ("utf16.csv", lambda: "t,u\n1,2\n".encode("utf-16"), "UTF-16"),
    ("nul.csv", lambda: b"t,u\n\0\0\0,b\na,b\n", "ok"),
)
PICKLES: tuple[Case, ...] = (
    ("shared.pkl", lambda: shared_lists(60), "lists that hold each other"),
    ("key.pkl", lambda: shared_key(60), "as a key"),
    (
        "steps.pkl",
        lambda: b"\x80\x04}\x8c\x06labels](" + b"K\x01" * 3_000_000 + b"es.",
        "instructions",
    ),
    ("itself.pkl", lambda: b"\x80\x04}\x8c\x06labels]q\x00h\x00as.", "."),
)


def try_image(path: Path) -> str:
    """Decode it as a sample's picture is, and describe it."""
    from workbench.images.decode import facts, load_image, thumbnail
    from workbench.sample import ImageRef

    ref = ImageRef(path=path)
    load_image(ref)
    thumbnail(ref, (16, 16))
    facts(ref)
    return "ok"


def try_table(path: Path) -> str:
    """Add it and read every row, as `wb data add` and an evaluation do."""
    from workbench.data.adding import add
    from workbench.data.source import open_source
    from workbench.errors import DataError

    name = path.name.replace("-", "").replace(".", "-")
    try:
        added = add(name, path)
    except DataError as error:
        if error.kind != "nothing_taken":
            raise
        added = add(name, path, texts={}, label="", image=[])  # its rows are what is tried
    split = next(iter(added.info.splits))
    for sample in open_source(added.info.name, split).iter():
        json.dumps(sample.metadata)
    return "ok"


def try_pickle(path: Path) -> str:
    """Read it as a batch of CIFAR-10."""
    from workbench.data.layouts.pickled import read_batch

    read_batch(path)
    return "ok"


GROUPS = ((IMAGES, try_image), (TABLES, try_table), (PICKLES, try_pickle))
CASES = tuple((name, said) for cases, _ in GROUPS for name, _, said in cases)


def main(folder: Path) -> None:
    """Try every case in a fork of its own."""
    import pyarrow.parquet  # noqa: F401 - once, not in each fork
    from PIL import Image

    import workbench.data.adding  # noqa: F401

    Image.init()
    for cases, attempt in GROUPS:
        for name, make, _ in cases:
            path = folder / name
            path.write_bytes(make())
            sys.stdout.write(json.dumps(_in_child(name, attempt, path)) + "\n")
            sys.stdout.flush()


def _in_child(name: str, attempt: Callable[[Path], str], path: Path) -> dict[str, Any]:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY,) * 2)
        os.write(write, _said(attempt, path).encode()[:60_000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        said = f"killed by signal {-code}" if code < 0 else f"exit {code}"
    return {"name": name, "said": said, "cpu_s": usage.ru_utime + usage.ru_stime}


def _said(attempt: Callable[[Path], str], path: Path) -> str:
    from sessions.errors import WbError

    try:
        return attempt(path)
    except WbError as error:
        return error.message
    except BaseException as error:
        return f"TRACEBACK {type(error).__name__}: {error}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
