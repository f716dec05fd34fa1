"""How fast known layouts of full size are added and read: `python -m benchmarks.known_data`.

Makes VQA v2's validation split (214,354 questions, ten answers each, no pictures) and CIFAR-10's
six batches (60,000 pictures) out of chance, adds each in a fresh process, and measures adding,
the first sample after opening, and jumps to random UIDs: in processor time, and the most memory
held (Linux alone).
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

QUESTIONS = 214_354
JUMPS = 2_000


def make_vqa(folder: Path, count: int) -> None:
    """Questions and annotations in VQA v2's form."""
    rng = random.Random(0)
    words = [f"word{n}" for n in range(3000)] + ["yes", "no"] * 500
    questions, annotations = [], []
    for n in range(count):
        image = rng.randrange(600_000)
        text = f"What is the colour of the {rng.choice(words)}?"
        questions.append({"image_id": image, "question": text, "question_id": n})
        people = [
            {"answer": rng.choice(words), "answer_confidence": "yes", "answer_id": k}
            for k in range(1, 11)
        ]
        facts = {"question_type": "what", "answer_type": "other", "multiple_choice_answer": "yes"}
        annotations.append({"question_id": n, "image_id": image, "answers": people} | facts)
    for name, key, rows in (
        ("v2_OpenEnded_mscoco_val2014_questions", "questions", questions),
        ("v2_mscoco_val2014_annotations", "annotations", annotations),
    ):
        (folder / f"{name}.json").write_text(json.dumps({"info": {}, key: rows}))


def make_cifar10(folder: Path) -> None:
    """Six batches of 10,000 pictures."""
    import numpy as np

    rng = np.random.default_rng(0)
    for name in [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]:
        body = {
            "labels": [n % 10 for n in range(10_000)],
            "data": rng.integers(0, 256, (10_000, 3072), dtype=np.uint8),
            "filenames": [f"picture_{n}.png" for n in range(10_000)],
        }
        (folder / name).write_bytes(pickle.dumps(body, protocol=4))


def measure(layout: str, folder: Path) -> dict[str, float]:
    """Add a folder and jump about in it, in this process."""
    from workbench.data.adding import add
    from workbench.data.source import open_source

    begin = time.process_time()
    info = add(layout, folder).info
    figures = {"add s": time.process_time() - begin}
    split = max(info.splits, key=lambda name: info.splits[name] or 0)
    begin = time.process_time()
    source = open_source(layout, split)
    source.at(0)
    figures["first ms"] = (time.process_time() - begin) * 1e3
    rng = random.Random(1)
    times = []
    for _ in range(JUMPS):
        uid = source.uid_at(rng.randrange(source.length or 1))
        begin = time.process_time()
        sample = source.get(uid)
        if layout == "cifar10":
            sample.images[0].load()
        times.append((time.process_time() - begin) * 1e3)
    figures |= {"jump ms": statistics.median(times), "99%": sorted(times)[JUMPS * 99 // 100]}
    return figures | {"samples": sum(n or 0 for n in info.splits.values()), "peak MB": peak_mb()}


def peak_mb() -> float:
    """The most memory that this process held (`ru_maxrss` would count its parent's, too)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Make both, measure each, and print a line per layout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        layout, folder = options.measure
        print(json.dumps(measure(layout, Path(folder))))
        return
    with tempfile.TemporaryDirectory() as root:
        for layout in ("vqa", "cifar10"):
            folder = Path(root) / layout
            folder.mkdir()
            make_vqa(folder, options.questions) if layout == "vqa" else make_cifar10(folder)
            words = [sys.executable, "-m", "benchmarks.known_data", "--measure", layout, folder]
            env = os.environ | {"WB_HOME": str(Path(root) / "wb")}
            done = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
            figures = json.loads(done.stdout)
            print(layout, "  ".join(f"{k} {v:,.2f}" for k, v in figures.items()), flush=True)


if __name__ == "__main__":
    main()
