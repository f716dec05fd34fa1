"""How fast samples are reached: `python -m benchmarks.data_access [--rows N] [--pictures]`.

Makes a table of N rows in each format over a handful of pictures, adds it, and measures in a
fresh process each: adding (which builds the index), opening again, the first sample, the next
one, a jump to a random UID, and the resident memory after 10,000 samples. `--pictures` puts a
JPEG of 500x375 into every row of the Parquet file, and decoding into every figure.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LOOKUPS = 1000
NEXT = 10_000


def photo(seed: int) -> bytes:
    """A JPEG of 500x375 pixels with the size of a photograph (about 40 kB)."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC)
    noise = rng.normal(0, 9, (375, 500, 3))
    image = Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype("uint8"))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def make(folder: Path, rows: int, pictures: bool) -> dict[str, Path]:
    """The tables by format."""
    import csv

    import pyarrow as pa
    import pyarrow.parquet as pq

    photos = [photo(seed) for seed in range(16)]
    (folder / "img").mkdir()
    for i, data in enumerate(photos):
        (folder / f"img/{i}.jpg").write_bytes(data)

    def row(i: int) -> dict[str, str]:
        text = f"What stands to the left of thing number {i}, and why is it there?"
        return {"id": f"q{i:07}", "question": text, "answer": "yes", "image": f"img/{i % 16}.jpg"}

    paths = {name: folder / f"t.{name}" for name in ("csv", "jsonl", "json", "parquet")}
    with paths["csv"].open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row(0)))
        writer.writeheader()
        writer.writerows(row(i) for i in range(rows))
    with paths["jsonl"].open("w") as file:
        file.writelines(json.dumps(row(i)) + "\n" for i in range(rows))
    with paths["json"].open("w") as file:
        file.write("[" + ", ".join(json.dumps(row(i)) for i in range(rows)) + "]")
    writer = None
    for start in range(0, rows, 1000):
        chunk = [row(i) for i in range(start, min(start + 1000, rows))]
        if pictures:
            chunk = [
                r | {"image": {"bytes": photos[i % 16], "path": None}} for i, r in enumerate(chunk)
            ]
        table = pa.Table.from_pylist(chunk)
        writer = writer or pq.ParquetWriter(paths["parquet"], table.schema)
        writer.write_table(table, row_group_size=100 if pictures else 1000)
    assert writer is not None
    writer.close()
    return paths


def resident_mb() -> float:
    """Resident memory of this process, in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


class Clock:
    """Wall and processor milliseconds of many small steps.

    On a busy machine the wall's 99th percentile is the scheduler's; the processor's is ours.
    """

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.start()

    def start(self) -> None:
        """Begin a step."""
        self._began = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """End it, and begin the next."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.wall.append((wall - self._began[0]) * 1000)
        self.cpu.append((cpu - self._began[1]) * 1000)
        self.start()

    def figures(self, name: str) -> dict[str, float]:
        """Median and 99th percentile of both."""
        if len(self.wall) == 1:
            return {name: self.wall[0], f"{name} cpu": self.cpu[0]}
        last = int(len(self.wall) * 0.99)
        return {
            f"{name} median": statistics.median(self.wall),
            f"{name} 99%": sorted(self.wall)[last],
            f"{name} 99% cpu": sorted(self.cpu)[last],
        }


def measure(name: str, decode: bool) -> dict[str, float]:
    """The figures of an added dataset, in milliseconds unless they say otherwise."""
    from workbench.data.source import open_source

    def use(sample) -> None:
        assert sample.error is None, sample.error
        if decode:
            for ref in sample.images:
                ref.load()

    first, jumps, steps = Clock(), Clock(), Clock()
    source = open_source(name)
    use(next(iter(source.iter())))
    first.stop()
    rng = random.Random(1)
    uids = [source.uid_at(rng.randrange(source.length or 1)) for _ in range(LOOKUPS)]
    jumps.start()
    for uid in uids:
        use(source.get(uid))
        jumps.stop()
    early = resident_mb()
    steps.start()
    for count, sample in enumerate(source.iter()):
        use(sample)
        steps.stop()
        early = resident_mb() if count == 100 else early
        if count == NEXT:
            break
    figures = first.figures("first") | jumps.figures("jump") | steps.figures("next")
    return figures | {"MB after 100": early, f"MB after {NEXT}": resident_mb()}


def main() -> None:
    """Make the tables, add them, and print a line per format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.pictures)))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WB_HOME"] = str(Path(folder) / "wb")
        from workbench.data.adding import add

        for name, path in make(Path(folder), options.rows, options.pictures).items():
            adding = Clock()
            add(name, path)
            adding.stop()
            words = [sys.executable, "-m", "benchmarks.data_access", "--measure", name]
            words += ["--pictures"] if options.pictures else []
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            figures = json.loads(done.stdout)
            print(f"{name:<8} {path.stat().st_size / 1e6:8.1f} MB", end="")
            figures = adding.figures("add") | figures
            print("".join(f"  {key} {value:.2f}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
