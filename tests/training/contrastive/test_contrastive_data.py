"""Which captions and which pixels: what a resumed training and the encoder's user rely on."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.training.contrastive.tiny_pairs import captioned
from training.contrastive.config import ContrastiveConfig
from training.contrastive.data import (
    Normaliser,
    PairCollator,
    Pixels,
    captions_of,
    one_sided,
    open_pairs,
    shifted,
)
from training.order import EpochOrder
from workbench.errors import DataError
from workbench.sample import Sample

PROMPTS = ("a photo of a {label}.", "one {label}")


def test_captions_are_taken_from_where_the_config_says() -> None:
    sample = Sample(
        "d/s/1",
        texts={"caption": "its text"},
        label="cat",
        references=("cat", " a cat "),
        metadata={"candidates": {"A1": "one", "A2": " "}},
        task="classification",
    )
    said = {
        where: captions_of(sample, where, PROMPTS)
        for where in ("auto", "references", "candidates", "caption", "label")
    }
    assert said == {
        "auto": ["one"],
        "candidates": ["one"],
        "references": ["cat", "a cat"],
        "caption": ["its text"],
        "label": ["a photo of a cat.", "one cat"],
    }
    # A class's name is a reference of a classification, and no caption.
    bare = Sample("d/s/2", label="cat", references=("cat",), task="classification")
    assert captions_of(bare, "auto", PROMPTS) == []
    described = Sample("d/s/3", label="a", references=("a", "b"), task="caption")
    assert captions_of(described, "auto", PROMPTS) == ["a", "b"]


def test_the_same_words_are_one_text_that_belongs_to_each_of_its_images(tmp_path: Path) -> None:
    config = ContrastiveConfig(train=(captioned(tmp_path / "p", 6),))
    pairs = open_pairs(config.train, config)
    assert len(pairs) == 6 and len(pairs.texts) == 3 * 3 + 2 * 6
    assert [len(item.captions) for item in pairs.items] == [5] * 6
    shared = pairs.texts.index("a photo of a cat.")
    table = pairs.belongs(range(6), [shared])
    assert table[:, 0].tolist() == [item.label == "cat" for item in pairs.items]
    drawn = {pairs.caption(epoch, 0) for epoch in range(40)}
    assert drawn == set(pairs.items[0].captions)
    order = EpochOrder(len(pairs), pairs.order)
    order.set_epoch(1)
    assert [*order] == [*order] and sorted(i for _, i in order) == [*range(6)]
    assert pairs.order(1) != pairs.order(2)


def test_data_without_captions_is_refused_with_the_reason(tmp_path: Path) -> None:
    config = ContrastiveConfig(train=(captioned(tmp_path / "p", 3),), captions="caption")
    with pytest.raises(DataError, match="3 without a caption"):
        open_pairs(config.train, config)


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_kept_bytes_are_what_the_processor_gives(tmp_path: Path, fit: str) -> None:
    from transformers import ConvNextImageProcessor

    from workbench.models.two_stage.processor import fit_images

    config = ContrastiveConfig(train=(captioned(tmp_path / "p", 3),))
    noise = Image.effect_noise((50, 34), 80).convert("RGB")
    noise.save(next((tmp_path / "p" / "train").rglob("0.png")))
    pairs = open_pairs(config.train, config)
    processor, _ = fit_images(ConvNextImageProcessor(), fit, 32)
    pixels = Pixels(pairs, processor, cache_mb=1)
    index = next(i for i, item in enumerate(pairs.items) if item.uid.endswith("0.png"))
    square = pixels(index)
    assert square is not None and square.dtype == torch.uint8 and pixels(index) is square
    found = Normaliser(processor)(square[None])
    wanted = processor(images=noise, return_tensors="pt")["pixel_values"]
    # Half a grey level, in units of the colours' spread.
    assert float((found - wanted).abs().max()) < 0.51 / 255 / 0.224


def test_an_image_is_moved_alike_for_one_seed_and_never_mirrored_where_sides_are_named() -> None:
    square = torch.arange(3 * 16 * 16).remainder(251).to(torch.uint8).view(3, 16, 16)
    assert torch.equal(
        shifted(square, random.Random("a"), True), shifted(square, random.Random("a"), True)
    )
    many = [shifted(square, random.Random(n), flip=False) for n in range(30)]
    assert len({tuple(m.flatten().tolist()) for m in many}) > 5
    assert all(int(m[0, 0, 2]) != int(m[0, 0, 3]) for m in many)
    texts = ["a cat on the left", "Right-hand side", "bright light", "what is left, a dog"]
    assert one_sided(texts) == {0, 1, 3}


def test_a_step_leaves_out_what_cannot_be_decoded_and_keeps_the_rest_in_order(
    tmp_path: Path,
) -> None:
    from transformers import ConvNextImageProcessor

    from workbench.models.two_stage.processor import fit_images

    config = ContrastiveConfig(train=(captioned(tmp_path / "p", 6),))
    next((tmp_path / "p" / "train").rglob("4.png")).write_bytes(b"no picture")
    pairs = open_pairs(config.train, config)
    processor, _ = fit_images(ConvNextImageProcessor(), "stretch", 32)
    collate = PairCollator(pairs, Pixels(pairs, processor, 1), "shift", set())
    collate.features = torch.eye(len(pairs.texts))
    step = collate([(0, index) for index in range(6)])
    assert len(step["pixels"]) == len(step["items"]) == len(step["belongs"]) == 5
    assert len(collate.failed) == 1 and next(iter(collate.failed)).endswith("4.png")
    for row, index in enumerate(step["items"].tolist()):
        column = step["features"].argmax(1).tolist().index(pairs.caption(0, index))
        assert step["belongs"][row, column]
