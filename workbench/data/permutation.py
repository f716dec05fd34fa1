"""A seeded order of samples: the same on every machine and Python, exact, resumable.

Guarantee: `random.Random(seed).random()` is the one source of chance, since Python promises its
sequence for ever; the other methods of `Random` may change between versions.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence

ENDLESS = 1_000_000  # of an endless stream, draws fall among so many first samples


def permutation(n: int, seed: int) -> Sequence[int]:
    """The ordinals 0..n-1 in the order of `seed` (Fisher-Yates; 4 or 8 bytes per sample)."""
    order = array("l", range(n))
    chance = random.Random(seed).random
    for i in range(n - 1, 0, -1):
        j = int(chance() * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def draw(length: int | None, count: int, seed: int) -> list[int]:
    """`count` different ordinals by seed: the same in the bench, in commands and in notebooks.

    Args:
        length: Samples of the source; `None` for an endless one.
        count: At most this many; fewer where the source has fewer.
        seed: Chooses them, and their order.
    """
    total = ENDLESS if length is None else length
    count = min(max(count, 0), total)
    chance = random.Random(seed).random
    moved: dict[int, int] = {}  # a Fisher-Yates that touches only what it draws
    drawn: list[int] = []
    for i in range(count):
        j = i + int(chance() * (total - i))
        drawn.append(moved.get(j, j))
        moved[j] = moved.get(i, i)
    return drawn
