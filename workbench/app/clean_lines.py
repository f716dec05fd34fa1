"""The last line of defence of the bench: what is drawn acts on no terminal, whoever drew it."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from workbench.console import clean_segments


class CleanLines(LineFilter):
    """Cleans each line of each widget on its way to the terminal; widths stay as they were.

    Widgets whose text is edited (the prompt) hold it raw, since it is asked as it is.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """See `LineFilter`."""
        for text, style, control in segments:
            if not control and (not text.isprintable() or (style and style.link)):
                return clean_segments(segments)
        return segments
