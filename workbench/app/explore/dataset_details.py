"""What there is to know of each dataset, found beside the event loop.

Guarantee: names come first, then facts as they are found; one dataset whose disk hangs keeps no
other from being known. Not for showing anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.app.services import Services
    from workbench.app.tasks import CancelToken
    from workbench.app.widgets.choice import Choice
    from workbench.data.readiness import Readiness

_LANES = 4  # a disk that hangs holds up one of them


class DatasetDetails:
    """The datasets by name.

    Attributes:
        names: In the order of the list.
        by_name: What is known by now.
        named: Whether the names are known.
    """

    def __init__(self, bench: Services, changed: Callable[[bool], None]) -> None:
        """Facts of all datasets.

        Args:
            bench: Whose workers read.
            changed: Called when there is more to show; with `True` where it must not wait.
        """
        self._bench, self._changed = bench, changed
        self.names: list[str] = []
        self.by_name: dict[str, Readiness] = {}
        self.named = self._ended = False

    @property
    def complete(self) -> bool:
        """Whether no fact is on its way any more."""
        return self.named and all(name in self.by_name for name in self.names)

    def each(self, lines: Callable[[str, Readiness | None], list[Choice]]) -> list[Choice]:
        """The lines of all datasets, in their order."""
        return [line for name in self.names for line in lines(name, self.by_name.get(name))]

    def read(self) -> None:
        """Begin."""

        def work(token: CancelToken) -> None:
            from workbench.data.readiness import dataset_names, not_added

            names = dataset_names()
            self._bench.call_soon(self._take_names, names)
            known = not_added()
            self._bench.call_soon(self.take, known)

        self._bench.tasks.run("datasets", work)

    def end(self) -> None:
        """Nobody waits for the facts any more."""
        self._ended = True
        for lane in ("datasets", *(f"datasets {n}" for n in range(_LANES))):
            self._bench.tasks.cancel(lane)

    def take(self, found: list[Readiness]) -> None:
        """Facts that a worker found."""
        if self._ended:
            return
        for one in found:
            self.by_name[one.name] = one
            if one.name not in self.names:
                self.names.append(one.name)
        self._changed(False)

    def _take_names(self, names: list[str]) -> None:
        if self._ended:
            return
        self.names, self.named = names, True
        for lane in range(_LANES):
            self._read_details(names[lane::_LANES], lane)
        self._changed(True)

    def _read_details(self, names: list[str], lane: int) -> None:
        if not names:
            return

        def work(token: CancelToken) -> None:
            from workbench.data.readiness import readiness

            for name in names:
                if token.cancelled:
                    return
                self._bench.call_soon(self.take, [readiness(name)])

        self._bench.tasks.run(f"datasets {lane}", work)
