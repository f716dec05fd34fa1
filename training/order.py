"""What a `Trainer` is given in the place of data: the order says it all.

Guarantee: a sampler yields (epoch, index), since what is drawn of a sample depends on the epoch,
and the dataset gives that back. Not for drawing the order: the data do, by their seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch


class PairIndices(torch.utils.data.Dataset):
    """A dataset that gives back what it is asked for."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __getitem__(self, pair: tuple[int, int]) -> tuple[int, int]:
        return pair

    def __len__(self) -> int:
        return self._length


class EpochOrder:
    """A sampler for `Trainer`, which tells it the epoch by `set_epoch`.

    Args:
        length: Indices of an epoch.
        order: The indices of an epoch, by its number.
    """

    def __init__(self, length: int, order: Callable[[int], Iterable[int]]) -> None:
        self._length, self._order, self._epoch = length, order, 0

    def set_epoch(self, epoch: int) -> None:
        """Which epoch comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self._epoch
        for index in self._order(epoch):
            yield epoch, index
