"""Small captioned pictures, and a contrastive training of them that a test can afford."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from training.contrastive.config import ContrastiveConfig
from workbench.data.adding import add

COLOURS = {"cat": (200, 40, 40), "dog": (40, 200, 40), "ship": (40, 40, 200)}
FORMS = ("a photo of a {0}.", "one {0} in view.", "a small {0}, number {1}", "{1}: {0}", "the {0}")


def captioned(root: Path, count: int = 24) -> str:
    """CIFAR-10 as pictures by class, called by their index, with a CSV of five captions each."""
    rows = ["Dataset_Index,A1,A2,A3,A4,A5"]
    for index in range(count):
        name = list(COLOURS)[index % 3]
        folder = root / "train" / name
        folder.mkdir(parents=True, exist_ok=True)
        shade = tuple(min(255, c + 2 * index) for c in COLOURS[name])
        Image.new("RGB", (40, 32), shade).save(folder / f"{index}.png")
        rows.append(",".join([str(index), *(f'"{form.format(name, index)}"' for form in FORMS)]))
    (root / "captions.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    add("cifar10", [root, f"train={root / 'captions.csv'}"])
    return "cifar10/train"


def tiny(phi: Path, source: str, **more: Any) -> ContrastiveConfig:
    """A training of a few steps."""
    values: dict[str, Any] = {
        "train": (source,),
        "eval": source,
        "encoder": "resnet18",
        "width": 0.125,
        "text_encoder": str(phi),
        "shared_size": 16,
        "image_size": 32,
        "batch_size": 8,
        "learning_rate": 3e-3,
        "warmup": 0.0,
        "epochs": 2.0,
        "log_every": 1,
        "threads": 1,
        "device": "cpu",
    }
    return ContrastiveConfig(**values | more)
