"""Boxes over pictures: an answer's unbroken, gold in dashes, at any size of the picture."""

from __future__ import annotations

import pytest
from PIL import Image

from workbench.app.widgets.frames import ShownPicture, scaled
from workbench.app.widgets.places import ShownPlaces
from workbench.grounding.answered import AnsweredRegions
from workbench.grounding.drawing import ANSWER, GOLD, RegionMark, draw_marks, marks_of, overlay_html
from workbench.grounding.judging import judge
from workbench.grounding.region import Region

BOX = Region((20, 40, 60, 80))


def coloured(image: Image.Image, colour) -> set[tuple[int, int]]:
    pixels = image.load()
    return {
        (x, y) for x in range(image.width) for y in range(image.height) if pixels[x, y] == colour
    }


@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_a_box_is_drawn_where_it_is_whatever_the_size_of_the_picture(scale):
    size = (round(100 * scale), round(120 * scale))
    drawn = draw_marks(Image.new("RGB", size), [RegionMark(BOX, (100, 120))])
    found = coloured(drawn, ANSWER)
    xs, ys = {x for x, _ in found}, {y for _, y in found}
    wanted = [value * scale for value in BOX.at]
    assert (min(xs), min(ys)) == (wanted[0], wanted[1])
    assert (max(xs) + 1, max(ys) + 1) == (wanted[2], wanted[3])
    # Unbroken: every column of the upper edge.
    assert {x for x, y in found if y == min(ys)} == set(range(min(xs), max(xs) + 1))


def test_gold_has_gaps_in_its_lines():
    found = coloured(
        draw_marks(Image.new("RGB", (100, 120)), [RegionMark(BOX, (100, 120), True)]), GOLD
    )
    top = {x for x, y in found if y == 40}
    assert top
    assert len(top) < 40
    assert (min(x for x, _ in found), max(y for _, y in found)) == (20, 79)


@pytest.mark.parametrize("at", [(-50, -50, 500, 500), (99, 119, 100, 120), (0, 0, 0.01, 0.01)])
def test_boxes_at_and_over_the_edge_stay_inside(at):
    drawn = draw_marks(Image.new("RGB", (100, 120)), [RegionMark(Region(at), (100, 120))])
    assert coloured(drawn, ANSWER)


def test_a_point_is_a_cross_of_an_answer_and_a_ring_of_gold():
    for gold, colour in ((False, ANSWER), (True, GOLD)):
        mark = RegionMark(Region((50, 60)), (100, 120), gold)
        found = coloured(draw_marks(Image.new("RGB", (100, 120)), [mark]), colour)
        assert ((50, 60) in found) is not gold


def test_a_picture_without_marks_is_the_picture():
    image = Image.new("RGB", (5, 5))
    assert draw_marks(image, []) is image


def test_each_mark_lies_on_its_own_image_and_gold_under_the_answer():
    answered = AnsweredRegions((BOX, Region((1, 1, 2, 2), image=1)))
    first, second = marks_of(answered, [BOX], [(100, 120), (10, 10)])
    assert [mark.gold for mark in first] == [True, False]
    assert [mark.size for mark in second] == [(10, 10)]


def test_the_bench_draws_them_over_the_heat():
    import numpy as np

    from workbench.app.widgets.frames import HeatLook

    (picture,) = ShownPlaces(AnsweredRegions((BOX,))).on(
        [ShownPicture(Image.new("RGB", (100, 120)), heat=np.ones((2, 2), np.float32))]
    )
    assert coloured(scaled(picture, (100, 120), HeatLook()), ANSWER)


def test_the_legend_says_in_text_which_line_is_which_and_what_was_left_out():
    places = AnsweredRegions(
        (Region(BOX.at, "\x1b[31mcat"),),
        (BOX,),
        ("1 cut at the image's edge",),
        judge([BOX], [BOX]),
    )
    said = ShownPlaces(places, places.gold).legend("o").plain
    assert said.startswith("━ answer [20, 40, 60, 80]")
    assert "IoU 1.00   ╍ gold [20, 40, 60, 80]" in said
    assert said.endswith("o hides   1 cut at the image's edge")
    assert "\x1b" not in said
    assert ShownPlaces().legend("o").plain == ""


def test_many_places_are_counted_in_the_legend():
    places = AnsweredRegions((BOX,) * 5)
    assert "and 2 more" in ShownPlaces(places).legend().plain


def test_html_holds_numbers_alone():
    said = overlay_html([RegionMark(Region(BOX.at, "<script>"), (100, 120), True)])
    assert "script" not in said
    assert "left:20.00%;top:33.33%;width:40.00%;height:33.33%" in said
    assert "dashed" in said
