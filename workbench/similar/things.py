"""Which sample has which text or picture, and which of them are alike.

What many samples have (a picture with ten questions) is one thing: it is compared once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_BLOCK = 256  # rows that are multiplied at once


class Things:
    """The different things that samples have.

    Attributes:
        keys: Each different thing once, in the order in which they came.
        first: Place of the first sample that has it.
        of: For each sample the numbers of its things.
        holders: For each thing the places of its samples.
    """

    def __init__(self, of_samples: Sequence[Sequence[bytes]]) -> None:
        """Number the things.

        Args:
            of_samples: For each sample the keys of its things.
        """
        number: dict[bytes, int] = {}
        self.first: list[int] = []
        self.of: list[tuple[int, ...]] = []
        self.holders: list[list[int]] = []
        for place, keys in enumerate(of_samples):
            own = []
            for key in keys:
                if key not in number:
                    number[key] = len(number)
                    self.first.append(place)
                    self.holders.append([])
                own.append(number[key])
                if not self.holders[number[key]] or self.holders[number[key]][-1] != place:
                    self.holders[number[key]].append(place)
            self.of.append(tuple(own))
        self.keys = list(number)

    def alike(self, rows: Any, wanted: Sequence[int]) -> np.ndarray:
        """How alike sample after sample is to one that has the things `wanted`.

        Of several pictures: the mean over this sample's pictures of the one in the other that is
        most like it, and the same the other way round, and the mean of both.

        Args:
            rows: (things, D), dense or sparse, rows of length 1.
            wanted: Numbers of things, at least one.

        Returns:
            (samples,) float64 of -1 to 1; NaN where it is not defined.
        """
        import numpy as np

        near = _products(rows, rows[list(wanted)]).T  # (k, things)
        for line, thing in enumerate(wanted):
            near[line, thing] = 1.0  # also where a row has no direction
        out = np.full(len(self.of), np.nan)
        single = [place for place, own in enumerate(self.of) if len(own) == 1]
        if len(wanted) == 1 and single:
            out[single] = near[0, [self.of[place][0] for place in single]]
            rest = [place for place, own in enumerate(self.of) if len(own) > 1]
        else:
            rest = [place for place, own in enumerate(self.of) if own]
        for place in rest:
            block = near[:, list(self.of[place])]
            out[place] = (block.max(1).mean() + block.max(0).mean()) / 2
        return out

    def nearest(
        self,
        rows: Any,
        groups: Sequence[np.ndarray],
        least: float,
        going: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[dict[int, tuple[int, float]]]:
        """For each group of things: thing -> the other thing of the group that is most like it.

        Args:
            rows: As of `alike`.
            groups: (things,) bool each.
            least: What is less alike is left out.
            going: Told how many things were compared, of how many.
        """
        import numpy as np

        found: list[dict[int, tuple[int, float]]] = [{} for _ in groups]
        for start, near in _blocks(rows):
            going(start, len(self.keys))
            lines = np.arange(len(near))
            near[lines, start + lines] = -1.0
            near[np.isnan(near)] = -1.0
            near[near < least] = -1.0
            some = np.flatnonzero((near >= least).any(1))
            for of_group, group in zip(found, groups, strict=True):
                if not len(some):
                    continue
                inside = np.where(group, near[some], -1.0)
                best = inside.argmax(1)
                for line, thing in zip(some, best, strict=True):
                    if near[line, thing] >= least and group[thing]:
                        of_group[start + int(line)] = (int(thing), float(near[line, thing]))
        return found


def _products(rows: Any, some: Any) -> np.ndarray:
    """(n, m) dot products of all rows with some."""
    import numpy as np

    product = rows @ some.T
    dense = product.toarray() if hasattr(product, "toarray") else product
    return np.asarray(dense, np.float64)


def _blocks(rows: Any) -> Iterator[tuple[int, np.ndarray]]:
    """(start, (b, things) dot products with all rows), block after block."""
    import numpy as np

    count = rows.shape[0]
    for start in range(0, count, _BLOCK):
        product = rows[start : start + _BLOCK] @ rows.T
        dense = product.toarray() if hasattr(product, "toarray") else product
        yield start, np.asarray(dense, np.float32)
