"""Images with their captions: which ones, in which order, which caption when, which pixels.

Guarantee: order, captions and shifts are functions of seed, epoch and sample alone, so that a
resumed training sees what an uninterrupted one sees. A sample without a caption or an image is left
out and counted; an image that cannot be decoded is left out of its batch and recorded.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sessions.errors import WbError
from training.contrastive.config import ContrastiveConfig
from training.reading import Unreached, read_sample, refuse_unreached
from workbench.errors import DataError, UsageError
from workbench.sample import Sample

if TYPE_CHECKING:
    from workbench.data.source import Source


@dataclass(frozen=True)
class LabelledImage:
    """One image, without its pixels.

    Attributes:
        source: Which of the sources.
        ordinal: Its place there.
        captions: Numbers of its texts.
        label: Its class, where it has one.
    """

    source: int
    ordinal: int
    uid: str
    captions: tuple[int, ...]
    label: str | None


@dataclass
class Pairs:
    """All usable images of some sources, with their texts, each text once.

    Attributes:
        skipped: Reason -> how many were left out.
    """

    sources: list[Source]
    items: list[LabelledImage] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    seed: int = 0

    def __len__(self) -> int:
        return len(self.items)

    def order(self, epoch: int) -> list[int]:
        """All indices, shuffled by the epoch."""
        indices = list(range(len(self.items)))
        random.Random(f"order:{self.seed}:{epoch}").shuffle(indices)
        return indices

    def caption(self, epoch: int, index: int) -> int:
        """The text of an image in an epoch, drawn from its captions."""
        item = self.items[index]
        rng = random.Random(f"caption:{self.seed}:{epoch}:{item.uid}")
        return rng.choice(item.captions)

    def belongs(self, indices: Sequence[int], texts: Sequence[int]) -> Tensor:
        """(images, texts) bool: whether a text is among an image's captions."""
        column = {text: j for j, text in enumerate(texts)}
        table = torch.zeros(len(indices), len(texts), dtype=torch.bool)
        for i, index in enumerate(indices):
            for text in self.items[index].captions:
                if text in column:
                    table[i, column[text]] = True
        return table

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of the sources, in their order."""
        return tuple(dict.fromkeys(label for s in self.sources for label in s.labels))


def open_pairs(names: Sequence[str], config: ContrastiveConfig, limit: int = 0) -> Pairs:
    """Open sources and look at every sample once.

    Args:
        names: `dataset/split`, one or several.
        config: Where captions are, and the seed.
        limit: Draw so many by the seed; 0 for all.

    Raises:
        UnknownName: A dataset or split of that name does not exist.
        UsageError: A stream is endless.
        DataError: No sample can be used, or one cannot be had now.
    """
    from workbench.data.source import open_source

    pairs = Pairs([open_source(name) for name in names], seed=config.seed)
    numbers: dict[str, int] = {}
    for number, source in enumerate(pairs.sources):
        if source.length is None:
            raise UsageError(
                f"{source.dataset}/{source.split} is endless",
                hint=f"say how many: {source.dataset}/{source.split}[:10000]",
            )
        for ordinal, sample in _drawn(source, limit, config.seed):
            refuse_unreached(sample)
            captions = captions_of(sample, config.captions, config.class_prompts)
            if reason := _unusable(sample, captions):
                pairs.skipped[reason] += 1
                continue
            mine = tuple(dict.fromkeys(numbers.setdefault(c, len(numbers)) for c in captions))
            pairs.items.append(LabelledImage(number, ordinal, sample.uid, mine, sample.label))
    pairs.texts = list(numbers)
    if not pairs.items:
        reasons = ", ".join(f"{n} {reason}" for reason, n in pairs.skipped.items()) or "empty"
        raise DataError(
            f"no image with a caption in {', '.join(names)}: {reasons}",
            hint="see a sample: wb inspect UID; `captions` says where its captions are",
        )
    return pairs


def _drawn(source: Source, limit: int, seed: int) -> Iterator[tuple[int, Sample]]:
    assert source.length is not None
    if not limit or limit >= source.length:
        yield from enumerate(source.iter())
        return
    for ordinal in sorted(random.Random(f"dev:{seed}").sample(range(source.length), limit)):
        yield ordinal, source.at(ordinal)


def captions_of(sample: Sample, where: str, prompts: Sequence[str]) -> list[str]:
    """The captions of a sample by the config's word for where they are; see `captions` there."""
    given = sample.metadata.get("candidates")
    found = {
        "candidates": list(given.values()) if isinstance(given, dict) else [],
        "references": list(sample.references),
        "caption": [sample.texts["caption"]] if sample.texts.get("caption") else [],
        "label": [p.replace("{label}", sample.label) for p in prompts] if sample.label else [],
    }
    if where != "auto":
        said = found[where]
    else:
        references = found["references"] if sample.task == "caption" else []
        said = found["candidates"] or references or found["caption"]
    return [text.strip() for text in map(str, said) if text.strip()]


