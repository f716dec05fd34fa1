"""A text that is replaced often: the screen is laid out anew only if its height changes.

A layout costs a hundred times what a line costs, and draws every widget of the screen again.
"""

from __future__ import annotations

from textual.geometry import Size
from textual.visual import VisualType
from textual.widget import Widget
from textual.widgets import Static


class SteadyText(Static):
    """A `Static` whose `update` asks for a layout where the new text needs one.

    With the class `-fills` it is at least as high as what it is in, and a short text that follows
    another needs none. Not for widgets whose width follows their text.
    """

    DEFAULT_CSS = """
    SteadyText.-fills { height: auto; min-height: 100%; }
    """

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        """Show another text."""
        before = self._lines()
        super().update(content, layout=False)
        changed = before is None or before != self._lines()
        if layout and changed and self.display:  # to be shown again asks for a layout of its own
            self.refresh(layout=True)

    def _lines(self) -> int | None:
        """Lines that the text takes, before any limit; `None` before it was laid out."""
        width = self.content_size.width
        if not width:
            return None
        lines = self.get_content_height(Size(0, 0), Size(0, 0), width)
        if self.has_class("-fills") and isinstance(self.parent, Widget):
            lines = max(lines, self.parent.size.height)
        return lines
