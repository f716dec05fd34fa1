"""Boxes and points out of answers: every family's form, what is cut, and what is never guessed."""

from __future__ import annotations

import time

import pytest

from workbench.grounding.forms import written_regions
from workbench.grounding.reading import read_regions
from workbench.grounding.region import Region, numbers, region_of
from workbench.sample import CoordinateFrame

SIZE = (640, 480)
THOUSANDTHS = CoordinateFrame(SIZE, units=(1000.0, 1000.0), convention="qwen2-vl")
RESIZED = CoordinateFrame(SIZE, units=(644.0, 476.0), convention="qwen2.5-vl")
GRID = CoordinateFrame(SIZE, units=(1024.0, 1024.0), convention="paligemma")
SQUARE = CoordinateFrame(SIZE, (0, -80, 640, 560), (1.0, 1.0), "llava")
FRACTIONS = CoordinateFrame(SIZE, units=(1.0, 1.0), convention="fractions")
PERCENT = CoordinateFrame(SIZE, units=(100.0, 100.0), convention="molmo")
UNKNOWN = CoordinateFrame(SIZE)

CAT = (64.0, 48.0, 320.0, 240.0)
CASES = [
    (
        THOUSANDTHS,
        "<|object_ref_start|>the cat<|object_ref_end|><|box_start|>(100,100),(500,500)<|box_end|>",
        [("the cat", CAT)],
    ),
    # What a tokenizer leaves of it that does not print special tokens.
    (THOUSANDTHS, "the cat(100,100),(500,500)", [("the cat", CAT)]),
    (
        THOUSANDTHS,
        "<|object_ref_start|>cats<|object_ref_end|><|box_start|>(100,100),(500,500)<|box_end|>"
        "<|box_start|>(0,0),(250,1000)<|box_end|>",
        [("cats", CAT), ("cats", (0, 0, 160, 480))],
    ),
    (THOUSANDTHS, "<ref>cat</ref><box>[[100, 100, 500, 500]]</box>", [("cat", CAT)]),
    (
        THOUSANDTHS,
        "<ref>cat</ref><box>[[100,100,500,500],[0,0,250,1000]]</box>",
        [("cat", CAT), ("cat", (0, 0, 160, 480))],
    ),
    (THOUSANDTHS, "cat[[100, 100, 500, 500]]", [("cat", CAT)]),
    (THOUSANDTHS, "<ref>cat</ref><box>(100,100),(500,500)</box>", [("cat", CAT)]),
    (
        RESIZED,
        '```json\n[\n\t{"bbox_2d": [64.4, 47.6, 322, 238], "label": "the \\"cat\\""}\n]\n```',
        [('the "cat"', CAT)],
    ),
    # Cut off at the limit of new tokens: what is whole is read.
    (
        RESIZED,
        '[{"label": "cat", "bbox_2d": [64.4, 47.6, 322, 238]}, {"bbox_2d": [3',
        [("cat", CAT)],
    ),
    (RESIZED, "{'point_2d': [322, 238], 'label': 'nose'}", [("nose", (320, 240))]),
    (RESIZED, '<points x1="322" y1="238" alt="nose">nose</points>', [("nose", (320, 240))]),
    (GRID, "<loc0102><loc0102><loc0512><loc0512> cat", [("cat", (63.75, 47.8125, 320, 240))]),
    (
        GRID,
        "<loc0000><loc0512><loc1023><loc1023> cat ; <loc0000><loc0000><loc0512><loc0512> two dogs",
        [("cat", (320, 0, 639.375, 479.53125)), ("two dogs", (0, 0, 320, 240))],
    ),
    (SQUARE, "[0.1, 0.2, 0.5, 0.5]", [("", (64, 48, 320, 240))]),
    (FRACTIONS, "The cat is at [0.10, 0.10, 0.50, 0.50].", [("", CAT)]),
    (FRACTIONS, "(0.1, 0.1, 0.5, 0.5)", [("", CAT)]),
    (FRACTIONS, "It is at (0.5, 0.5).", [("", (320, 240))]),
    (
        PERCENT,
        '<point x="50" y="50.0" alt="the nose">the nose</point>',
        [("the nose", (320, 240))],
    ),
    (
        PERCENT,
        '<points x1="50" y1="50" x2="0" y2="100" alt="eyes">eyes</points>',
        [("eyes", (320, 240)), ("eyes", (0, 480))],
    ),
    # Nobody knows a server's model: a form with units of its own is read, bare numbers are not.
    (UNKNOWN, "<|box_start|>(100,100),(500,500)<|box_end|>", [("", CAT)]),
    (UNKNOWN, '<point x="50" y="50" alt="nose">', [("nose", (320, 240))]),
    (UNKNOWN, '{"bbox_2d": [64, 48, 320, 240]}', []),
]


