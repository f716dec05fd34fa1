"""The list's frame, and how wide it is: after the terminal, or as the user dragged or set it.

Guarantee: however wide, the image and the prompt keep room; what was chosen is kept as a share of
the terminal's width, so that it follows another terminal too.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text
from textual import events
from textual.containers import Vertical
from textual.message import Message

from workbench.app.explore.controller import Controller
from workbench.app.explore.legend import legend
from workbench.text import clean

STEP = 2  # cells for one key
LEAST = 20  # cells, the frame among them
LEFT_TO_OTHERS = 70  # cells that the image and the prompt keep


class SidePanel(Vertical):
    """The list in its frame; the right edge can be dragged."""

    class Dragged(Message):
        """The edge was dragged to where the panel is so many cells wide."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.width = width

    _dragging = False
    _letters: Mapping[str, str] = {}
    _has_run = False
    _legend = ""
    _title = ""

    def show_legend(self, letters: Mapping[str, str], *, beside_a_run: bool) -> None:
        """Say in the frame what stands at the end of a line, as much of it as fits."""
        self._letters, self._has_run = letters, beside_a_run
        self._draw_legend()

    def show_order(self, order: str) -> None:
        """Say in the frame what the list is sorted by; empty for the order of the data."""
        words = f"Samples by {clean(order, newlines=False)}" if order else "Samples"
        if words != self._title:  # a step does not draw the frame
            self._title = words
            # A `Text`, since a title that is a string is read as markup.
            self.border_title = Text(words)

    def on_resize(self) -> None:
        """Another width has room for other words; a list that was folded away had none."""
        self._draw_legend()

    def _draw_legend(self) -> None:
        words = legend(self._letters, self._has_run, self.size.width - 4)
        if words != self._legend:  # a step draws the frame no more than once
            self._legend = words
            # A `Text`, since a title that is a string is read as markup.
            self.border_subtitle = Text(words)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the edge."""
        if event.screen_x == self.region.right - 1:
            event.stop()
            self._dragging = True
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The edge follows the mouse."""
        if self._dragging:
            event.stop()
            self.post_message(self.Dragged(event.screen_x + 1 - self.region.x))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go."""
        if self._dragging:
            event.stop()
            self._dragging = False
            self.release_mouse()


class ListWidth(Controller):
    """How wide the list is."""

    @property
    def _side(self) -> SidePanel:
        return self.widgets.screen.query_one(SidePanel)

    def step(self, by: int) -> None:
        """Wider or narrower by a step."""
        chosen = round(self.state.list_share * self.widgets.screen.size.width)
        # A key that is held goes on from what was chosen: the frame is drawn later.
        self.to((chosen or self._side.outer_size.width) + by * STEP)

    def to(self, width: int) -> None:
        """So many cells; kept for the next time."""
        total = self.widgets.screen.size.width
        if self.widgets.list_is_folded or not total:
            return
        self.state.list_share = min(max(width, LEAST), max(LEAST, total - LEFT_TO_OTHERS)) / total
        self.apply()

    def apply(self) -> None:
        """Give the list its share of this terminal; the style sheet's where nobody chose one."""
        styles, total = self._side.styles, self.widgets.screen.size.width
        share = self.state.list_share
        alone = self._side.has_class("-maximized")  # then it is as wide as the terminal
        if alone or self.widgets.list_is_folded or not 0 < share < 1:
            for rule in ("width", "min_width", "max_width"):
                styles.clear_rule(rule)
            return
        width = min(max(round(share * total), LEAST), max(LEAST, total - LEFT_TO_OTHERS))
        styles.width = styles.min_width = styles.max_width = width
