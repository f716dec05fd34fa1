"""Batches on their way to the processes that ask them, and their lines on the way back.

Guarantee: each batch ends with its lines once, whoever asked it; lines are given out in the order
of the batches. For threads. Not for asking: see `workbench.evaluation.several`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from workbench.sample import Sample

Lines = list[dict[str, Any]]
Numbered = tuple[int, Sequence[Sample]]


class BatchQueue:
    """See the module. One thread adds batches and takes lines, any thread asks batches.

    Attributes:
        failure: What ended a process that can ask no more, where the run is to end with it.
        lost: Of each process that died, what is to be told of it.
    """

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.lost: list[str] = []
        self._changed = threading.Condition()
        self._waiting: deque[Numbered] = deque()
        self._under_way: set[int] = set()
        self._lines: dict[int, Lines] = {}
        self._added = self._due = 0
        self._held = self._closed = False

    def add(self, samples: Sequence[Sample]) -> None:
        """One more batch."""
        with self._changed:
            self._waiting.append((self._added, samples))
            self._added += 1
            self._changed.notify_all()

    def take(self) -> Numbered | None:
        """The next batch, to be asked by the caller; `None` where none waits."""
        with self._changed:
            return self._next()

    def wait_for_batch(self) -> Numbered | None:
        """The next batch as soon as there is one; `None` once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or (self._waiting and not self._held))
            return None if self._closed else self._next()

    def _next(self) -> Numbered | None:
        if not self._waiting:
            return None
        batch = self._waiting.popleft()
        self._under_way.add(batch[0])
        return batch

    def give_back(self, batch: Numbered) -> None:
        """A batch that has no lines after all: it is the next one."""
        with self._changed:
            self._under_way.discard(batch[0])
            self._waiting.appendleft(batch)
            self._changed.notify_all()

    def done(self, number: int, lines: Lines) -> None:
        """The lines of a batch."""
        with self._changed:
            self._lines[number] = lines
            self._under_way.discard(number)
            self._changed.notify_all()

    def fail(self, failure: BaseException) -> None:
        """A process can ask no more, and the run is to end."""
        with self._changed:
            self.failure = self.failure or failure
            self._changed.notify_all()

    def lose(self, told: str) -> None:
        """A process died; the others go on."""
        with self._changed:
            self.lost.append(told)
            self._changed.notify_all()

    def hold(self, held: bool) -> None:
        """Give out no batch to those that wait for one, or give them out again."""
        with self._changed:
            self._held = held
            self._changed.notify_all()

    def close(self) -> None:
        """Give out nothing more; what is under way may still be done."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether nothing more is given out."""
        with self._changed:
            return self._closed

    @property
    def waiting(self) -> int:
        """How many batches nobody has taken."""
        with self._changed:
            return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether any batch is under way."""
        with self._changed:
            return bool(self._under_way)

    def wait(self, seconds: float) -> None:
        """Until anything changes, or for so long."""
        with self._changed:
            self._changed.wait(seconds)

    def ready(self, *, all_of_them: bool = False) -> list[Lines]:
        """The lines that are due, batch by batch; each is given out once.

        Args:
            all_of_them: Also those behind a batch that has none, in their order.
        """
        with self._changed:
            found = []
            while self._due in self._lines:
                found.append(self._lines.pop(self._due))
                self._due += 1
            if all_of_them:
                found += [self._lines.pop(number) for number in sorted(self._lines)]
            return found
