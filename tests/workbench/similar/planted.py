"""A dataset of two splits with known duplicates planted in it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from workbench.data.adding import add


def scene(seed: int, size: tuple[int, int] = (96, 72)) -> Image.Image:
    """A picture of a few soft blobs, unlike that of any other seed."""
    chance = np.random.default_rng(seed)
    coarse = chance.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str, **how) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def plant(folder: Path, name: str = "mine", task: str = "statement") -> dict[str, str]:
    """Add the dataset; what each sample of its test split is -> its id."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, object]]] = {"train": [], "test": []}

    def put(split: str, ident: str, data: bytes, text: str, label: str = "true") -> None:
        (folder / f"{split}-{ident}").write_bytes(data)
        rows[split].append(
            {"id": ident, "pic": f"{split}-{ident}", "sentence": text, "label": label}
        )

    for seed in range(12):
        text = f"scene {seed} has the word {'abcdefghijkl'[seed] * 6} in it"
        put("train", f"t{seed}", encoded(scene(seed), "PNG"), text)
    png = encoded(scene(3), "PNG")
    put("test", "file", png, "quite another sentence about nothing", "false")
    put("test", "pixels", encoded(scene(4), "BMP"), "words that stand nowhere else at all")
    put("test", "jpeg", encoded(scene(5), "JPEG", quality=60), "a sentence of its own making")
    put("test", "half", encoded(scene(6).resize((48, 36)), "PNG"), "nobody said this before me")
    put("test", "text", encoded(scene(20), "PNG"), "Scene 7  has the word HHHHHH in it")
    put("test", "fresh", encoded(scene(21), "PNG"), "the last one is like none of the others")
    put("test", "broken", b"no picture", "its file is damaged")
    for split, of_split in rows.items():
        lines = "".join(json.dumps(row) + "\n" for row in of_split)
        (folder / f"{split}.jsonl").write_text(lines)
    files = [f"{split}={folder / f'{split}.jsonl'}" for split in rows]
    add(name, files, id="id", texts={"sentence": "sentence"}, label="label", image=("pic",),
        image_root=str(folder), task=task)  # fmt: skip
    return {row["id"]: f"{name}/test/{row['id']}" for row in rows["test"]}  # type: ignore[misc]
