"""Out of memory in a training: the step is taken again in smaller pieces, with equal gradients.

A step's loss is a sum over its answer tokens divided by their number, which the whole step knows
before it begins, so that pieces of a batch add up to the batch: half the batch twice is the
same step as before, but for rounding and the draws of dropout. Guarantee: gradients of a forward or
backward that broke off are never kept. Not for evaluation, nor where one sample alone is too much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Pair = tuple[int, int]  # epoch and index of a sample
Batch = Sequence[Pair]
Once = Callable[[dict[str, Any]], torch.Tensor]


@dataclass
class Halving:
    """Takes the batches of a training, in as many pieces as memory wants.

    Attributes:
        collate: Makes a batch of pairs.
        forget: Drops the gradients of the step.
        tell: Told the new number of pieces, and the largest piece.
        pieces: Into how many a batch is cut.
    """

    collate: Callable[[Batch], dict[str, Any]]
    forget: Callable[[], None]
    tell: Callable[[int, int], None]
    pieces: int = 1

    def __post_init__(self) -> None:
        self._taken: list[Batch] = []

    def take(self, batch: Batch, inputs: dict[str, Any], once: Once) -> torch.Tensor:
        """The batch's share of the step's loss.

        Args:
            batch: What it is made of.
            inputs: The same, collated.
            once: Forward and backward of a collated batch; gives its share of the step's loss.

        Raises:
            torch.OutOfMemoryError: A piece of one sample is too much.
        """
        again: list[Batch] = []
        while True:
            try:
                for earlier in again:
                    self._in_pieces(earlier, once)
                loss = once(inputs) if self.pieces == 1 else self._in_pieces(batch, once)
                self._taken.append(batch)
                return loss
            except torch.OutOfMemoryError:
                if self._size(batch) <= 1:
                    raise
            # Outside of the handler, which holds the tensors of the frames that broke off.
            self.pieces *= 2
            self.forget()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            again = self._taken
            self.tell(self.pieces, self._size(batch))

    def step_ends(self) -> None:
        """The step's gradients are used: its batches need not be taken again."""
        self._taken = []

    def _size(self, batch: Batch) -> int:
        return -(-len(batch) // self.pieces)

    def _in_pieces(self, batch: Batch, once: Once) -> torch.Tensor:
        size = self._size(batch)
        starts = range(0, len(batch), size)
        losses = [once(self.collate([*batch[start : start + size]])) for start in starts]
        return torch.stack(losses).sum()
