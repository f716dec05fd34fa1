"""Overlap and pairing, held against torchvision, brute force and a table made by hand."""

from __future__ import annotations

import itertools
import random

import pytest

from workbench.grounding.judging import iou, judge, paired
from workbench.grounding.region import Region

GOLD = Region((0, 0, 10, 10))


def boxes(rng: random.Random, count: int) -> list[Region]:
    found = []
    for _ in range(count):
        x, y = rng.uniform(0, 80), rng.uniform(0, 80)
        found.append(Region((x, y, x + rng.uniform(1, 40), y + rng.uniform(1, 40))))
    return found


def test_iou_is_that_of_torchvision():
    import torch
    from torchvision.ops import box_iou

    rng = random.Random(0)
    first, second = boxes(rng, 40), boxes(rng, 40)
    wanted = box_iou(
        torch.tensor([one.at for one in first], dtype=torch.float64),
        torch.tensor([one.at for one in second], dtype=torch.float64),
    )
    for row, a in enumerate(first):
        for column, b in enumerate(second):
            assert iou(a.at, b.at) == pytest.approx(float(wanted[row, column]), abs=1e-12)


@pytest.mark.parametrize(
    ("box", "wanted"),
    [  # made by hand: intersection / union
        ((0, 0, 10, 10), 100 / 100),
        ((0, 0, 10, 5), 50 / 100),
        ((5, 0, 15, 10), 50 / 150),
        ((10, 0, 20, 10), 0),
        ((2, 2, 4, 4), 4 / 100),
        ((0, 0, 20, 20), 100 / 400),
    ],
)
def test_iou_by_hand(box, wanted):
    assert iou(box, GOLD.at) == pytest.approx(wanted)


def test_pairs_have_the_largest_sum_that_any_pairing_has():
    rng = random.Random(1)
    for _ in range(20):
        first, second = boxes(rng, rng.randint(1, 5)), boxes(rng, rng.randint(1, 5))

        def worth(a, b):
            return iou(a.at, b.at)

        found = sum(value for _, _, value in paired(first, second, worth))
        few, many = sorted((first, second), key=len)
        best = max(
            sum(worth(a, b) for a, b in zip(few, some, strict=True))
            for some in itertools.permutations(many, len(few))
        )
        assert found == pytest.approx(best)


@pytest.mark.parametrize(
    ("answer", "right", "overlap", "strict"),
    [
        ([Region((0, 0, 10, 5))], True, 0.5, False),
        ([Region((0, 0, 10, 4.9))], False, 0.49, False),
        ([Region((0, 0, 10, 7.5))], True, 0.75, True),
        # Of several boxes for one phrase the first is judged: more of them cannot help.
        ([Region((50, 50, 60, 60)), GOLD], False, 0.0, False),
        ([GOLD, Region((50, 50, 60, 60))], True, 1.0, True),
        ([], False, None, None),
    ],
)
def test_one_phrase_and_one_box(answer, right, overlap, strict):
    found = judge(answer, [GOLD])
    assert (found.right, found.strict) == (right, strict)
    assert found.iou == (None if overlap is None else pytest.approx(overlap))


def test_several_boxes_are_paired_whatever_their_order():
    gold = [GOLD, Region((20, 0, 30, 10)), Region((40, 0, 50, 10))]
    found = judge([gold[2], gold[0], gold[1]], gold)
    assert (found.right, found.iou, found.hits, found.pointing) == (True, 1.0, 3, 1.0)
    found = judge([gold[0], gold[0], Region((20, 0, 30, 5))], gold)
    # One gold box is paired with nothing; the same box twice is one hit.
    assert (found.right, found.hits, found.answered, found.wanted) == (False, 2, 3, 3)
    assert found.iou == pytest.approx((1 + 0.5 + 0) / 3)


def test_most_pairs_are_hit_where_a_greedy_choice_would_lose_one():
    gold = [Region((0, 0, 10, 10)), Region((4, 0, 14, 10))]
    answer = [Region((2, 0, 12, 10)), Region((4.5, 0, 14.5, 10))]
    assert judge(answer, gold).hits == 2


def test_points_are_right_inside_the_box_and_boxes_point_to_their_middle():
    assert judge([Region((5, 5))], [GOLD]).right is True
    assert judge([Region((10, 10))], [GOLD]).pointing == 1
    missed = judge([Region((11, 5))], [GOLD])
    assert (missed.right, missed.pointing, missed.iou) == (False, 0, None)
    tall = judge([Region((0, 0, 10, 100))], [GOLD])
    assert (tall.right, tall.pointing) == (False, 0)


def test_another_image_is_no_overlap():
    assert judge([Region((0, 0, 10, 10), image=1)], [GOLD]).iou == 0


def test_gold_points_give_a_distance_and_no_verdict():
    found = judge([Region((3, 4))], [Region((0, 0))])
    assert (found.right, found.iou, found.pointing, found.distance) == (None, None, None, 5)
    assert judge([], [Region((0, 0))]).distance is None
