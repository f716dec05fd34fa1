"""The box of a dialog: what scrolls in it yields, so that what stands below it is in sight.

Guarantee: the line of keys, and what is wrong, are seen on the smallest terminal and under the
longest list. Not for boxes of a fixed height: there `1fr` does it.
"""

from __future__ import annotations

from typing import ClassVar

from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import OptionList

LEAST = 1  # line of what scrolls


class DialogBox(Vertical):
    """A box as high as what is in it, up to its `max-height` in per cent of the screen."""

    SCROLLS: ClassVar[tuple[type[Widget], ...]] = (OptionList, VerticalScroll)

    def __init__(self, most: int = 0) -> None:
        """A box; `most` are the lines that what scrolls may take at all, 0 for any number."""
        super().__init__()
        self._most = most

    def on_mount(self) -> None:
        """Whenever all was laid out: another terminal, another list, more lines below it."""
        self.screen.screen_layout_refresh_signal.subscribe(self, lambda _: self._bound())

    def _bound(self) -> None:
        """Leave what scrolls the lines that the others do not need."""
        scrolls = next((child for child in self.children if isinstance(child, self.SCROLLS)), None)
        limit = self.styles.max_height
        if scrolls is None or limit is None or not self.is_mounted:
            return
        most = int(self.screen.size.height * limit.value / 100) - self.gutter.height
        others = [child for child in self.children if child is not scrolls and child.display]
        rest = sum(child.outer_size.height + child.styles.margin.height for child in others)
        room = max(LEAST, min(most - rest, self._most or most))
        now = scrolls.styles.max_height
        if now is None or now.value != room or not now.is_cells:
            scrolls.styles.max_height = room
