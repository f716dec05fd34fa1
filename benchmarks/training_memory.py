"""Memory of a training over many epochs: does what an evaluation takes come back?

    python -m benchmarks.training_memory --epochs 20

Trains the demo with an evaluation that generates answers after each epoch, and prints the
resident memory of the process (VmRSS, MiB) at the end of each, with its highest so far (VmHWM).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

from workbench.progress import Progress


def resident() -> dict[str, float]:
    """MiB that the process holds, and the most that it held."""
    found = {}
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in ("VmRSS", "VmHWM"):
            found[name] = int(rest.split()[0]) / 1024
    return {"rss_mib": round(found["VmRSS"], 1), "most_mib": round(found["VmHWM"], 1)}


def main() -> None:
    """Print a JSON line for each epoch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--epochs", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["WB_HOME"] = home
        from training.train import train
        from training.train_config import TrainConfig

        config = TrainConfig(
            train=("demo/train[:160]",),
            eval="demo/dev[:64]",
            epochs=float(asked.epochs),
            batch_size=16,
            eval_batch_size=16,
            eval_new_tokens=24,
            learning_rate=1e-3,
            device="cpu",
            threads=1,
        )
        seen: set[int] = set()

        def told(report: Progress) -> None:
            # After an evaluation the next step reports `training`.
            epoch = (report.done - 1) // 10
            if report.message in ("training", "trained") and report.done > 10 and epoch not in seen:
                seen.add(epoch)
                print(json.dumps({"epoch": epoch, **resident()}), flush=True)

        train(config, on_progress=told)
        print(json.dumps({"epoch": asked.epochs, **resident()}), flush=True)


if __name__ == "__main__":
    main()
