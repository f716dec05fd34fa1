"""Every dataset in every mode: `python -m benchmarks.data_modes [--samples N] [--layout L ...]`.

Makes a known dataset of N samples in both its forms: the authors' files, which are read where
they lie, and a repository in Parquet, served by a hub on loopback in a process of its own, which
is streamed, streamed again and cached. For each a fresh process measures opening, the first
sample, the next one, a jump to a random UID, decoding included, and resident memory on the way.
The UIDs of all modes, all of them and in shuffled order, are compared, and the pixels and texts
of the samples that were jumped to. A line of JSON per measurement goes to `--out` as it is made.

One layout at a time is on disk: pairs (`nlvr2`) take about 23 GB for 100,000, others half.
`--latency-ms` lets the hub wait before each answer, as a distant one does; `--first` asks the
scheduler to run the measurement and the hub before everything else (root alone may).
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
from pathlib import Path
from typing import Any

from benchmarks.data_access import Clock, resident_mb
from benchmarks.data_layouts import LAYOUTS, write_repository

JUMPS = 1000
NEXT = 10_000
FIRST = -19  # as `nice` has it


def go_first() -> None:
    """Have this process run before others: its own nice, and that of its session's group."""
    os.setsid()
    os.setpriority(os.PRIO_PROCESS, 0, FIRST)
    group = Path("/proc/self/autogroup")
    if group.exists():
        group.write_text(str(FIRST))


def serve(folder: Path, repo: str, latency_ms: float) -> None:
    """A hub until stdin is closed; prints its address."""
    from tests.hub_server import Hub

    with Hub() as hub:
        hub.commit(repo, folder)
        hub.latency_s = latency_ms / 1000
        print(hub.url, flush=True)
        sys.stdin.read()


def disk_mb() -> float:
    """What this process had to have read from a disk so far (Linux alone)."""
    facts = Path("/proc/self/io")
    lines = facts.read_text().splitlines() if facts.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("read_bytes")) / 1e6


def measure(spec: str, mode: str) -> dict[str, Any]:
    """The figures of one mode, in milliseconds unless they say otherwise."""
    from workbench.data.hub.state import remember
    from workbench.data.permutation import permutation
    from workbench.data.source import open_source

    def use(sample) -> list:  # noqa: ANN001 - a Sample
        assert sample.error is None, sample.error
        return [ref.load() for ref in sample.images]

    if mode != "files":
        remember(spec.partition("/")[0], mode=mode)
    opened, first, jumps, steps = Clock(), Clock(), Clock(), Clock()
    source = open_source(spec)
    opened.stop()
    assert source.length
    first.start()
    use(next(iter(source.iter())))
    first.stop()
    memory: dict[str, float] = {"MB at first": resident_mb()}
    rng, content = random.Random(1), hashlib.sha256()
    uids = [source.uid_at(rng.randrange(source.length)) for _ in range(min(JUMPS, source.length))]
    before = disk_mb()
    for uid in uids:
        jumps.start()
        sample = source.get(uid)
        images = use(sample)
        jumps.stop()
        facts = [sample.uid, sample.label, sorted(sample.texts.items())]
        content.update(repr(facts).encode() + b"".join(image.tobytes() for image in images))
    memory |= {"MB after jumps": resident_mb(), "jump disk MB": (disk_mb() - before) / len(uids)}
    steps.start()
    for read, sample in enumerate(source.iter(), start=1):
        use(sample)
        steps.stop()
        if read in (100, 1000, NEXT):
            memory[f"MB after {read}"] = resident_mb()
        if read == NEXT:
            break
    uids = hashlib.sha256()
    for ordinal in permutation(source.length, 7):
        uids.update(source.uid_at(ordinal).encode() + b"\n")
    figures = opened.figures("open") | first.figures("first") | jumps.figures("jump")
    figures |= steps.figures("next") | memory | {"samples": source.length, "read": len(steps.wall)}
    return figures | {"uids": uids.hexdigest(), "content": content.hexdigest()}


