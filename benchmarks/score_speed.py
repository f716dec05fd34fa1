"""Label scores against answers of several lengths, and pictures that several prompts show.

    python -m benchmarks.score_speed [--samples 96] [--rounds 3] [--batch 16]

The demo model, one thread, in process, as an evaluation asks it. Answers run to their full length:
nothing ends a turn. Each sample has pictures of its own; then six in a row have the same ones, read
with each prompt or once a batch. Medians of the rounds, CPU and wall seconds, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from statistics import median
from typing import Any

LABELS = ("True", "False")
LENGTHS = (12, 64)
PER_PICTURE = 6


def main() -> None:
    """Measure, and print the table as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=96, help="Of demo/test.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    args = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryDirectory() as home:
        os.environ["WB_HOME"] = home
        print(json.dumps(measure(args.samples, args.rounds, args.batch), indent=2))


def measure(samples: int, rounds: int, batch: int) -> dict[str, Any]:
    """Seconds by what was asked; the score's own row has 0 tokens."""
    import torch

    from workbench.inference.decoding import Decoding
    from workbench.inference.generate import generate
    from workbench.inference.prefix_cache import PrefixCache
    from workbench.models.base import load_model
    from workbench.models.spec import ModelSpec
    from workbench.sample import Conversation

    torch.set_num_threads(1)
    loaded = load_model(ModelSpec("demo", device="cpu", dtype="fp32"))
    loaded.__dict__["end_ids"] = ()

    def asked(rows: list[Conversation], tokens: int, once: bool) -> tuple[float, float]:
        knobs = Decoding(max_new_tokens=tokens or 1, top_logprobs=0)
        cpu, wall = time.process_time(), time.perf_counter()
        prefixes = PrefixCache(1 << 30) if once else None
        for start in range(0, len(rows), batch):
            some = rows[start : start + batch]
            generate(loaded, some, knobs, labels=None if tokens else LABELS, prefixes=prefixes)
        return time.process_time() - cpu, time.perf_counter() - wall

    own, shared = prompts(samples, 1), prompts(samples, PER_PICTURE)
    asked(own[:batch], 0, once=True)
    wanted: dict[str, Any] = {
        f"own pictures, {n or 'score'}": (own, n, True) for n in (0, *LENGTHS)
    }
    for n in (0, LENGTHS[0]):
        for once in (False, True):
            words = "once" if once else "with each prompt"
            wanted[f"shared pictures read {words}, {n or 'score'}"] = (shared, n, once)
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in wanted}
    for _ in range(rounds):
        for name, (rows, tokens, once) in wanted.items():
            spent[name].append(asked(rows, tokens, once))
    table = {
        name: {
            "cpu_s": round(median(cpu for cpu, _ in found), 3),
            "wall_s": round(median(wall for _, wall in found), 3),
        }
        for name, found in spent.items()
    }
    return {"seconds": table, "load_average": os.getloadavg()[0], "samples": samples}


def prompts(samples: int, per_picture: int) -> list[Any]:
    """Conversations of demo/test; so many in a row have the pictures of the first of them."""
    from workbench.data.source import open_source
    from workbench.prompts.pool import default_template

    source = open_source("demo", "test")
    found = [source.at(ordinal) for ordinal in range(samples)]
    return [
        default_template(s.task).render(
            replace(s, images=found[n // per_picture * per_picture].images)
        )
        for n, s in enumerate(found)
    ]


if __name__ == "__main__":
    main()
