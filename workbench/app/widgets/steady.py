"""What is replaced often: a text, and the title in a panel's frame.

A layout costs a hundred times what a line costs, and draws every widget of the screen again: the
screen is laid out anew only if a text's height changes. A text that stands there already, or a
frame around a new title, is not drawn at all.
"""

from __future__ import annotations

from typing import Self

from rich.text import Text
from textual.containers import Vertical
from textual.geometry import Region, Size
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

    _stands: tuple[object, ...] | None = None  # what the text in view says and how it looks

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        """Show another text."""
        wanted = _facts(content)
        if wanted is not None and wanted == self._stands:
            return
        before = self._lines()
        self._stands = wanted
        super().update(content, layout=False)
        changed = before is None or before != self._lines()
        if layout and changed and self.display:  # to be shown again asks for a layout of its own
            self.refresh(layout=True)

    def _lines(self) -> int | None:
        """Lines that the text takes, before any limit; `None` before it was laid out.

        Where the height does not follow the text, those that there are.
        """
        width = self.content_size.width
        if not width:
            return None
        height = self.styles.height
        if height is not None and not height.is_auto:
            return self.content_size.height
        lines = self.get_content_height(Size(0, 0), Size(0, 0), width)
        if self.has_class("-fills") and isinstance(self.parent, Widget):
            lines = max(lines, self.parent.size.height)
        return lines


def _facts(content: VisualType) -> tuple[object, ...] | None:
    """What tells one text from another; `None` of what is no text."""
    if isinstance(content, str):
        return (content,)
    if isinstance(content, Text):
        how = (content.justify, content.overflow, content.no_wrap, content.end)
        return (content.plain, content.style, tuple(content.spans), *how)
    return None


class TitledPanel(Vertical):
    """A panel whose title changes often: the frame's first line is drawn anew, not the panel."""

    _titling = False

    def retitle(self, title: str | Text) -> None:
        """Put another title in the frame; a string is read as markup."""
        self._titling = True
        try:
            self.border_title = title
        finally:
            self._titling = False

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """As of any widget; after another title it is the line of the title."""
        if self._titling and self.is_mounted:
            inset = self.gutter  # a region is told from where the content begins
            regions = (Region(-inset.left, -inset.top, self.outer_size.width, 1),)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
