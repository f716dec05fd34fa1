"""Patches back to pixels: a bright square must light up where it is, at every size and layer."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from tests.workbench.models.tiny import ask
from workbench.explain.capture import capture
from workbench.explain.geometry import lay_out, pool, refine
from workbench.explain.prepare import encode, prepare
from workbench.explain.targets import Target
from workbench.sample import ImageRef

SIZES = [(64, 64), (100, 70), (40, 90), (128, 32), (33, 61)]


def cell_box(cell, grid, size):
    """(x0, y0, x1, y1) in pixels of an image of `size` (width, height) of a cell (row, column)."""
    (row, column), (h, w), (width, height) = cell, grid, size
    return column * width / w, row * height / h, (column + 1) * width / w, (row + 1) * height / h


def square_picture(size, box, colour=(255, 255, 255)):
    """Black but for one square."""
    image = Image.new("RGB", size, (0, 0, 0))
    image.paste(colour, box)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return ImageRef(data=buffer.getvalue())


def brightness(loaded, prepared):
    """Mean of each patch's own pixels, laid out per image."""
    values = prepared.inputs["pixel_values"].mean(1, keepdim=True).numpy()
    return [g[..., 0] for g in lay_out(loaded, prepared, "patch.embed", values)]


def test_every_cell_lights_up_where_its_square_is_painted(tiny):
    """One image per cell of the grid: an order that mixes up any two patches fails."""
    for row in range(8):
        for column in range(8):
            box = tuple(int(v) for v in cell_box((row, column), (8, 8), (64, 64)))
            prepared = prepare(tiny, ask("one", square_picture((64, 64), box)), [7], 0)
            (grid,) = brightness(tiny, prepared)
            assert np.unravel_index(grid.argmax(), grid.shape) == (row, column)
            assert (grid > grid.min() + 1e-3).sum() == 1


def test_images_of_different_sizes_in_one_prompt_keep_apart(tiny):
    """Squares at a third of the width and two thirds of the height of five odd sizes."""
    boxes = [
        (int(w / 3) - 6, int(2 * h / 3) - 6, int(w / 3) + 6, int(2 * h / 3) + 6) for w, h in SIZES
    ]
    refs = [square_picture(s, b) for s, b in zip(SIZES, boxes, strict=True)]
    prepared = prepare(tiny, ask("which?", *refs), [7], 0)
    assert [span.size for span in prepared.spans] == SIZES
    for grid, size in zip(brightness(tiny, prepared), SIZES, strict=True):
        weight = grid - grid.min()
        rows, columns = np.mgrid[: grid.shape[0], : grid.shape[1]]
        x = ((columns + 0.5) * weight).sum() / weight.sum() * size[0] / grid.shape[1]
        y = ((rows + 0.5) * weight).sum() / weight.sum() * size[1] / grid.shape[0]
        assert x == pytest.approx(size[0] / 3, abs=2.5)
        assert y == pytest.approx(2 * size[1] / 3, abs=2.5)


def changed_cells(loaded, layer, size, box):
    """Where a layer's activations differ most between a square and none, per image."""
    grids = []
    for picture in (square_picture(size, box), square_picture(size, box, (0, 0, 0))):
        prepared = prepare(loaded, ask("one", picture), [7], 0)
        found = capture(loaded, prepared, [layer], [(0, Target("logit", 7))], gradients=False)
        grids.append(lay_out(loaded, prepared, layer, found.activations[layer])[0])
    return np.linalg.norm(grids[0] - grids[1], axis=-1)


@pytest.mark.parametrize("cell", [(0, 0), (1, 4), (3, 1), (2, 5)])
def test_a_square_changes_its_own_cell_most_at_every_layer(tiny, cell):
    size = (96, 64)
    box = tuple(int(v) for v in cell_box(cell, (4, 6), size))
    for layer in tiny.family.layers(tiny):
        if layer == "token.layer1":
            continue  # attention has mixed the places of a random model by then
        change = changed_cells(tiny, layer, size, box)
        hottest = np.unravel_index(change.argmax(), change.shape)
        scale = change.shape[0] // 4
        assert (hottest[0] // scale, hottest[1] // scale) == cell, layer


@pytest.fixture(scope="module")
def windowed(tiny_folder, tmp_path_factory):
    """A random Qwen2.5-VL, whose vision blocks work on permuted windows."""
    from transformers import AutoProcessor, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    from workbench.models.base import load_model
    from workbench.models.spec import ModelSpec

    folder = tmp_path_factory.mktemp("windowed") / "qwen2_5"
    text = {
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "rope_parameters": {
            "rope_type": "default",
            "mrope_section": [4, 6, 6],
            "rope_theta": 10000.0,
        },
        "tie_word_embeddings": True,
    }
    vision = {
        "depth": 3,
        "hidden_size": 64,
        "intermediate_size": 128,
        "out_hidden_size": 64,
        "num_heads": 2,
        "patch_size": 8,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 32,
        "fullatt_block_indexes": [1],
    }
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=5,
        video_token_id=6,
        vision_start_token_id=3,
        vision_end_token_id=4,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)
    AutoProcessor.from_pretrained(tiny_folder).save_pretrained(folder)
    return load_model(ModelSpec(str(folder), device="cpu"))


@pytest.mark.parametrize("cell", [(0, 0), (1, 4), (3, 1), (4, 5)])
def test_attention_windows_of_qwen2_5_vl_are_undone(windowed, cell):
    size = (96, 80)
    box = tuple(int(v) for v in cell_box(cell, (5, 6), size))
    for layer in ["patch.embed", "patch.block0", "patch.block2", "merged.merger", "token.layer0"]:
        change = changed_cells(windowed, layer, size, box)
        hottest = np.unravel_index(change.argmax(), change.shape)
        scale = change.shape[0] // 5
        assert (hottest[0] // scale, hottest[1] // scale) == cell, layer


def test_the_answer_s_tokens_enter_as_if_they_had_been_encoded_with_it(tiny):
    """Appending by id must give the inputs of encoding the text, positions included."""
    messages = ask("is it red", square_picture((64, 48), (0, 0, 9, 9)))
    ids = tiny.tokenizer("true false", add_special_tokens=False)["input_ids"]
    ours, _ = encode(tiny, [messages], ids)
    theirs = tiny.family.encode(tiny, [messages], answers=["true false"]).inputs
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert torch.equal(ours[name], value), name


def test_refine_repeats_and_pool_averages():
    coarse = np.array([[1.0, 2.0], [3.0, 4.0]])
    fine = refine(coarse, (4, 6))
    assert fine[:2, :3].tolist() == [[1.0] * 3] * 2
    assert fine[3, 5] == 4.0
    assert np.array_equal(pool(fine, (2, 2)), coarse)
    assert pool(np.arange(16.0).reshape(4, 4), (2, 2)).tolist() == [[2.5, 4.5], [10.5, 12.5]]
