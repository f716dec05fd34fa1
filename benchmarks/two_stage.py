"""Both stages end to end on photographs: recall, zero-shot classes, and answers by a QLoRA.

    python -m benchmarks.two_stage PHOTOS [--home FOLDER] [--size 64] [--epochs 36]

PHOTOS holds a folder for each of CIFAR-10's classes. Of each class the last three tenths are held
out. Captions are written here, five for each photo: by templates, from its class and from what its
pixels say (how bright, which colours above, below and in the middle). The language model is a Phi
of two layers with random weights: no real one is needed, and none is fetched.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
COLOURS = {
    "black": (20, 20, 20),
    "grey": (128, 128, 128),
    "white": (235, 235, 235),
    "brown": (120, 85, 50),
    "beige": (205, 185, 150),
    "red": (180, 40, 40),
    "green": (80, 120, 60),
    "blue": (70, 110, 180),
    "pale blue": (160, 190, 220),
}


def colour(pixels: Any) -> str:
    """The nearest of `COLOURS` to the mean of (h, w, 3)."""
    mean = pixels.reshape(-1, 3).mean(0)
    return min(COLOURS, key=lambda name: sum((mean - COLOURS[name]) ** 2))


def captions(name: str, path: Path) -> list[str]:
    """Five captions of a photo."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((32, 32)), dtype=float)
    top, bottom, middle = colour(pixels[:10]), colour(pixels[-10:]), colour(pixels[10:22, 10:22])
    light = ("dark", "dim", "bright", "very bright")[min(3, int(pixels.mean() // 64))]
    return [
        f"a photo of a {name}.",
        f"a {light} picture of a {name}, {top} above and {bottom} below",
        f"the {name} is {middle} in the middle and the ground is {bottom}",
        f"a {middle} {name} against {top}",
        f"{name}, {light}: {top}, {middle}, {bottom}",
    ]


def lay_out(photos: Path, root: Path) -> None:
    """Photos by split and class, called by their index, and a CSV of captions for each split."""
    rows: dict[str, list[list[str]]] = {"train": [], "test": []}
    for name in CLASSES:
        found = sorted((photos / name).iterdir())
        for number, path in enumerate(found):
            split = "train" if number < len(found) * 0.7 else "test"
            index = len(rows[split])
            target = root / split / name / f"{index}{path.suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            rows[split].append([str(index), *captions(name, path)])
    for split, lines in rows.items():
        with (root / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["Dataset_Index", *(f"A{n}" for n in range(1, 6))], *lines])


def random_phi(folder: Path, texts: Sequence[str], hidden: int = 128) -> None:
    """A Phi of two layers with a tokenizer of these texts' words."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import CodeGenTokenizer, PhiConfig, PhiForCausalLM

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=900,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    made = json.loads(raw.to_str())["model"]
    merges: Any = [tuple(pair) for pair in made["merges"]]  # pairs, whatever its annotation says
    words = CodeGenTokenizer(vocab=made["vocab"], merges=merges)
    torch.manual_seed(0)
    model = PhiForCausalLM(
        PhiConfig(
            vocab_size=1024,
            hidden_size=hidden,
            intermediate_size=4 * hidden,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=512,
            bos_token_id=0,
            eos_token_id=0,
        )
    )
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=hidden**-0.5)
    model.save_pretrained(folder)
    words.save_pretrained(folder)


def _texts(root: Path) -> Iterator[str]:
    with (root / "train.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield from (row[f"A{n}"] for n in range(1, 6))
    yield "Instruct: Which of these is it? Answer with one of them.\nOutput: "


def measure(photos: Path, size: int, epochs: float, second: float) -> dict[str, Any]:
    """Train both stages and evaluate the second; figures by name."""
    from sessions.estimate import read_estimates
    from sessions.paths import home
    from training.config_groups import LoraSettings
    from training.contrastive.config import ContrastiveConfig
    from training.train import train
    from training.train_config import TrainConfig
    from workbench.data.adding import add
    from workbench.evaluation.config import EvalConfig
    from workbench.evaluation.runner import evaluate
    from workbench.inference.decoding import Decoding
    from workbench.models.spec import ModelSpec
    from workbench.progress import StderrLine

    root, phi = home() / "photos", home() / "random-phi"
    lay_out(photos, root)
    splits = [f"{split}={root / split}.csv" for split in ("train", "test")]
    add("cifar10", [root, *splits])
    random_phi(phi, [*_texts(root)])
    line, began = StderrLine(), time.process_time()
    first = train(
        ContrastiveConfig(
            name="bench-siglip",
            train=("cifar10/train",),
            eval="cifar10/test",
            encoder="resnet18",
            width=0.5,
            text_encoder=str(phi),
            shared_size=512,
            image_size=size,
            augment="shift_flip",
            batch_size=64,
            gradient_accumulation=1,
            learning_rate=2e-3,
            epochs=epochs,
            eval_samples=0,
            threads=1,
            device="cpu",
        ),
        on_progress=line,
    )
    line.end()
    middle = time.process_time()
    found = first.metrics()
    tuned = train(
        TrainConfig(
            name="bench-qlora",
            encoder="bench-siglip",
            model=str(phi),
            quantization="4bit",
            train=("cifar10/train",),
            eval="",
            templates=("classification/labels",),
            lora=LoraSettings(r=32, alpha=32, rslora=True, modules_to_save=("image_projector",)),
            batch_size=32,
            learning_rate=2e-3,
            epochs=second,
            keep="last",
            threads=1,
            device="cpu",
        ),
        on_progress=line,
    )
    line.end()
    end = time.process_time()
    model = tuned.config["model"]
    spec = ModelSpec(model, adapter=tuned.id, quantization="4bit", device="cpu")
    answers = evaluate(
        EvalConfig(
            dataset="cifar10/test",
            spec=spec,
            template="classification/labels",
            decoding=Decoding(max_new_tokens=8, top_logprobs=0),
            threads=1,
        )
    )
    return {
        "photos": {"train": 700, "test": 300},
        "stage_one": {name: f.to_json() for name, f in read_estimates(found).items()},
        "stage_one_best_step": found["best"],
        "stage_one_steps": found["steps_done"],
        "stage_one_cpu_s": round(middle - began),
        "stage_two_steps": tuned.metrics()["steps_done"],
        "stage_two_loss": tuned.metrics()["last"].get("loss"),
        "stage_two_cpu_s": round(end - middle),
        "answers": {name: f.to_json() for name, f in read_estimates(answers.metrics()).items()},
        "runs": [first.id, tuned.id, answers.id],
        "model": model,
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=float, default=36)
    parser.add_argument("--second", type=float, default=25)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WB_HOME"] = str(given.home or Path(folder) / "wb")
        found = measure(given.photos, given.size, given.epochs, given.second)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
