"""Streamed against cached: `python -m benchmarks.data_modes [--samples N] [--layout L]`.

Makes a repository of N samples in the form of a known dataset, with JPEGs of 500x375, serves it
by a hub on loopback in a process of its own, adds it, and measures in a fresh process per mode:
opening, the first sample, the next one, a jump to a random UID, decoding included, and resident
memory on the way. The UIDs of both modes, all of them and in shuffled order, are compared.
`--latency-ms` lets the hub wait before each answer, as a distant one does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.data_access import Clock, photo, resident_mb

JUMPS = 1000
NEXT = 10_000
GROUP = 100  # rows of a row group, as `datasets` writes pictures
SHARD = 10_000  # rows of a file
REPOS = {"nlvr2": "pingzhili/nlvr2", "esnlive": "Dec2Enc/e-snli-ve", "cifar10": "uoft-cs/cifar10"}


def rows(layout: str, count: int) -> Iterator[dict[str, Any]]:
    """Samples in the columns of a known repository; pictures repeat, ids do not."""
    small = layout == "cifar10"
    photos = [tiny(seed) if small else photo(seed) for seed in range(64)]
    for i in range(count):
        first = {"bytes": photos[i % 64], "path": None}
        if layout == "nlvr2":
            second = {"bytes": photos[(i * 7 + 1) % 64], "path": None}
            yield {
                "identifier": f"train-{i // 4}-{i % 4}-0",
                "sentence": f"There are {i} dogs in the left picture.",
                "label": str(bool(i % 2)),
                "image0": first,
                "image1": second,
            }
        elif layout == "esnlive":
            word = ("entailment", "neutral", "contradiction")[i % 3]
            yield {
                "pairID": f"{i:010}.jpg#{i % 5}r1{word[0]}",
                "image": first,
                "hypothesis": f"Person number {i} is outside.",
                "label": word,
            }
        else:
            yield {"img": first, "label": i % 10}


def tiny(seed: int) -> bytes:
    """A PNG of 32x32 pixels."""
    import io

    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def make(folder: Path, layout: str, count: int) -> None:
    """The repository's files, with a card."""
    import itertools

    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "data").mkdir(parents=True)
    files = "configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/*\n"
    (folder / "README.md").write_text(f"---\nlicense: mit\n{files}---\n")
    shards, found = -(-count // SHARD), rows(layout, count)
    for shard in range(shards):
        path, writer = folder / f"data/train-{shard:05}-of-{shards:05}.parquet", None
        for _ in range(SHARD // GROUP):
            chunk = list(itertools.islice(found, GROUP))
            if not chunk:
                break
            table = pa.Table.from_pylist(chunk)
            writer = writer or pq.ParquetWriter(path, table.schema, use_dictionary=False)
            writer.write_table(table, row_group_size=GROUP)
        assert writer is not None
        writer.close()


def serve(folder: Path, repo: str, latency_ms: float) -> None:
    """A hub until stdin is closed; prints its address."""
    from tests.hub_server import Hub

    with Hub() as hub:
        hub.commit(repo, folder)
        hub.latency_s = latency_ms / 1000
        print(hub.url, flush=True)
        sys.stdin.read()


def measure(name: str, mode: str) -> dict[str, Any]:
    """The figures of one mode, in milliseconds unless they say otherwise."""
    from workbench.data.hub_state import remember
    from workbench.data.permutation import permutation
    from workbench.data.source import open_source

    def use(sample) -> None:
        assert sample.error is None, sample.error
        for ref in sample.images:
            ref.load()

    remember(name, mode=mode)
    opened, first, jumps, steps = Clock(), Clock(), Clock(), Clock()
    source = open_source(f"{name}/train")
    opened.stop()
    assert source.length
    first.start()
    use(next(iter(source.iter())))
    first.stop()
    rng = random.Random(1)
    uids = [source.uid_at(rng.randrange(source.length)) for _ in range(min(JUMPS, source.length))]
    jumps.start()
    for uid in uids:
        use(source.get(uid))
        jumps.stop()
    memory, read = {}, 0
    steps.start()
    for sample in source.iter():
        use(sample)
        steps.stop()
        read += 1
        if read in (100, 1000, NEXT):
            memory[f"MB after {read}"] = resident_mb()
        if read == NEXT:
            break
    digest = hashlib.sha256()
    for ordinal in permutation(source.length, 7):
        digest.update(source.uid_at(ordinal).encode() + b"\n")
    figures = opened.figures("open") | first.figures("first") | jumps.figures("jump")
    figures |= steps.figures("next") | memory
    return figures | {"uids": digest.hexdigest(), "samples": source.length, "read": read}


def fresh(name: str, mode: str, label: str) -> dict[str, Any]:
    """The figures from a process of its own."""
    words = [sys.executable, "-m", "benchmarks.data_modes", "--measure", name, "--mode", mode]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures = json.loads(done.stdout)
    shown = {key: value for key, value in figures.items() if key != "uids"}
    words = "".join(
        f"  {key} {value:.2f}" if isinstance(value, float) else f"  {key} {value}"
        for key, value in shown.items()
    )
    print(f"{name:<8} {label:<18}{words}", flush=True)
    return figures


def compare(layout: str, samples: int, folder: Path, latency_ms: float) -> None:
    """Make, serve, add and measure one layout."""
    from workbench.data.adding import add
    from workbench.data.hub_cache import cache_dataset

    repository = folder / layout
    if not repository.is_dir():
        make(repository, layout, samples)
    size = sum(path.stat().st_size for path in repository.rglob("*.parquet")) / 1e9
    words = [sys.executable, "-m", "benchmarks.data_modes", "--serve", str(repository)]
    words += ["--layout", layout, "--latency-ms", str(latency_ms)]
    with subprocess.Popen(words, stdin=-1, stdout=-1, text=True) as hub:
        assert hub.stdout is not None and hub.stdin is not None
        os.environ["HF_ENDPOINT"] = hub.stdout.readline().strip()
        try:
            began = time.perf_counter()
            add(layout, f"hub:{REPOS[layout]}")
            print(f"{layout:<8} {size:.2f} GB  add {time.perf_counter() - began:.2f} s", flush=True)
            streamed = fresh(layout, "streamed", "streamed, new")
            again = fresh(layout, "streamed", "streamed, again")
            began = time.perf_counter()
            cache_dataset(layout)
            print(f"{layout:<8} cached in {time.perf_counter() - began:.1f} s", flush=True)
            cached = fresh(layout, "cached", "cached")
        finally:
            hub.stdin.close()
    equal = streamed["uids"] == again["uids"] == cached["uids"]
    print(f"{layout:<8} {cached['samples']:,} UIDs, shuffled, equal in both modes: {equal}")
    if not equal:
        raise SystemExit(1)


def main() -> None:
    """Measure each layout, streamed and cached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--layout", choices=[*REPOS, "all"], default="all")
    parser.add_argument("--folder", type=Path, help="on a disk with room for it twice")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--mode", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, REPOS[options.layout], options.latency_ms)
        return
    if options.measure:
        print(json.dumps(measure(options.measure, options.mode)))
        return
    os.environ.pop("HF_HUB_OFFLINE", None)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        os.environ["WB_HOME"] = str(folder / "wb")
        for layout in REPOS if options.layout == "all" else [options.layout]:
            compare(layout, options.samples, folder, options.latency_ms)
            shutil.rmtree(folder / layout)  # the next one needs the room
            shutil.rmtree(folder / "wb", ignore_errors=True)


if __name__ == "__main__":
    main()
