"""Rich on a terminal: every segment is cleaned before it is styled.

Guarantee: of what is printed on a `CleanConsole` nothing reaches the terminal that acts on it but
the styling that was asked for. The bench draws through the same `clean_segments`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from workbench.terminal import styled
from workbench.text import harmless


def clean_segments(segments: Iterable[Segment], *, keep: str = "") -> list[Segment]:
    """Segments of the same widths in which no text and no link acts on a terminal.

    Args:
        segments: Those with control codes are our own (pictures, cursor moves) and stay.
        keep: Of a tab and a newline, those that may stand in a text.
    """
    return [_cleaned(segment, keep) for segment in segments]


def _cleaned(segment: Segment, keep: str) -> Segment:
    text, style, control = segment
    if control:
        return segment
    out = harmless(text)
    for blank in "\n\t":
        if blank not in keep and blank in out:
            out = out.replace(blank, "")
    link = style.link if style is not None else None
    if out == text and (link is None or harmless(link) == link):
        return segment
    if style is not None and link is not None and harmless(link) != link:
        style = style.update_link(None)
    # Neighbours that a control kept apart may join to one character.
    return Segment(out + " " * (cell_len(text) - cell_len(out)), style)


class CleanConsole(Console):
    """A rich console on stdout or stderr."""

    def __init__(self, *, stderr: bool = False, **settings: Any) -> None:
        super().__init__(file=styled(sys.stderr if stderr else sys.stdout), **settings)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of a renderable, cleaned; rich renders everything through this."""
        for segment in super().render(renderable, options):
            yield _cleaned(segment, "\n\t")
