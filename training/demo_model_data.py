"""Training batches for the demo model: pictures drawn on the fly, never the same twice.

Every batch has one layout (one or two pictures, one size, one opening of the chat), so that
positions are computed once for all rows and the vision tower sees equal images. The pixels are
cut into patches here rather than by the processor, forty times faster; `check_against_processor`
proves that both give the same numbers.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import Qwen2VLProcessor

from training.demo_model_build import PATCH
from workbench.demo.questions import make_caption, make_hypothesis, make_question
from workbench.demo.shapes import Picture, draw_picture, render
from workbench.demo.statements import Noun, choose_statement, random_noun

# The first wording of each is the one that the shipped prompt templates use.
WORDINGS: dict[str, tuple[tuple[str, float], ...]] = {
    "statement": (
        ("Is this statement about the two images true or false? {}", 6),
        ("{} True or false?", 1),
        ("True or false? {}", 1),
        ("Statement: {} Is it true? Answer True or False.", 1),
        ("{}", 1),
        ("Look at both images. {} Is this true or false?", 1),
    ),
    "entailment": (
        ("Hypothesis: {} Is it entailment, neutral or contradiction? Explain.", 6),
        ("{} Entailment, neutral or contradiction?", 2),
        ("Is this entailment, neutral or contradiction? {}", 2),
    ),
    "question": (
        ("{} Answer in a word or a phrase.", 6),
        ("{}", 3),
        ("Question: {} Short answer:", 1),
    ),
    "caption": (
        ("Describe the image.", 6),
        ("Write a caption.", 1),
        ("What is in the image?", 2),
        ("List the shapes in the image.", 1),
    ),
    "pair_caption": (("Describe both images.", 1),),
}
SIZES = ((64, 64),) * 7 + ((96, 64), (64, 96), (96, 96), (128, 48), (80, 80), (128, 64))
SYSTEMS = ("You are a helpful assistant.", "Answer in one line.", "Be brief.")
LABEL_WEIGHT = 4.0  # of the words that decide, against 1 for each word of an explanation


@dataclass(frozen=True)
class Turn:
    """One question and answer; the `decisive` leading words of the answer carry more weight."""

    prompt: str
    answer: str
    decisive: str


@dataclass(frozen=True)
class Chat:
    """Pictures and what is asked about them, one turn after the other.

    Several turns on the same pictures cost a third of as many chats of one turn: the pictures'
    tokens are most of a chat.
    """

    pictures: tuple[Picture, ...]
    turns: tuple[Turn, ...]


def _wording(rng: random.Random, task: str, text: str = "") -> str:
    wordings, weights = zip(*WORDINGS[task], strict=True)
    return rng.choices(wordings, weights=weights)[0].format(text)


def pair_chat(rng: random.Random, turns: int, simple: bool) -> Chat:
    """Statements, hypotheses and open questions on two pictures; now and then a description.

    While pairs are being learned (`simple`), statements come in one direction only (more, above,
    left of) and half of the turns are open questions. Opposite words cancel each other's signal
    until the first is understood, and an open question's answer cannot be guessed from a label.
    """
    scene = (draw_picture(rng), draw_picture(rng))
    asked = [
        _open_question(rng, scene)
        if rng.random() < (0.5 if simple else 0.25)
        else _about_pair(rng, scene, simple)
        for _ in range(turns)
    ]
    if rng.random() < 0.1:
        left, right = (make_caption(p)[0] for p in scene)
        asked[-1] = Turn(_wording(rng, "pair_caption"), f"Left: {left} Right: {right}", "")
    return Chat(scene, tuple(asked))


_OPPOSITES = ("fewer", "same", "below", "right of", "both")


def _about_pair(rng: random.Random, scene: tuple[Picture, Picture], simple: bool) -> Turn:
    contrast = (draw_picture(rng), draw_picture(rng))
    if simple or rng.random() < 0.85:
        # Existence is learned first and from questions too: more of what takes longer.
        kinds, weights = ("existence", "count", "comparison", "spatial"), (15, 20, 32, 33)
        kind = None if simple else rng.choices(kinds, weights=weights)[0]
        statement = choose_statement(rng, scene, contrast, kind)
        while simple and (
            statement.form in _OPPOSITES or (statement.kind == "comparison" and statement.side)
        ):
            statement = choose_statement(rng, scene, contrast)
        label = "True" if statement.holds(scene) else "False"
        explained = not simple or rng.random() < 0.3
        answer = f"{label}. {statement.explain(scene)}" if explained else f"{label}."
        return Turn(_wording(rng, "statement", statement.text()), answer, label)
    hypothesis = make_hypothesis(rng, scene, contrast)
    answer = f"{hypothesis.label}. {hypothesis.explanation}"
    return Turn(_wording(rng, "entailment", hypothesis.text), answer, hypothesis.label)


def _open_question(rng: random.Random, scene: tuple[Picture, Picture]) -> Turn:
    """A question about one side, or about which side has more, with a short answer."""
    kind = rng.choices(("relation", "more", "count", "lookup"), weights=(3, 3, 3, 2))[0]
    side = rng.randrange(2)
    where, picture = ("left", "right")[side], scene[side]
    answer = ""
    if kind == "relation":
        names = [s.name for s in picture.shapes]
        unique = [s for s in picture.shapes if names.count(s.name) == 1]
        rng.shuffle(unique)
        for a, b in itertools.pairwise(unique):
            if abs(a.cy - b.cy) >= 12:
                answer, words = ("above" if a.cy < b.cy else "below"), "above or below"
            elif abs(a.cx - b.cx) >= 12:
                answer, words = ("left" if a.cx < b.cx else "right"), "left or right of"
            else:
                continue
            prompt = f"In the {where} image, is the {a.name} {words} the {b.name}?"
            return Turn(f"{prompt} Answer in a word or a phrase.", answer, answer)
    noun = random_noun(rng, scene)
    if noun.color and noun.kind:
        noun = rng.choice((Noun(noun.color, None), Noun(None, noun.kind), Noun(None, None)))
    if kind == "more":
        left, right = (len(noun.find(p)) for p in scene)
        answer = "same" if left == right else "left" if left > right else "right"
        prompt = f"Which image has more {noun.words(plural=True)}?"
    elif kind == "lookup":
        question = make_question(rng, picture, scene[1 - side], absences=0.0)
        prompt = question.text.replace(" in the image", "").removesuffix("?")
        prompt, answer = f"{prompt} in the {where} image?", question.answer
    else:
        answer = str(len(noun.find(picture)))
        prompt = f"How many {noun.words(plural=True)} are in the {where} image?"
    return Turn(f"{prompt} Answer in a word or a phrase.", answer, answer)


def single_chat(
    rng: random.Random, width: int, height: int, turns: int, captions: float, asking: bool
) -> Chat:
    """Questions about one picture and, with probability `captions`, its caption at the end.

    While looking things up is learned (`asking`), most questions are whether something is there
    and none whether something is not: the two cancel out until the first is understood.
    """
    picture = draw_picture(rng, width=width, height=height)
    asked = []
    for _ in range(turns):
        contrast = draw_picture(rng, width=width, height=height)
        kind = "existence" if asking and rng.random() < 0.5 else None
        absences = 0.0 if asking else 0.2
        question = make_question(rng, picture, contrast, kind, absences=absences)
        prompt = _wording(rng, "question", question.text)
        asked.append(Turn(prompt, question.answer, question.answer))
    if rng.random() < captions:
        asked[-1] = Turn(_wording(rng, "caption"), make_caption(picture)[0], "")
    return Chat((picture,), tuple(asked))


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


class Batches(torch.utils.data.IterableDataset):
    """An endless stream of batches; batch `i` depends on seed and `i` alone."""

    def __init__(
        self,
        processor: Qwen2VLProcessor,
        *,
        batch_size: int,
        seed: int,
        start: int,
        seeing_steps: int,
        asking_steps: int,
        pairing_steps: int,
    ) -> None:
        super().__init__()
        self.tokenizer = processor.tokenizer
        self.template = processor.chat_template
        self.mean = np.array(processor.image_processor.image_mean, dtype=np.float32)
        self.std = np.array(processor.image_processor.image_std, dtype=np.float32)
        self.batch_size, self.seed, self.start = batch_size, seed, start
        self.seeing_steps, self.asking_steps = seeing_steps, asking_steps
        self.pairing_steps = pairing_steps

    def __iter__(self) -> Iterator[dict[str, Any]]:
        step = self.start
        while True:
            yield self.batch(step)
            step += 1

    def chats(self, step: int) -> tuple[list[Chat], str]:
        """What batch `step` holds, and the system turn that all of it shares (or none)."""
        rng = random.Random(f"train/{self.seed}/{step}")
        system = rng.choice(SYSTEMS) if rng.random() < 0.04 else ""
        # Learn to see (captions), then to look things up in one picture (many short questions
        # on each, five times as many labels a second), then to reason about two.
        seeing = step < self.seeing_steps
        asking = not seeing and step < self.asking_steps
        if not seeing and not asking and rng.random() < 0.85:
            simple = step < self.pairing_steps
            return [
                pair_chat(rng, 6 if simple else 4, simple) for _ in range(self.batch_size)
            ], system
        width, height = (64, 64) if seeing or asking else rng.choice(SIZES)
        count = self.batch_size if width * height <= 4096 else int(self.batch_size * 0.7)
        turns = 1 if seeing else 6 if asking else 4
        captions = 0.85 if seeing else 0.12 if asking else 0.4
        # A caption stands alone half of the time: after questions it leans on their answers.
        return [
            single_chat(
                rng, width, height, 1 if rng.random() < captions / 2 else turns, captions, asking
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
