"""A picker's list that is found while the picker is open, and the keys that wait for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench.app.widgets.choice import Choice

if TYPE_CHECKING:
    from workbench.app.services import Services
    from workbench.app.tasks import CancelToken

Find = Callable[["CancelToken"], Sequence[Choice]]
_LANE = "choices"


class ListFinder:
    """Finds choices in a worker; the newest finder of the bench wins.

    Attributes:
        finding: Whether the choices are on their way.
    """

    def __init__(self, find: Find | None) -> None:
        self._find, self.finding = find, find is not None

    def begin(self, bench: Services, found: Callable[[Sequence[Choice]], None]) -> None:
        """Find them, and call `found` on the event loop; with none where that failed."""
        find = self._find
        if find is None:
            return

        def take(choices: Sequence[Choice]) -> None:
            self.finding = False
            found(choices)

        def work(token: CancelToken) -> None:
            choices: Sequence[Choice] = ()
            try:
                choices = find(token)
            finally:
                if not token.cancelled:
                    bench.call_soon(take, choices)

        bench.tasks.run(_LANE, work)

    def end(self, bench: Services) -> None:
        """Nobody waits for the list any more."""
        if self.finding:
            bench.tasks.cancel(_LANE)


class WaitingKeys(list[Callable[[], object]]):
    """What keys would do with a list that is not there yet, in their order."""

    def do(self, waits: Callable[[], bool]) -> None:
        """Do it, until the list has to be waited for again."""
        while self and not waits():
            self.pop(0)()
