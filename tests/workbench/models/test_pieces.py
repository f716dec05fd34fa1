"""What a tower is given, shown again as pictures: the processor's own pixels, cell by cell."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.workbench.models.family_cases import ANSWER, prompts
from tests.workbench.models.tiny import ask
from workbench.models.base import LoadedModel, load_model
from workbench.models.pieces import unnormalised
from workbench.models.skeleton import load_skeleton
from workbench.models.spec import ModelSpec
from workbench.sample import ImageRef

NO_PLACES = {"auto"}
# Colours of the quarters of a picture, in reading order.
QUARTERS = ((250, 10, 10), (10, 250, 10), (10, 10, 250), (240, 240, 10))


@pytest.fixture(scope="module")
def bare(folder: Path) -> LoadedModel:
    return load_skeleton(ModelSpec(str(folder), device="cpu"))


def quartered(width: int, height: int) -> ImageRef:
    small = np.array(QUARTERS, np.uint8).reshape(2, 2, 3)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST)
    out = io.BytesIO()
    image.save(out, format="PNG")
    return ImageRef(data=out.getvalue())


def sizes_of(conversations) -> list[list[tuple[int, int]]]:
    return [[image.load().size for m in c for image in m.images] for c in conversations]


def test_a_skeleton_encodes_as_the_loaded_model_does(
    name: str, folder: Path, bare: LoadedModel
) -> None:
    assert all(p.is_meta for p in bare.base.parameters())
    loaded = load_model(ModelSpec(str(folder), device="cpu"))
    asked = prompts(name)
    answers = [ANSWER, "yes", "no", "true", "two"]
    whole, found = (
        m.family.encode(m, asked, answers=answers, end_of_turn=True) for m in (loaded, bare)
    )
    assert found.inputs.keys() == whole.inputs.keys()
    for key, value in whole.inputs.items():
        assert torch.equal(found.inputs[key], value), key
    assert (found.answer_spans, found.image_spans) == (whole.answer_spans, whole.image_spans)
    assert (bare.end_ids, bare.context_length) == (loaded.end_ids, loaded.context_length)


def test_pictures_are_those_that_the_processor_normalised(name: str, bare: LoadedModel) -> None:
    asked = prompts(name)
    made, sizes = bare.processor.image_processor, sizes_of(asked)
    normalised = bare.family.encode(bare, asked).inputs
    made.do_normalize = made.do_rescale = False
    try:
        plain = bare.family.encode(bare, asked).inputs
    finally:
        made.do_normalize = made.do_rescale = True
    seen = bare.family.pieces(bare, normalised, sizes)
    raw = bare.family.pieces(bare, plain, sizes)
    assert [len(row) for row in seen] == [len(row) for row in sizes]
    for image, own in zip(
        (i for row in seen for i in row), (i for row in raw for i in row), strict=True
    ):
        assert image
        for piece, before in zip(image, own, strict=True):
            shown = unnormalised(made, piece.pixels).astype(int)
            wanted = before.pixels.permute(1, 2, 0).clamp(0, 255).round().numpy().astype(int)
            # A processor that pads after it normalised puts zeros, which are its mean colour.
            padded = (piece.pixels == 0).all(0).numpy()
            assert ((np.abs(shown - wanted).max(-1) <= 1) | padded).all()
            assert not padded.all()


def test_each_token_has_its_cell_of_the_picture(name: str, bare: LoadedModel) -> None:
    if name in NO_PLACES:
        pytest.skip("its tokens have no places that are known")
    asked = [ask("one", quartered(64, 64))]
    inputs = bare.family.encode(bare, asked).inputs
    spans = bare.family.encode(bare, asked).image_spans
    ((pieces,),) = bare.family.pieces(bare, inputs, sizes_of(asked))
    for piece in pieces:
        picture = unnormalised(bare.processor.image_processor, piece.pixels)
        x0, y0, x1, y1 = piece.box
        high, wide = piece.grid
        corners = ((0, 0), (0, wide - 1), (high - 1, 0), (high - 1, wide - 1))
        for (row, column), colour in zip(corners, QUARTERS, strict=True):
            y = y0 + int((row + 0.5) * (y1 - y0) / high)
            x = x0 + int((column + 0.5) * (x1 - x0) / wide)
            assert np.abs(picture[y, x].astype(int) - colour).max() < 12, (row, column)
        if name != "captioner":
            assert len(piece.columns) == high * wide
            ids = inputs["input_ids"][0, list(piece.columns)]
            assert set(ids.tolist()) == {bare.base.config.image_token_id}
    if name != "captioner":
        shown = [column for piece in pieces for column in piece.columns]
        assert sorted(shown) == sorted(spans[0][0].columns)
