"""In which order the list shows the samples: that of the data, or another one."""

from __future__ import annotations

from collections.abc import Sequence


class RowOrder:
    """Lines of the list without a filter, and the ordinals that stand on them.

    Args:
        ordinals: All of them, line by line; `None` for the order of the data.
    """

    def __init__(self, ordinals: Sequence[int] | None = None) -> None:
        self._ordinals = ordinals
        self._lines = {ordinal: line for line, ordinal in enumerate(ordinals or ())}

    def ordinal(self, line: int) -> int:
        """What stands on a line."""
        return line if self._ordinals is None else self._ordinals[line]

    def line(self, ordinal: int) -> int:
        """Where an ordinal stands."""
        return self._lines.get(ordinal, ordinal)
