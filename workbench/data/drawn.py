"""Some samples of a split, drawn by seed: an honest part of data that lie in an order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from workbench.data.base import Source, check_ordinal
from workbench.data.permutation import draw
from workbench.errors import UnknownName
from workbench.sample import Sample, Task


class DrawnSource:
    """`count` samples of another source, under the same UIDs and in its order. See `Source`.

    Args:
        base: What is drawn from; of an endless one the first million.
        count: How many; all of them where there are fewer.
        seed: Chooses them.
    """

    def __init__(self, base: Source, count: int, seed: int) -> None:
        self.base = base
        self.task: Task = base.task
        self.dataset, self.split, self.labels = base.dataset, base.split, base.labels
        self.revision = base.revision
        self.pinned = getattr(base, "pinned", False)
        self.cannot = getattr(base, "cannot", {})
        self._ordinals = sorted(draw(base.length, count, seed))
        self.length: int | None = len(self._ordinals)

    def iter(self, start: int = 0) -> Iterator[Sample]:
        """See `Source.iter`."""
        for ordinal in self._ordinals[start:]:
            yield self.base.at(ordinal)

    def get(self, uid: str) -> Sample:
        """See `Source.get`; a UID that was not drawn is unknown here."""
        self.ordinal(uid)
        return self.base.get(uid)

    def at(self, ordinal: int) -> Sample:
        """See `Source.at`."""
        check_ordinal(self, ordinal)
        return self.base.at(self._ordinals[ordinal])

    def ordinal(self, uid: str) -> int:
        """See `Source.ordinal`."""
        wanted = self.base.ordinal(uid)
        place = bisect_left(self._ordinals, wanted)
        if place == len(self._ordinals) or self._ordinals[place] != wanted:
            raise UnknownName(f"{uid} is not among the {self.length} samples that were drawn")
        return place

    def uid_at(self, ordinal: int) -> str:
        """See `Source.uid_at`."""
        check_ordinal(self, ordinal)
        return self.base.uid_at(self._ordinals[ordinal])
