"""How far a load is: bytes of the weights read, of how many, and what the device had free.

Guarantee: whoever loads can give up: `cancelled` is asked with every report, and a load that is
given up raises `Cancelled` from within. Not for drawing: a command and the bench do that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import Cancelled
from workbench.models.memory import free_bytes, gigabytes, tensor_bytes

# Shares of a load's time: what stands before them has been done when they begin.
_WEIGHTS, _HASH, _ADAPTER = 0.05, 0.75, 0.97


class LoadProgress:
    """Reports to one listener, and asks whether to go on."""

    def __init__(
        self,
        listener: Callable[[str, float], None] | None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._listener = listener or (lambda stage, share: None)
        self._cancelled = cancelled or (lambda: False)
        self._beside = ""
        self._told = -1.0

    def __call__(self, stage: str, share: float) -> None:
        """Tell a stage and the share done, 0 to 1. Raises `Cancelled`."""
        if self._cancelled():
            raise Cancelled("cancelled while the model was loading")
        self._told = share
        self._listener(stage, share)

    def memory(self, needed: int, devices: Sequence[Any]) -> None:
        """What the weights will take, beside what the devices have free, before any is read."""
        free = [free_bytes(device) for device in devices]
        if None not in free:
            where = ", ".join(map(str, devices))
            self._beside = f", {gigabytes(sum(f or 0 for f in free))} free on {where}"
        self(f"memory: {gigabytes(needed)}{self._beside}", _WEIGHTS)

    @contextlib.contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """While the weights in `path` are read."""
        from workbench.models.loading import watched

        sizes = tensor_bytes(path)
        total = sum(sizes.values())

        def report(share: float) -> None:
            words = f"weights: {gigabytes(share * total)} of {gigabytes(total)}{self._beside}"
            self._often(words, _WEIGHTS + share * (_HASH - _WEIGHTS))

        report(0.0)
        with watched(report, sizes):
            yield

    def hashing(self, name: str, share: float) -> None:
        """While a file is hashed, which is done once for each."""
        self._often(f"hash: {name} {share:.0%}", _HASH + share * (_ADAPTER - _HASH))

    def _often(self, stage: str, share: float) -> None:
        """A report of many: those that would move nothing on a screen are left out."""
        if share >= self._told + 0.005 or self._cancelled():
            self(stage, share)
