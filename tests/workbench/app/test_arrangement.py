"""A pair lies side by side, left is left, unless stacking gains more than a quarter."""

from __future__ import annotations

import pytest

from workbench.app.widgets.arrangement import arrange

SQUARE, WIDE, TALL, BANNER = (100, 100), (200, 100), (100, 200), (400, 100)


def drawn(boxes) -> int:
    return sum(box.width * box.height for box in boxes)


@pytest.mark.parametrize(
    ("sizes", "area", "wanted"),
    [
        ([SQUARE, SQUARE], (100, 24), "beside"),
        ([SQUARE, SQUARE], (80, 26), "beside"),
        ([SQUARE, SQUARE], (80, 44), "beside"),  # stacking gains 1.13
        ([SQUARE, SQUARE], (80, 48), "stacked"),  # 1.36
        ([SQUARE, SQUARE], (40, 44), "stacked"),
        ([WIDE, WIDE], (80, 14), "beside"),
        ([WIDE, WIDE], (78, 26), "stacked"),
        ([TALL, TALL], (60, 40), "beside"),
        ([BANNER, BANNER], (80, 20), "stacked"),
        ([SQUARE, WIDE], (100, 24), "beside"),
        ([TALL, WIDE], (100, 24), "beside"),
        ([SQUARE] * 3, (120, 24), "beside"),
        ([SQUARE] * 4, (40, 22), "stacked"),
    ],
)
def test_the_table_of_layouts(sizes, area, wanted):
    boxes = arrange(sizes, area, (10, 20))
    assert ("beside" if len({box.x for box in boxes}) == len(sizes) else "stacked") == wanted
    if wanted == "beside":
        assert all(a.x + a.width < b.x for a, b in zip(boxes, boxes[1:], strict=False))
    else:
        assert boxes[-1].y > boxes[0].y + boxes[0].height


@pytest.mark.parametrize("columns", range(30, 120, 6))
@pytest.mark.parametrize("lines", range(8, 50, 6))
@pytest.mark.parametrize("sizes", [[SQUARE] * 2, [WIDE] * 2, [TALL, WIDE]])
def test_a_pair_is_stacked_only_where_that_draws_more_than_a_quarter_more(sizes, columns, lines):
    from workbench.app.widgets.arrangement import _rows_of

    boxes = arrange(sizes, (columns, lines), (10, 20))
    beside = _rows_of(sizes, 2, (10, 20), 1, (columns, lines))
    stacked = _rows_of(sizes, 1, (10, 20), 1, (columns, lines))
    assert boxes == (stacked if drawn(stacked) > 1.25 * drawn(beside) else beside)


def test_one_picture_and_none():
    assert arrange([], (80, 24)) == []
    assert len(arrange([SQUARE], (1, 1))) == 1
