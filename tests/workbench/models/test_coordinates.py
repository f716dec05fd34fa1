"""Coordinates and pixels: each family's frame, held against the pixels that its tower is given."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.workbench.models.family_cases import prompts
from tests.workbench.models.tiny import ask, picture
from workbench.grounding.conventions import CONVENTIONS
from workbench.grounding.reading import read_regions
from workbench.inference.decoding import Decoding
from workbench.inference.generate import PrefixCache, generate
from workbench.inference.row import RunningText
from workbench.models.base import LoadedModel, load_model
from workbench.models.skeleton import load_skeleton
from workbench.models.spec import ModelSpec
from workbench.sample import ImageRef, Message

pytestmark = pytest.mark.slow

SIZES = [(64, 64), (101, 37), (37, 101), (640, 427), (33, 61)]
KNOBS = {"image_min_pixels": 64 * 64, "image_max_pixels": 96 * 96}


@pytest.fixture(scope="module")
def bare(folder: Path) -> LoadedModel:
    return load_skeleton(ModelSpec(str(folder), device="cpu"))


def square(size, box, turned: int = 0) -> ImageRef:
    """Black, but for one white box; `turned` lies by 90 degrees in its file, as cameras do."""
    image = Image.new("RGB", size, (0, 0, 0))
    image.paste((255, 255, 255), box)
    out, exif = io.BytesIO(), Image.Exif()
    if turned:
        exif[0x0112] = 6  # shown, it is turned by 90 degrees clockwise
        image = image.transpose(Image.Transpose.ROTATE_90)
    image.save(out, "PNG", exif=exif)
    return ImageRef(data=out.getvalue())


def frame_of(loaded: LoadedModel, image: ImageRef):
    (frame,) = loaded.family.encode(loaded, [ask("where", image)]).frames[0]
    return frame


def written(name: str, frame, box) -> str:
    """A box as a model of that convention writes it, its numbers rounded as it rounds them."""
    a, b = frame.from_image(box[0], box[1]), frame.from_image(box[2], box[3])
    x0, y0, x1, y1 = *a, *b
    whole = [round(value) for value in (x0, y0, x1, y1)]
    if name == "paligemma":
        ys = [min(round(v), 1023) for v in (y0, x0, y1, x1)]
        return "".join(f"<loc{v:04d}>" for v in ys) + " cat"
    if name == "qwen2_vl":
        return f"cat({whole[0]},{whole[1]}),({whole[2]},{whole[3]})"
    if name == "qwen2_5_vl":
        return f'{{"bbox_2d": {[round(v, 1) for v in (x0, y0, x1, y1)]}, "label": "cat"}}'
    return str([round(value, 3) for value in (x0, y0, x1, y1)])


@pytest.mark.parametrize("size", SIZES)
def test_a_box_comes_back_from_the_models_coordinates_within_half_a_pixel(
    name: str, bare: LoadedModel, size
) -> None:
    frame = frame_of(bare, square(size, (0, 0, 4, 4)))
    width, height = frame.size
    box = (width * 0.21, height * 0.34, width * 0.68, height * 0.87)
    if frame.box is not None:  # what a processor cut away has no coordinates
        x0, y0, x1, y1 = frame.box
        box = (max(box[0], x0), max(box[1], y0), min(box[2], x1), min(box[3], y1))
    (found,) = read_regions(written(name, frame, box), [frame]).regions
    assert frame.size == size
    # A grid of 1000 or 1024 is half a pixel at most on these pictures.
    assert found.at == pytest.approx(box, abs=0.5)


@pytest.mark.parametrize("size", SIZES)
def test_coordinates_are_where_the_tower_has_the_pixels(name: str, bare: LoadedModel, size) -> None:
    if name in ("llava_next", "auto", "captioner"):
        pytest.skip("no picture of the tower's spans what its coordinates are of")
    width, height = size
    side = max(2, min(size) // 5)
    left, top = width // 2 - side // 4, height // 2 - side // 2
    image = square(size, (left, top, left + side, top + side))
    batch = bare.family.encode(bare, [ask("where", image)])
    piece = bare.family.pieces(bare, batch.inputs, [[size]])[0][0][0]
    light = piece.pixels.float().mean(0)
    light = (light - light.min()).double()
    rows, columns = light.sum(1), light.sum(0)
    high, wide = light.shape
    y = float((rows * (rows.new_tensor(range(high)) + 0.5)).sum() / rows.sum())
    x = float((columns * (columns.new_tensor(range(wide)) + 0.5)).sum() / columns.sum())
    (frame,) = batch.frames[0]
    u, v = frame.from_image(left + side / 2, top + side / 2)
    across, down = frame.units
    # In pixels of the image: how far the middle of the square is from where it was painted.
    scale = (frame.span[2] - frame.span[0]) / wide, (frame.span[3] - frame.span[1]) / high
    assert abs(x - u / across * wide) * scale[0] <= 0.5 + scale[0] / 2
    assert abs(y - v / down * high) * scale[1] <= 0.5 + scale[1] / 2


def test_pixel_bounds_turn_what_the_numbers_are_of(name: str, folder: Path) -> None:
    if not name.startswith("qwen"):
        pytest.skip("has no such knobs")
    turned = load_skeleton(ModelSpec(str(folder), device="cpu", **KNOBS))
    frame = frame_of(turned, square((640, 427), (0, 0, 4, 4)))
    resized = turned.family.encode(turned, [ask("where", square((640, 427), (0, 0, 4, 4)))])
    (span,) = resized.image_spans[0]
    assert span.resized[0] * span.resized[1] <= 96 * 96
    wanted = span.resized if name == "qwen2_5_vl" else (1000, 1000)
    assert frame.units == tuple(map(float, wanted))
    found = read_regions(written(name, frame, (64, 42, 320, 213)), [frame]).regions
    assert found[0].at == pytest.approx((64, 42, 320, 213), abs=0.5)


def test_a_picture_that_its_exif_turns_has_pixels_as_it_is_shown(
    name: str, bare: LoadedModel
) -> None:
    frame = frame_of(bare, square((40, 90), (4, 6, 12, 20), turned=1))
    assert frame.size == (40, 90)


def test_each_image_of_a_prompt_has_its_own_frame(name: str, bare: LoadedModel) -> None:
    for conversation in prompts(name):
        sizes = [i.load().size for m in conversation for i in m.images]
        frames = bare.family.encode(bare, [conversation]).frames[0]
        assert [frame.size for frame in frames] == sizes


def test_images_that_were_read_before_in_a_shared_beginning_keep_their_frames(
    name: str, folder: Path
) -> None:
    if name != "qwen2_5_vl":
        pytest.skip("one family that shares beginnings is enough")
    loaded = load_model(ModelSpec(str(folder), device="cpu"))
    shot = (*ask("one", picture(50, 30)), Message("assistant", ("yes",)))
    asked = [(*shot, *ask("two", picture(40, 40, number))) for number in range(2)]
    knobs, cache = Decoding(max_new_tokens=1), PrefixCache()
    wanted = [frame.size for frame in generate(loaded, asked[:1], knobs)[0].frames]
    assert wanted == [(50, 30), (40, 40)]
    for _ in range(2):
        found = generate(loaded, asked, knobs, prefixes=cache)
        assert [[frame.size for frame in one.frames] for one in found] == [wanted, wanted]
    assert cache.hits


def test_paligemmas_places_are_no_special_tokens_and_stand_in_its_answers_text(
    name: str, bare: LoadedModel
) -> None:
    if name != "paligemma":
        pytest.skip("has no tokens for places")
    said = "<loc0100><loc0200><loc0300><loc0400> cat"
    ids = bare.tokenizer(said, add_special_tokens=False)["input_ids"]
    text = RunningText(bare.tokenizer)
    for token in ids:
        text.push(token)
    assert (ids[4:] != [], text.whole()) == (True, said)
    assert bare.tokenizer.convert_ids_to_tokens(ids[:4]) == said.split(" ")[0].replace(
        "><", "> <"
    ).split(" ")


def test_each_convention_names_a_template_that_is_shipped() -> None:
    from workbench.prompts.pool import shipped_template

    for convention in CONVENTIONS.values():
        assert shipped_template(convention.template).task == "grounding"
