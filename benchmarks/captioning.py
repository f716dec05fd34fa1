"""What the comparison of captioners needs: `python -m benchmarks.captioning OUT PHOTOS`.

PHOTOS has a folder of photos per class (100 of CIFAR-10's each). OUT gets four tables as of
Flickr8k (`image,caption`, five captions a photo) over disjoint photos: `first` in one wording, and
`train`, `dev`, `test` in another; and `start/`, a small ViT and GPT-2 of random weights, which
`first` teaches to see before the methods are compared. A caption names the class, the colour of
the rim and how light the photo is: the last two are measured on its pixels. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

SHARES = {"first": (0, 60), "train": (60, 80), "dev": (80, 85), "test": (85, 100)}
FIRST = (
    "a {tone} photo of a {thing} on {rim}",
    "a {thing} , the photo is {tone} and the rim {rim}",
    "this photo shows a {thing} on {rim}",
    "a {tone} picture with a {thing}",
    "a {thing} on {rim} in a {tone} photo",
)
# The same words in another order: what a method has to learn is how captions go here.
SECOND = (
    "the rim of the picture is {rim} and this {tone} photo shows a {thing}",
    "the rim is {rim} and this photo shows a {thing}",
    "this {tone} photo shows a {thing} and the rim is {rim}",
    "the picture is {tone} and shows a {thing} on {rim}",
    "the rim of this {tone} picture with a {thing} is {rim}",
)


def facts_of(path: Path) -> dict[str, str]:
    """What a caption says of a photo: its class, the colour of its rim, its tone."""
    import numpy as np

    with Image.open(path) as opened:
        pixels = np.asarray(opened.convert("RGB"), dtype=float)
    rim = np.concatenate([pixels[:3].reshape(-1, 3), pixels[-3:].reshape(-1, 3)]).mean(0)
    light = pixels.mean()
    tone = "dark" if light < 95 else "light" if light > 145 else "even"
    spread = rim.max() - rim.min()
    grey = "black" if rim.mean() < 70 else "white" if rim.mean() > 185 else "grey"
    colour = grey if spread < 18 else ("red", "green", "blue")[int(rim.argmax())]
    return {"thing": path.parent.name, "rim": colour, "tone": tone}


def rows(photos: Path, share: tuple[int, int], wordings: tuple[str, ...]) -> Iterator[list[str]]:
    """Image and caption of each photo in a share of each class."""
    for folder in sorted(path for path in photos.iterdir() if path.is_dir()):
        for path in sorted(folder.iterdir())[share[0] : share[1]]:
            said = facts_of(path)
            name = f"{folder.name}-{path.name}"
            yield from ([name, str(path), wording.format(**said)] for wording in wordings)


def make_tables(photos: Path, out: Path) -> list[str]:
    """The four tables, the photos beside them; all captions there are."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    everything: list[str] = []
    for name, share in SHARES.items():
        wordings = FIRST if name == "first" else SECOND
        with (out / f"{name}.csv").open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(["image", "caption"])
            for image, path, caption in rows(photos, share, wordings):
                shutil.copyfile(path, out / "images" / image)
                table.writerow([image, caption])
                everything.append(caption)
    return everything


def make_model(folder: Path, captions: list[str], seed: int = 0) -> None:
    """A ViT of 32 pixels in patches of 4 that a GPT-2 of three layers reads, untrained."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from tokenizers.decoders import ByteLevel
    from transformers import (
        GPT2Config,
        PreTrainedTokenizerFast,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
        ViTImageProcessor,
    )

    special = ["<|pad|>", "<|start|>", "<|end|>"]
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = ByteLevel()
    raw.train_from_iterator(
        captions,
        trainers.BpeTrainer(
            vocab_size=512,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    words = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<|start|>", eos_token="<|end|>", pad_token="<|pad|>"
    )
    torch.manual_seed(seed)
    encoder = ViTConfig(
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=32,
        patch_size=4,
    )
    decoder = GPT2Config(
        vocab_size=len(words),
        n_embd=128,
        n_layer=3,
        n_head=4,
        n_positions=64,
        bos_token_id=1,
        eos_token_id=2,
        add_cross_attention=True,
        attn_pdrop=0.0,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        encoder, decoder, decoder_start_token_id=1, pad_token_id=0
    )
    model = VisionEncoderDecoderModel(config)
    model.generation_config.eos_token_id = [2]
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def main() -> None:
    """Make all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("photos", type=Path)
    given = parser.parse_args()
    make_model(given.out / "start", make_tables(given.photos, given.out))
    print(f"made {given.out}")


if __name__ == "__main__":
    main()
