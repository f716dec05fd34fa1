"""Kill a training ten times with SIGKILL at random steps; hold its curves to an undisturbed one.

    python -m benchmarks.training_kills lora joint siglip streamed --kills 10

For each variant one training runs through, and one with the same config is killed and resumed
again and again. Printed: how often it was killed and at which steps, whether every step stands
once in the history and in TensorBoard, and how far the logged figures and the weights are apart.
`streamed` trains on a dataset of a hub on loopback in streamed mode: pictures are encoded anew each
time, and every second resume finds none of what was fetched before; the bytes that the hub sent
are printed too. The record lies in a temporary folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.hub_server import Hub

COMMON: dict[str, Any] = {
    "train": "demo/train[:120]",
    "eval": "demo/dev[:16]",
    "batch_size": 8,
    "epochs": 3,
    "learning_rate": 1e-3,
    "lora": {"r": 4, "dropout": 0.1},
    "eval_new_tokens": 8,
    "eval_at_start": True,
    "save_every": 4,
    "log_every": 1,
    "keep": "last",
    "device": "cpu",
    "threads": 1,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "lora": {},
    "joint": {"head": {"pooling": "last", "weight": 0.5}},
    "templates": {"templates": ["statement/*"], "gradient_accumulation": 2, "epochs": 6},
    "streamed": {
        "train": "streamed/train",
        "eval": "streamed/dev",
        "templates": ["statement/*"],
        "cache_mb": 0,
    },
}
# A contrastive training has another config altogether, and its own data and text encoder.
SIGLIP: dict[str, Any] = {
    "task": "contrastive",
    "train": "cifar10/train",
    "eval": "cifar10/train[:12]",
    "encoder": "resnet18",
    "width": 0.125,
    "shared_size": 16,
    "image_size": 32,
    "batch_size": 4,
    "gradient_accumulation": 2,
    "learning_rate": 3e-3,
    "warmup": 0.0,
    "epochs": 12,
    "save_every": 4,
    "log_every": 1,
    "threads": 1,
    "device": "cpu",
}
FIGURES = ("loss", "grad_norm", "learning_rate", "eval_loss", "eval_accuracy")


def made_ready(name: str, homes: Sequence[Path]) -> dict[str, Any]:
    """The config of a variant; what it trains on is added to each home."""
    if name == "streamed":
        from tests.workbench.data.hub_data import add_shapes

        for home in homes:
            os.environ["WB_HOME"] = str(home / "home")
            add_shapes()
    if name != "siglip":
        return COMMON | VARIANTS[name]
    from tests.training.contrastive.tiny_pairs import captioned
    from tests.workbench.models.make_two_stage import phi

    for home in homes:
        os.environ["WB_HOME"] = str(home / "home")
        captioned(homes[0].parent / "pictures")
    return SIGLIP | {"text_encoder": str(phi(homes[0].parent / "phi"))}


def trained(run: Path) -> Path:
    """The file of what was trained."""
    return next(
        path
        for path in (run / "adapter/adapter_model.safetensors", run / "encoder/model.safetensors")
        if path.is_file()
    )


def start(home: Path, *words: str) -> subprocess.Popen[bytes]:
    """`wb train WORDS` with its record in `home`."""
    with (home / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "commands.main", "train", *words],
            env=os.environ | {"WB_HOME": str(home / "home")},
            stdout=log,
            stderr=log,
        )


def the_run(home: Path) -> Path | None:
    """The folder of the only run there."""
    runs = [p for p in (home / "home" / "runs").glob("*") if (p / "history.jsonl").is_file()]
    return runs[0] if runs else None


def history(home: Path) -> list[dict[str, Any]]:
    """What has been logged, torn lines left out."""
    run, out = the_run(home), []
    for line in (run / "history.jsonl").read_text().splitlines() if run else []:
        try:
            out.append(json.loads(line))
        except ValueError:
            continue
    return out


def killed_at(process: subprocess.Popen[bytes], home: Path, step: int) -> int | None:
    """Kill it once a step is logged; the step that it had come to, `None` where it ended first."""
    while process.poll() is None:
        lines = history(home)
        if lines and lines[-1]["step"] >= step:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            return int(history(home)[-1]["step"])
        time.sleep(0.01)
    return None


def drawn(run: Path) -> dict[str, list[int]]:
    """Tag -> steps, of every event file as it lies there."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(run / "tensorboard"), purge_orphaned_data=False)
    read.Reload()
    return {tag: [e.step for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def compare(whole: Path, cut: Path) -> dict[str, Any]:
    """How far two homes are apart."""
    from safetensors.torch import load_file

    first, second = history(whole), history(cut)
    same_steps = [(x["step"], "eval_loss" in x) for x in first] == [
        (x["step"], "eval_loss" in x) for x in second
    ]
    worst = 0.0
    for a, b in zip(first, second, strict=False):
        for name in FIGURES:
            if name in a and name in b:
                worst = max(worst, abs(a[name] - b[name]) / max(abs(a[name]), 1e-12))
    runs = [run for run in (the_run(whole), the_run(cut)) if run is not None]
    weights = [load_file(trained(run)) for run in runs]
    apart = max(
        float((weights[0][key].float() - weights[1][key].float()).abs().max()) for key in weights[0]
    )
    steps = drawn(runs[1])
    return {
        "each_step_once": same_steps,
        "tensorboard_once": all(len(s) == len(set(s)) for s in steps.values())
        and steps == drawn(runs[0]),
        "largest_relative_difference": worst,
        "largest_difference_of_weights": apart,
    }


@contextlib.contextmanager
def hub_of(name: str, folder: Path) -> Iterator[Hub | None]:
    """The hub that a variant streams from, `None` for one that reads what lies here."""
    if name != "streamed":
        yield None
        return
    from tests.hub_server import Hub
    from tests.workbench.data.hub_data import SHAPES, shape_files

    os.environ.pop("HF_HUB_OFFLINE", None)
    with Hub() as hub:
        os.environ |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf")}
        hub.commit(SHAPES, shape_files(120, 16, weight=100_000))
        hub.latency_s = 0.01
        yield hub


def sent(hub: Hub) -> int:
    """Bytes of files that were asked for."""
    ends = (found.removeprefix("bytes=").split("-") for found in hub.ranges())
    return sum(int(stop) - int(start) + 1 for start, stop in ends)


def trial(name: str, kills: int, seed: int) -> dict[str, Any]:
    """One variant."""
    import yaml

    rng = random.Random(f"{seed}:{name}")
    with tempfile.TemporaryDirectory() as folder, hub_of(name, Path(folder)) as hub:
        whole, cut = Path(folder) / "whole", Path(folder) / "cut"
        whole.mkdir()
        cut.mkdir()
        config = Path(folder) / "config.yaml"
        config.write_text(yaml.safe_dump(made_ready(name, (whole, cut))))
        if start(whole, str(config)).wait():
            raise SystemExit((whole / "log.txt").read_text())
        last, at = history(whole)[-1]["step"], []
        words: list[str] = [str(config)]
        # Each kill comes a few steps after where the last one was.
        while len(at) < kills:
            reached = at[-1] if at else 0
            step = min(rng.randint(max(reached - 2, 1), reached + last // kills + 2), last - 1)
            found = killed_at(start(cut, *words), cut, step)
            if found is None:
                break
            at.append(found)
            run = the_run(cut)
            words = ["--resume", run.name] if run else words
            if len(at) % 2:
                shutil.rmtree(cut / "home/cache/hub/blocks", ignore_errors=True)
        if start(cut, *words).wait():
            raise SystemExit((cut / "log.txt").read_text()[-2000:])
        found = {"variant": name, "steps": last, "killed_at": at, **compare(whole, cut)}
        return found | ({"bytes_asked": sent(hub)} if hub is not None else {})


def main() -> None:
    """Print a JSON document for each variant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    known = (*VARIANTS, "siglip")
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=", ".join(known))
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for name in asked.variants or known:
        if name not in known:
            parser.error(f"there is no variant {name!r}; they are {', '.join(known)}")
        print(json.dumps(trial(name, asked.kills, asked.seed)), flush=True)


if __name__ == "__main__":
    main()
