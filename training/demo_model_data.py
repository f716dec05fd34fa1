"""Training batches for the demo model.

Every batch has one layout (one or two pictures, one size, one opening of the chat), so that
positions are computed once for all rows and the vision tower sees equal images. The pixels are
cut into patches here rather than by the processor, forty times faster; `check_against_processor`
proves that both give the same numbers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import Qwen2VLProcessor

from training.demo_model_build import PATCH
from training.demo_model_chats import Chat, pair_chat, single_chat
from workbench.demo.shapes import render

SIZES = ((64, 64),) * 7 + ((96, 64), (64, 96), (96, 96), (128, 48), (80, 80), (128, 64))
SYSTEMS = ("You are a helpful assistant.", "Answer in one line.", "Be brief.")
LABEL_WEIGHT = 4.0  # of the words that decide, against 1 for each word of an explanation


def patchify(images: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Cut images into patches in the order in which Qwen2-VL reads them.

    Args:
        images: (n, h, w, 3) uint8, h and w multiples of 16.
        mean: (3,), of pixels in 0 to 1.
        std: (3,).

    Returns:
        (n * h/8 * w/8, 3 * 2 * 8 * 8) float32: rows of two by two patches, the frame doubled.
    """
    n, h, w, _ = images.shape
    x = (images.astype(np.float32) / 255.0 - mean) / std
    x = x.reshape(n, h // 16, 2, PATCH, w // 16, 2, PATCH, 3)
    x = x.transpose(0, 1, 4, 2, 5, 7, 3, 6)  # n, row, column, dy, dx, channel, y, x
    x = x.reshape(-1, 3, 1, PATCH, PATCH).repeat(2, axis=2)
    return np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)


@dataclass(frozen=True)
class Stages:
    """At which step each stage of the training ends; what comes after is the full mix.

    Learn to see (captions), then to look things up in one picture (many short questions on each,
    five times as many labels a second), then to tell two pictures apart, then to say where
    things are, then everything.
    """

    seeing: int = 0
    asking: int = 0
    pairing: int = 0
    placing: int = 0

    def at(self, step: int) -> str:
        """`seeing`, `asking`, `pairing`, `placing` or `mixed`."""
        for name in ("seeing", "asking", "pairing", "placing"):
            if step < getattr(self, name):
                return name
        return "mixed"


