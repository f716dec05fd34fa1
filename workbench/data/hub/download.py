"""Fetching many stretches of many files at once, into their parts.

Guarantee: whatever ends it, what arrived is in the parts; a failure of one stretch stops the
others and is raised. The threads are daemons: an interrupt is not kept waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workbench.data.hub.environment import Remote
from workbench.data.hub.http_requests import iter_range
from workbench.data.hub.parts import STEP, PartialFile, PartWriter, Ranges, subtract
from workbench.errors import DataError

WORKERS = 4
STRETCH = 16 * 1024 * 1024  # bytes in one request


@dataclass(frozen=True)
class WantedFile:
    """One file, and the stretches of it that shall be there."""

    remote: Remote
    part: PartialFile
    ranges: Ranges

    @property
    def missing(self) -> Ranges:
        """Those that are not there yet."""
        return subtract(self.ranges, self.part.there)


def download(wanted: Sequence[WantedFile], on_bytes: Callable[[int], None]) -> None:
    """Fetch what is missing.

    Args:
        wanted: What shall be there.
        on_bytes: Told how many bytes have arrived since it was last told.

    Raises:
        HubError: The hub fails or refuses.
        DataError: The disk is full or cannot be written.
    """
    writers: list[PartWriter] = []
    try:
        tasks = []
        for one in wanted:
            missing = one.missing
            if missing:
                writers.append(one.part.open())
                tasks += [(one, writers[-1], a, b) for a, b in _cut(missing)]
        work = _Work(tasks)
        work.run(on_bytes)
        for writer in writers:
            writer.sync()
    except OSError as error:
        raise DataError(
            f"cannot write {wanted[0].part.path.parent}: {error.strerror}",
            hint="free some space, or name another folder with --to; what has arrived is kept",
        ) from error
    finally:
        for writer in writers:
            writer.close()


class _Work:
    """The stretches that are still to be fetched, shared by the threads."""

    def __init__(self, tasks: list[tuple[WantedFile, PartWriter, int, int]]) -> None:
        self._tasks = iter(tasks)
        self._changed = threading.Condition()
        self._running = min(WORKERS, len(tasks))
        self._arrived = 0
        self._error: BaseException | None = None
        self._stopped = False

    def run(self, on_bytes: Callable[[int], None]) -> None:
        """Fetch all; returns, or raises, only once no thread writes any more."""
        for _ in range(self._running):
            threading.Thread(target=self._fetch_all, name="wb-hub-fetch", daemon=True).start()
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: not self._running or self._arrived, 1.0)
                    arrived, self._arrived = self._arrived, 0
                    running = self._running
                on_bytes(arrived)
                if not running:
                    break
        except BaseException:
            self._stopped = True
            with self._changed:
                self._changed.wait_for(lambda: not self._running, 5.0)
            raise
        if self._error is not None:
            raise self._error

    def _fetch_all(self) -> None:
        try:
            while not self._stopped:
                with self._changed:
                    task = next(self._tasks, None)
                if task is None:
                    break
                self._fetch(*task)
        except BaseException as error:
            self._error, self._stopped = self._error or error, True
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _fetch(self, one: WantedFile, writer: PartWriter, start: int, stop: int) -> None:
        at = noted = start
        try:
            for chunk in iter_range(one.remote, start, stop):
                writer.write(at, chunk)
                at += len(chunk)
                if at - noted >= STEP:
                    writer.note(noted, at)
                    noted = at
                with self._changed:
                    self._arrived += len(chunk)
                    self._changed.notify_all()
                if self._stopped:
                    return
        finally:
            writer.note(noted, at)


def _cut(ranges: Ranges) -> list[tuple[int, int]]:
    """Stretches of at most `STRETCH` bytes."""
    return [
        (at, min(at + STRETCH, stop))
        for start, stop in ranges
        for at in range(start, stop, STRETCH)
    ]
