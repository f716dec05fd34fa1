"""The list of a place, read again and again while somebody looks at it.

Guarantee: reading takes at most a tenth of the time, however long the list is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from workbench.app.lists.row_list import RowList
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken

T = TypeVar("T")


class ListReader(Generic[T]):
    """Reads in a lane of the bench what a list shows; a failure stands in the list's place."""

    def __init__(
        self,
        table: RowList,
        what: str,
        *,
        read: Callable[[], Iterable[T]],
        show: Callable[[T], None],
        every_s: float,
    ) -> None:
        """Begin.

        Args:
            table: The list.
            what: The lane's name, and what the list holds: `runs`.
            read: Called in the lane; gives the list, or first parts of a long one.
            show: Called on the event loop with each.
            every_s: Seconds between two readings.
        """
        self._table, self._what, self._read, self._show = table, what, read, show
        self._token: CancelToken | None = None
        self._rests_until = 0.0
        table.screen.set_interval(every_s, self.read)
        self.read()

    def read(self) -> None:
        """Read again, where the list is looked at and not being read."""
        if self._token is None and time.monotonic() >= self._rests_until:
            self.anew()

    def anew(self) -> None:
        """Read again, also while it is being read: that would show what was before."""
        if self._table.screen.is_current:
            self._token = cast("WbApp", self._table.app).tasks.run(self._what, self._work)

    def _work(self, token: CancelToken) -> None:
        bench, began = cast("WbApp", self._table.app), time.monotonic()
        try:
            for found in self._read():
                if token.cancelled:
                    return
                bench.call_soon(self._take, token, found)
        except Exception as error:
            bench.call_soon(self._failed, token, error)
        else:
            bench.call_soon(self._done, token, time.monotonic() - began)

    def _take(self, token: CancelToken, found: T) -> None:
        if token is self._token:
            self._show(found)

    def _done(self, token: CancelToken, took_s: float) -> None:
        if token is self._token:
            self._token = None
            self._rests_until = time.monotonic() + 9 * took_s

    def _failed(self, token: CancelToken, error: Exception) -> None:
        if token is self._token:
            self._token = None
            self._table.empty = (f"The {self._what} cannot be read", clean(error, newlines=False))
            self._table.refresh()
