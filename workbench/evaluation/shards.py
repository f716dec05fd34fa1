"""A part of an evaluation that one process of several asks: shard 2 of 4, `2/4`.

A shard is a run of its own, over every nth batch of the whole evaluation. Guarantee: the shards of
an evaluation are disjoint and make up all of it, whatever each of them has done already; a batch
holds the samples that it would hold in one run of the whole, so that its answers are the same to
the last digit. Everything else (examples, the other samples of `shuffled`, drawn samples) is chosen
from the whole. Putting them together: `workbench.evaluation.merging`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.sample import Sample

if TYPE_CHECKING:
    from workbench.data.source import Source

# Prompts of like length go together; a window of so many batches is looked at for that.
WINDOW = 8
MOST = 10_000
_FORM = re.compile(r"(\d{1,5})/(\d{1,5})")


@dataclass(frozen=True)
class Shard:
    """One of several parts.

    Attributes:
        number: From 1.
        count: How many there are.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def total(self, total: int, size: int) -> int:
        """How many of `total` samples it holds, in batches of `size`."""
        whole, rest = divmod(total, size)
        own = len(range(self.number - 1, whole, self.count)) * size
        return own + (rest if rest and whole % self.count == self.number - 1 else 0)

    def samples(
        self, source: Source, total: int, size: int, length: Callable[[Sample], int]
    ) -> Iterator[Sample]:
        """Its samples, batch by batch.

        Args:
            source: Of the whole evaluation.
            total: Its first so many samples are asked.
            size: Of a batch.
            length: By which samples of a window are put in batches.
        """
        for number, batch in enumerate(batches(source, total, size, length)):
            if number % self.count == self.number - 1:
                yield from batch


def batches(
    source: Source, total: int, size: int, length: Callable[[Sample], int]
) -> Iterator[list[Sample]]:
    """All batches of an evaluation that has no answer yet, as `workbench.evaluation.runner` does.

    Args as `Shard.samples` takes them.
    """
    samples = islice(source.iter(), total)
    while window := list(islice(samples, size * WINDOW)):
        window.sort(key=length)
        for start in range(0, len(window), size):
            yield window[start : start + size]


def parse_shard(text: str) -> Shard:
    """Read `2/4`. Raises `UsageError` where it is no shard."""
    match = _FORM.fullmatch(text.strip())
    number, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= count <= MOST:
        raise UsageError(f"--shard wants I/N with I from 1 to N, such as 1/4; got {text!r}")
    return Shard(number, count)