@pytest.mark.parametrize(("frame", "text", "wanted"), CASES)
def test_each_form_is_read_in_pixels_of_the_image(frame, text, wanted):
    found = read_regions(text, [frame]).regions
    assert [(one.name, one.at) for one in found] == [
        (name, pytest.approx(at, abs=0.01)) for name, at in wanted
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "There is no cat.",
        "[1, 2, 3]",
        "[1, 2, 3, 4, 5]",
        '{"bbox_2d": "left"}',
        '{"bbox_2d": [1, 2, null, 4]}',
        "<loc0001><loc0002><loc0003>",
        "at 10:30, 4 of 5",
    ],
)
def test_what_says_no_place_has_none(text):
    assert read_regions(text, [THOUSANDTHS]).regions == ()


def test_corners_in_another_order_are_put_right_and_told():
    found = read_regions("[0.5, 0.5, 0.1, 0.1]", [FRACTIONS])
    assert found.regions[0].at == pytest.approx(CAT)
    assert found.problems == ("1 with its corners in another order",)


def test_what_reaches_over_the_edge_is_cut_and_told():
    found = read_regions("[-0.2, 0.5, 1.5, 0.9]", [FRACTIONS])
    assert found.regions[0].at == pytest.approx((0, 240, 640, 432))
    assert found.problems == ("1 cut at the image's edge",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1.2, 0.1, 1.5, 0.2]", "1 left out: outside of the image"),
        ("[0.5, 0.5, 0.5, 0.9]", "1 left out: it holds no area"),
        ("(1.5, 0.5)", "1 left out: outside of the image"),
    ],
)
def test_what_lies_outside_or_holds_nothing_is_left_out_never_a_box_of_zeros(text, why):
    found = read_regions(text, [FRACTIONS])
    assert (found.regions, found.problems) == ((), (why,))


def test_numbers_without_known_units_are_left_out_and_told():
    found = read_regions("[10, 20, 30, 40]", [UNKNOWN])
    assert (found.regions, found.problems) == (
        (),
        ("1 left out: nobody knows what its numbers are of",),
    )


def test_an_answer_about_several_images_is_taken_to_mean_the_first_and_says_so():
    found = read_regions("[0.1, 0.1, 0.5, 0.5]", [FRACTIONS, FRACTIONS])
    assert found.regions[0].image == 0
    assert found.problems == ("1 taken to be in the first of 2 images",)


def test_a_looping_model_is_read_up_to_a_bound():
    found = read_regions("[0.1, 0.1, 0.5, 0.5]" * 5000, [FRACTIONS])
    assert len(found.regions) == 200
    assert "behind the 200th" in found.problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 90_000,
        "(1,1)" + " " * 90_000,
        "<ref>" * 20_000,
        '{"bbox_2d": ' * 8_000,
        "[0,0,0,0" * 9000,
    ],
)
def test_hostile_text_takes_no_time(text):
    began = time.process_time()
    written_regions(text)
    assert time.process_time() - began < 1.0


def test_a_region_is_written_and_read_back_to_the_hundredth_of_a_pixel():
    for region in (Region((1.234, 2, 3.5, 4), "cat", 1), Region((1, 2))):
        again = region_of(region.to_json())
        assert again.at == pytest.approx(region.at, abs=0.005)
        assert (again.name, again.image) == (region.name, region.image)
    assert Region((1.6, 2, 3, 4)).words == "[2, 2, 3, 4]"
    assert Region((1, 2)).words == "(1, 2)"


@pytest.mark.parametrize("value", [[1, 2, 3], [1, 2, 1, 4], [1, 2, float("nan"), 4], "1234", None])
def test_a_box_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="wanted|nothing"):
        numbers(value, 4)