class Batches(torch.utils.data.IterableDataset):
    """An endless stream of batches; batch `i` depends on seed, stages and `i` alone."""

    def __init__(
        self,
        processor: Qwen2VLProcessor,
        *,
        batch_size: int,
        seed: int,
        start: int,
        stages: Stages,
    ) -> None:
        super().__init__()
        self.tokenizer = processor.tokenizer
        self.template = processor.chat_template
        self.mean = np.array(processor.image_processor.image_mean, dtype=np.float32)
        self.std = np.array(processor.image_processor.image_std, dtype=np.float32)
        self.batch_size, self.seed, self.start = batch_size, seed, start
        self.stages = stages

    def __iter__(self) -> Iterator[dict[str, Any]]:
        step = self.start
        while True:
            yield self.batch(step)
            step += 1

    def chats(self, step: int) -> tuple[list[Chat], str]:
        """What batch `step` holds, and the system turn that all of it shares (or none)."""
        rng = random.Random(f"train/{self.seed}/{step}")
        system = rng.choice(SYSTEMS) if rng.random() < 0.04 else ""
        stage = self.stages.at(step)
        pairs = {"seeing": 0.0, "asking": 0.0, "placing": 0.5}.get(stage, 0.85)
        if rng.random() < pairs:
            simple, turns = stage in ("pairing", "placing"), 4 if stage == "mixed" else 6
            placing = stage == "placing"
            return [pair_chat(rng, turns, simple, placing) for _ in range(self.batch_size)], system
        early = stage in ("seeing", "asking")
        width, height = (64, 64) if early else rng.choice(SIZES)
        count = self.batch_size if width * height <= 4096 else int(self.batch_size * 0.7)
        turns = {"seeing": 1, "asking": 6, "placing": 6}.get(stage, 4)
        captions = {"seeing": 0.85, "asking": 0.12, "placing": 0.12}.get(stage, 0.4)
        places = {"placing": 0.7, "mixed": 0.15}.get(stage, 0.0)
        return [
            single_chat(
                rng,
                width,
                height,
                # A caption stands alone half of the time: after questions it leans on answers.
                1 if rng.random() < captions / 2 else turns,
                captions,
                stage == "asking",
                places,
            )
            for _ in range(count)
        ], system

    def batch(self, step: int) -> dict[str, Any]:
        """Tensors of one batch.

        Returns:
            input_ids (b, t) right-padded; weights (b, t): the loss weight of predicting each
            token; pixel_values (patches, 384); image_grid_thw (images, 3); images_per_row.
        """
        chats, system = self.chats(step)
        opening = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
        first = chats[0].pictures[0]
        tokens = first.width * first.height // 256
        vision = f"<|vision_start|>{'<|image_pad|>' * tokens}<|vision_end|>"
        encode = self.tokenizer.encode
        head_ids = encode(f"{opening}<|im_start|>user\n{vision * len(chats[0].pictures)}")
        between = encode("\n<|im_start|>user\n")
        rows, weights = [], []
        for chat in chats:
            row, weight = list(head_ids), [0.0] * len(head_ids)
            for number, turn in enumerate(chat.turns):
                asked = encode(f"{turn.prompt}<|im_end|>\n<|im_start|>assistant\n")
                asked = (between if number else []) + asked
                said = encode(f"{turn.answer}<|im_end|>")
                decisive = len(encode(turn.decisive)) if turn.decisive else 0
                row += asked + said
                weight += [0.0] * len(asked)
                weight += [LABEL_WEIGHT] * decisive + [1.0] * (len(said) - decisive)
            rows.append(row)
            weights.append(weight)
        longest = max(map(len, rows))
        pad = self.tokenizer.pad_token_id
        images = np.stack([np.asarray(render(p)) for c in chats for p in c.pictures])
        grid = [1, first.height // PATCH, first.width // PATCH]
        return {
            "input_ids": torch.tensor([r + [pad] * (longest - len(r)) for r in rows]),
            "weights": torch.tensor([w + [0.0] * (longest - len(w)) for w in weights]),
            "pixel_values": torch.from_numpy(patchify(images, self.mean, self.std)),
            "image_grid_thw": torch.tensor([grid] * len(images)),
            "images_per_row": len(chats[0].pictures),
        }


def check_against_processor(batches: Batches, processor: Qwen2VLProcessor) -> None:
    """Assert that a batch made here equals what the processor makes of the same pictures."""
    chats, system = batches.chats(10**6)
    ours = batches.batch(10**6)
    texts = []
    for chat in chats[:4]:
        parts: list[dict[str, str]] = [{"type": "image"} for _ in chat.pictures]
        parts.append({"type": "text", "text": chat.turns[0].prompt})
        turns: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        turns.append({"role": "user", "content": parts})
        for number, turn in enumerate(chat.turns):
            if number:
                turns.append({"role": "user", "content": turn.prompt})
            turns.append({"role": "assistant", "content": turn.answer})
        texts.append(processor.apply_chat_template(turns))
    images = [[render(p) for p in chat.pictures] for chat in chats[:4]]
    call: Any = processor  # its keywords are not in its signature
    theirs = call(text=texts, images=images, padding=False)
    pixels = torch.as_tensor(np.asarray(theirs["pixel_values"]))
    torch.testing.assert_close(ours["pixel_values"][: len(pixels)], pixels, atol=2e-5, rtol=1e-5)
    for row, ids in enumerate(theirs["input_ids"]):
        same = len(ids) - 1  # the template ends the last turn with a newline
        assert ours["input_ids"][row, :same].tolist() == list(ids)[:same], "the chat differs"
