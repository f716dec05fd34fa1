"""Which lines of a long list are in sight as its cursor moves: one rule for all lists.

A list that moved by one line would draw all of its lines with each step of a held key. It moves by
half of its height instead, and the steps between draw two lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.widgets import OptionList


def keep_in_sight(
    view: ScrollView, line: int, *, lines: int = 1, head: int = 0, centre: bool = False
) -> None:
    """Have a line in sight; if it is not, it comes to stand in the middle.

    Args:
        view: The list. One without a height stays as it is.
        line: The line, from 0.
        lines: How many belong together.
        head: Lines at the top of the list that do not scroll.
        centre: Whether the line is to stand in the middle wherever it is.
    """
    page = view.size.height - head
    if page <= 0:
        return
    top = round(view.scroll_y)
    if centre or not top <= line <= top + page - lines:
        middle = line - max(0, page - lines) // 2
        view.scroll_to(y=middle, animate=False, force=True, immediate=True)


class ChoiceList(OptionList):
    """The options of a dialog; as they are filled in, the list moves as little as it can."""

    _stepping = False

    def action_cursor_up(self) -> None:
        """A step, which may be one of a held key."""
        self._step(super().action_cursor_up)

    def action_cursor_down(self) -> None:
        """A step, which may be one of a held key."""
        self._step(super().action_cursor_down)

    def _step(self, move: Callable[[], None]) -> None:
        self._stepping = True
        try:
            move()
        finally:
            self._stepping = False

    def scroll_to_region(self, region: Region, **how: Any) -> Any:
        """What Textual asks of the list as the highlight moves."""
        if not self._stepping:
            return super().scroll_to_region(region, **how)
        before = self.scroll_offset
        keep_in_sight(self, region.y, lines=region.height)
        return self.scroll_offset - before