def _unusable(sample: Sample, captions: Sequence[str]) -> str:
    if sample.error:
        return "cannot be read"
    if not captions:
        return "without a caption"
    if len(sample.images) != 1:
        return "without an image" if not sample.images else "of several images"
    return ""


class Pixels:
    """Squares of uint8 by the image processor, kept while there is room.

    Attributes:
        failed: UID -> why its image could not be decoded.
    """

    def __init__(self, pairs: Pairs, processor: Any, cache_mb: int) -> None:
        self._pairs, self._processor = pairs, processor
        self._left = cache_mb << 20
        self._kept: dict[int, Tensor] = {}
        self.failed: dict[str, str] = {}

    def __call__(self, index: int) -> Tensor | None:
        """(3, S, S) of an image, `None` where it cannot be decoded."""
        item = self._pairs.items[index]
        if index in self._kept:
            return self._kept[index]
        if item.uid in self.failed:
            return None
        try:
            sample = read_sample(self._pairs.sources[item.source], item.ordinal)
            image = sample.images[0].load()
        except Unreached:
            raise
        except WbError as error:
            self.failed[item.uid] = error.message
            return None
        made = self._processor(
            images=image, do_rescale=False, do_normalize=False, return_tensors="pt"
        )
        square = made["pixel_values"][0].round().clamp(0, 255).to(torch.uint8)
        if square.numel() <= self._left:
            self._left -= square.numel()
            self._kept[index] = square
        return square


def shifted(square: Tensor, rng: random.Random, flip: bool) -> Tensor:
    """An image moved by up to an eighth of its side, its edge mirrored; mirrored half the time."""
    side = square.shape[-1]
    by = side // 8
    x, y, turn = rng.randint(0, 2 * by), rng.randint(0, 2 * by), rng.random() < 0.5
    wide = torch.nn.functional.pad(square[None].float(), (by,) * 4, mode="reflect")[0]
    moved = wide[:, y : y + side, x : x + side].to(square.dtype)
    return moved.flip(-1) if flip and turn else moved


class PairCollator:
    """From (epoch, index) pairs to a step's images, text features and which belong together.

    Attributes:
        features: (texts, width) of the frozen encoder; set before the first step.
    """

    def __init__(self, pairs: Pairs, pixels: Pixels, augment: str, one_sided: set[int]) -> None:
        """`one_sided` texts speak of left or right."""
        self._pairs, self._pixels = pairs, pixels
        self._augment, self._one_sided = augment, one_sided
        self.features = torch.zeros(0, 1)

    @property
    def failed(self) -> dict[str, str]:
        """UID -> why its image could not be decoded."""
        return self._pixels.failed

    def __call__(self, batch: Sequence[tuple[int, int]]) -> dict[str, Tensor]:
        """`pixels` (N, 3, S, S) uint8, `features` (M, width), `belongs` (N, M), `items` (N,)."""
        squares, kept, texts = [], [], []
        for epoch, index in batch:
            square = self._pixels(index)
            if square is None:
                continue
            text = self._pairs.caption(epoch, index)
            squares.append(self._augmented(square, epoch, index))
            kept.append(index)
            texts.append(text)
        once = list(dict.fromkeys(texts))
        side = squares[0].shape[-1] if squares else 1
        return {
            "pixels": torch.stack(squares)
            if squares
            else torch.zeros(0, 3, side, side, dtype=torch.uint8),
            "features": self.features[once],
            "belongs": self._pairs.belongs(kept, once),
            "items": torch.tensor(kept, dtype=torch.long),
        }

    def _augmented(self, square: Tensor, epoch: int, index: int) -> Tensor:
        if self._augment == "none":
            return square
        item = self._pairs.items[index]
        rng = random.Random(f"shift:{self._pairs.seed}:{epoch}:{item.uid}")
        sided = not self._one_sided.isdisjoint(item.captions)
        return shifted(square, rng, flip=self._augment == "shift_flip" and not sided)


def one_sided(texts: Sequence[str]) -> set[int]:
    """Numbers of the texts that a mirrored image would belie."""
    sides = {"left", "right", "leftmost", "rightmost"}
    words = (text.lower().replace("-", " ").translate(_PLAIN).split() for text in texts)
    return {number for number, said in enumerate(words) if sides & set(said)}


_PLAIN = str.maketrans("", "", ".,;:!?'\"()")


class Normaliser:
    """From uint8 squares to what the ResNet takes, by the processor's own colours."""

    def __init__(self, processor: Any) -> None:
        self._mean = torch.tensor(processor.image_mean).view(1, 3, 1, 1)
        self._std = torch.tensor(processor.image_std).view(1, 3, 1, 1)

    def __call__(self, squares: Tensor) -> Tensor:
        """(n, 3, S, S) uint8 to float32 of the same shape, on the same device."""
        mean, std = self._mean.to(squares.device), self._std.to(squares.device)
        return (squares.float() / 255 - mean) / std
