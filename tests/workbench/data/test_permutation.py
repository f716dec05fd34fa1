"""The seeded order: exact, the same on every Python, cheap to draw from."""

from __future__ import annotations

from workbench.data.permutation import draw, permutation


def test_a_permutation_holds_every_ordinal_once_and_depends_on_the_seed():
    order = permutation(1000, 7)
    assert sorted(order) == list(range(1000))
    assert list(order) == list(permutation(1000, 7))
    assert list(order) != list(permutation(1000, 8))


def test_the_order_of_a_seed_never_changes():
    # Written down once: a change would move every shuffled run and every random draw.
    assert list(permutation(10, 0)) == [9, 4, 0, 5, 2, 7, 1, 3, 6, 8]
    assert draw(100, 5, 3) == [23, 54, 38, 61, 64]


def test_small_permutations():
    assert list(permutation(0, 1)) == []
    assert list(permutation(1, 1)) == [0]


def test_all_orders_are_about_equally_likely():
    counts: dict[tuple[int, ...], int] = {}
    for seed in range(6000):
        order = tuple(permutation(3, seed))
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert all(850 < n < 1150 for n in counts.values())


def test_a_draw_gives_different_ordinals_and_all_of_them_when_asked():
    assert sorted(draw(50, 50, 1)) == list(range(50))
    assert sorted(draw(5, 99, 1)) == list(range(5))
    assert len(set(draw(None, 200, 1))) == 200
    assert draw(10, 0, 1) == []