class Bench:
    """Measures one layout after another.

    Args:
        options: Of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options

    def fresh(self, name: str, mode: str, label: str, runs: int = 0) -> list[dict[str, Any]]:
        """The figures from processes of their own."""
        spec = f"{name}/{LAYOUTS[name].split}"
        words = [sys.executable, "-m", "benchmarks.data_modes", "--measure", spec, "--mode", mode]
        found = []
        for run in range(runs or self.options.runs):
            done = subprocess.run(words + self._first, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(done.stderr)
            figures = {"layout": name, "mode": label, "run": run} | json.loads(done.stdout)
            self.note(figures | {"load": os.getloadavg()[0], "when": time.time()})
            found.append(figures)
        return found

    @property
    def _first(self) -> list[str]:
        return ["--first"] if self.options.first else []

    def note(self, figures: dict[str, Any]) -> None:
        """Print a line and keep it."""
        hidden = ("uids", "content", "layout", "mode", "when")
        shown = {key: value for key, value in figures.items() if key not in hidden}
        words = "".join(
            f"  {key} {value:.2f}" if isinstance(value, float) else f"  {key} {value}"
            for key, value in shown.items()
        )
        print(f"{figures['layout']:<13} {figures['mode']:<15}{words}", flush=True)
        if self.options.out:
            with self.options.out.open("a") as file:
                file.write(json.dumps(figures) + "\n")

    def run(self, name: str, folder: Path) -> None:
        """Make, add and measure one layout in all its modes; raises where they differ."""
        found = self.files(name, folder / "files")
        found += self.hub(name, folder / "repository", folder / "ids.json")
        same = all(len({one[what] for one in found}) == 1 for what in ("uids", "content"))
        self.note({"layout": name, "mode": "equal", "samples": found[0]["samples"], "equal": same})
        if not same:
            raise SystemExit(1)

    def files(self, name: str, folder: Path) -> list[dict[str, Any]]:
        """The authors' files, read where they lie."""
        from workbench.data.adding import add, remove_dataset
        from workbench.data.source import open_source

        layout = LAYOUTS[name]
        path = layout.files(folder, self.options.samples)
        began = time.perf_counter()
        add(name, path, **layout.file_wishes)
        self.note({"layout": name, "mode": "add files", "s": time.perf_counter() - began})
        found = self.fresh(name, "files", "files")
        if layout.ids_of_files:
            source = open_source(f"{name}/{layout.split}")
            uids = (source.uid_at(i) for i in range(source.length or 0))
            ids = [uid.rpartition("/")[2] for uid in uids]
            (folder.parent / "ids.json").write_text(json.dumps(ids))
        remove_dataset(name)
        shutil.rmtree(folder)
        return found

    def hub(self, name: str, folder: Path, ids: Path) -> list[dict[str, Any]]:
        """The repository, streamed and cached."""
        from workbench.data.adding import add
        from workbench.data.hub.cache import cache_dataset

        layout, options = LAYOUTS[name], self.options
        known = json.loads(ids.read_text()) if ids.exists() else ()
        write_repository(folder, layout, options.samples, known)
        size = sum(path.stat().st_size for path in folder.rglob("*.parquet")) / 1e9
        repo = layout.repo or f"someone/{name}"
        words = [sys.executable, "-m", "benchmarks.data_modes", "--serve", str(folder)]
        words += ["--repo", repo, "--latency-ms", str(options.latency_ms), *self._first]
        with subprocess.Popen(words, stdin=-1, stdout=-1, text=True) as hub:
            assert hub.stdout is not None and hub.stdin is not None
            os.environ["HF_ENDPOINT"] = hub.stdout.readline().strip()
            try:
                began = time.perf_counter()
                add(name, f"hub:{repo}", **layout.wishes)
                took = time.perf_counter() - began
                self.note({"layout": name, "mode": "add hub", "s": took, "GB": size})
                found = self.fresh(name, "streamed", "streamed, new", runs=1)
                found += self.fresh(name, "streamed", "streamed, again")
                blocks = Path(os.environ["WB_HOME"]) / "cache/hub/blocks"
                shutil.rmtree(blocks, ignore_errors=True)  # the cache needs the room
                began = time.perf_counter()
                cache_dataset(name)
                self.note({"layout": name, "mode": "cache", "s": time.perf_counter() - began})
            finally:
                hub.stdin.close()
        shutil.rmtree(folder)  # nobody has the hub's own files in his page cache
        return found + self.fresh(name, "cached", "cached")


def main() -> None:
    """Measure each layout in each mode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--layout", choices=LAYOUTS, action="append", help="(default: all)")
    parser.add_argument("--folder", type=Path, help="on a disk with room")
    parser.add_argument("--runs", type=int, default=1, help="of each measurement")
    parser.add_argument("--out", type=Path, help="JSON lines, appended to")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--first", action="store_true")
    for hidden in ("--serve", "--repo", "--measure", "--mode"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first and (options.serve or options.measure):
        go_first()
    if options.serve:
        serve(Path(options.serve), options.repo, options.latency_ms)
        return
    if options.measure:
        print(json.dumps(measure(options.measure, options.mode)))
        return
    os.environ.pop("HF_HUB_OFFLINE", None)
    for name in options.layout or LAYOUTS:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:  # the next needs the room
            os.environ["WB_HOME"] = str(Path(folder) / "wb")
            Bench(options).run(name, Path(folder))


if __name__ == "__main__":
    main()
