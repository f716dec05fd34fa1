"""Colour maps, overlays and the form of a result: all of it without torch."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from sessions.errors import WbError
from workbench.explain.colormaps import COLORMAPS, colour
from workbench.explain.overlay import overlay, sheet
from workbench.explain.result import Explanation, HeatMap, heat_maps, peak_of


def test_overlay_colormaps_and_result_import_no_torch():
    code = (
        "import sys, workbench.explain.overlay, workbench.explain.result, "
        "workbench.explain.colormaps, workbench.explain.settings\n"
        "bad = {'torch', 'transformers', 'matplotlib', 'pytorch_grad_cam'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["viridis", "inferno", "turbo", "jet"])
def test_colour_maps_match_matplotlib(name):
    import matplotlib

    at = np.linspace(0, 1, 256)
    reference = matplotlib.colormaps[name](at)[:, :3] * 255
    assert np.abs(colour(at, name).astype(float) - reference).max() <= 3


def test_grey_is_black_to_white_and_outside_values_are_clipped():
    out = colour(np.array([-1.0, 0.0, 0.5, 1.0, 2.0, np.nan]), "grey")
    assert out[:, 0].tolist() == [0, 0, 128, 255, 255, 0]


def test_unknown_colour_map_names_the_known_ones():
    with pytest.raises(WbError) as caught:
        colour(np.zeros(1), "plaid")
    assert "plaid" in caught.value.message
    assert all(name in caught.value.hint for name in COLORMAPS)


def test_overlay_keeps_the_size_and_obeys_opacity():
    image = Image.new("RGB", (45, 27), (10, 200, 30))
    heat = np.zeros((3, 5), np.float32)
    heat[1, 2] = 1
    assert overlay(image, heat, opacity=0).tobytes() == image.tobytes()
    full = overlay(image, heat, opacity=1, colormap="grey")
    assert full.size == (45, 27)
    assert full.getpixel((22, 13)) == (255, 255, 255)
    assert full.getpixel((0, 0)) == (0, 0, 0)
    half = overlay(image, heat, opacity=0.5, colormap="grey")
    assert half.getpixel((0, 0)) == (5, 100, 15)
    faded = overlay(image, heat, opacity=1, colormap="grey", fade=True)
    assert faded.getpixel((0, 0)) == (10, 200, 30)
    assert faded.getpixel((22, 13)) == (255, 255, 255)


def test_overlay_refuses_an_opacity_outside_0_to_1():
    with pytest.raises(WbError, match="opacity"):
        overlay(Image.new("RGB", (4, 4)), np.zeros((2, 2)), opacity=1.5)


def test_the_peak_is_a_hottest_pixel_of_the_overlay():
    """But for what sampling a neighbour nearer to its centre adds, where cells are a few pixels."""
    rng = np.random.default_rng(0)
    for size in ((100, 60), (370, 910), (1800, 1200)):
        raw = rng.random((6, 9)).astype(np.float32)
        (heat,) = heat_maps([raw], [size])
        x, y = heat.peak
        shown = heat.upsampled()
        assert shown.shape == (size[1], size[0])
        assert shown[y, x] == pytest.approx(shown.max(), abs=0.01)


def test_peak_lies_in_the_middle_of_the_hottest_cell_of_a_large_image():
    raw = np.zeros((4, 8), np.float32)
    raw[3, 6] = 1
    x, y = peak_of(raw, (8000, 4000))
    assert abs(x - 6500) <= 8
    assert abs(y - 3500) <= 8


def test_a_flat_map_has_its_peak_in_the_middle():
    assert peak_of(np.zeros((4, 4)), (64, 64)) in {(31, 31), (32, 32), (31, 32), (32, 31)}


def test_images_of_a_prompt_share_one_scale_and_the_raw_value_is_kept():
    hot, cold = np.array([[4.0, -2.0]]), np.array([[1.0, 0.0]])
    a, b = heat_maps([hot, cold], [(20, 10), (20, 10)])
    assert a.grid.tolist() == [[1.0, 0.0]]
    assert b.grid.tolist() == [[0.25, 0.0]]
    assert a.scale == b.scale == 4.0


def test_where_nothing_is_positive_all_is_cold_and_the_peak_is_the_least_cold():
    (heat,) = heat_maps([np.array([[-5.0, -1.0], [-5.0, -5.0]])], [(20, 20)])
    assert heat.grid.max() == 0
    x, y = heat.peak
    assert x >= 10
    assert y < 10


def test_json_round_trip_keeps_everything():
    maps = heat_maps([np.arange(6.0).reshape(2, 3), np.ones((1, 2))], [(30, 20), (7, 9)])
    made = Explanation(
        "hirescam", "x", 1, " red", maps, "margin", " blue", 2.5, "a red", 0.1, ("note",)
    )
    body = json.loads(json.dumps(made.to_json()))
    again = Explanation.from_json(body)
    assert body["images"][0]["grid"] == [2, 3]
    assert body["images"][0]["peak"] == list(made.images[0].peak)
    assert len(body["images"][0]["heat"]) == 2
    assert (again.token_text, again.contrast, again.score) == (" red", " blue", 2.5)
    assert again.notes == ("note",)
    assert again.hottest == made.hottest
    for before, after in zip(made.images, again.images, strict=True):
        assert np.allclose(before.grid, after.grid, atol=1e-5)
        assert (before.size, before.peak) == (after.size, after.peak)


def test_a_reader_leaves_unknown_keys_of_a_newer_writer_aside():
    heat = HeatMap(np.ones((1, 1), np.float32), (0, 0), (1, 1))
    body = Explanation("a", "b", 0, "c", (heat,)).to_json() | {"v": 9, "later": 1}
    assert Explanation.from_json(body).method == "a"


def test_sheet_puts_pictures_side_by_side():
    red, blue = Image.new("RGB", (10, 5), "red"), Image.new("RGB", (4, 8), "blue")
    page = sheet([[red, blue], [blue]], gap=2)
    assert page.size == (16, 18)
    assert page.getpixel((0, 0)) == (255, 0, 0)
    assert page.getpixel((12, 0)) == (0, 0, 255)
    assert page.getpixel((0, 10)) == (0, 0, 255)
    assert page.getpixel((11, 0)) == (255, 255, 255)


def test_the_peak_lies_in_the_hottest_cell_whatever_the_sizes():
    random = np.random.default_rng(5)
    for _ in range(400):
        h, w = random.integers(1, 40, 2)
        size = tuple(map(int, random.integers(1, 90, 2) * random.choice([1, 1, 37])))
        raw = random.normal(size=(h, w))
        row, column = np.unravel_index(int(np.argmax(raw)), raw.shape)
        if h > size[1] or w > size[0]:
            continue  # a pixel holds several cells
        x, y = peak_of(raw, size)
        assert (int((x + 0.5) * w / size[0]), int((y + 0.5) * h / size[1])) == (column, row)
