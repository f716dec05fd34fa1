"""The end of a job's log, following it; wrapped to the width, never read as markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, chop_cells
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.app.jobs.reading import LINES
from workbench.app.lists.palette import PALETTE
from workbench.text import clean


class LogView(ScrollView, can_focus=True):
    """Lines as they come; scrolling up stops the following, End goes on with it."""

    HELP_TITLE = "The log"
    HELP = "The end of what the job prints. Scrolling up stops the following, End goes on with it."
    # The bar's column is never text: lines are wrapped before anybody knows of a bar.
    DEFAULT_CSS = """
    LogView { overflow-x: hidden; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "end,G",
            "follow",
            "Follow",
            id="log.follow",
            key_display="End",
            tooltip="Go to the end and follow what is printed",
        ),
        Binding("down,j", "by(1)", "Down", id="log.down", show=False, tooltip="Scroll down a line"),
        Binding("up,k", "by(-1)", "Up", id="log.up", show=False, tooltip="Scroll up a line"),
        Binding(
            "pagedown",
            "screenful(1)",
            "Page down",
            id="log.page-down",
            show=False,
            tooltip="Scroll down a page",
        ),
        Binding(
            "pageup",
            "screenful(-1)",
            "Page up",
            id="log.page-up",
            show=False,
            tooltip="Scroll up a page",
        ),
        Binding(
            "home",
            "top",
            "Top",
            id="log.top",
            show=False,
            tooltip="Go to the first line that is kept",
        ),
    ]

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self.lines: list[str] = []
        self.following = True
        self.unfinished_raw = ""
        self._drawn: list[str] = []
        self._tail: list[str] = []
        self._empty = ""
        self.waits = False

    def clear(self, words: str, *, waits: bool = False) -> None:
        """Nothing to show, and why.

        Args:
            words: Why.
            waits: Lines are being read: until then the list keeps its room, and the screen its
                layout.
        """
        self.waits = waits
        self.lines, self._drawn, self._tail, self.unfinished_raw = [], [], [], ""
        self._empty, self.following = words, True
        self._resized()

    def add(self, lines: Sequence[str], unfinished: str, *, anew: bool) -> None:
        """Add lines; those before the last `LINES` are forgotten.

        Args:
            lines: Raw: cleaned here.
            unfinished: The line that has no end yet.
            anew: They replace all before.
        """
        self.waits = False
        fresh = [clean(line, newlines=False) for line in lines]
        if anew:
            self.lines, self._drawn = [], []
        self.lines += fresh
        self.unfinished_raw = unfinished
        if len(self.lines) > LINES:
            del self.lines[:-LINES]
            self._wrap()
        else:
            self._drawn += self._wrapped(fresh)
        self._wrap_tail()
        self._resized()

    def _wrapped(self, lines: Sequence[str]) -> list[str]:
        width = max(10, self.scrollable_content_region.width)
        out: list[str] = []
        for line in lines:
            line = line.expandtabs(8)
            out += chop_cells(line, width) if cell_len(line) > width else [line]
        return out

    def _wrap(self) -> None:
        self._drawn = self._wrapped(self.lines)
        self._wrap_tail()

    def _wrap_tail(self) -> None:
        raw = self.unfinished_raw
        self._tail = self._wrapped([clean(raw, newlines=False)]) if raw else []

    def _resized(self) -> None:
        height = len(self._drawn) + len(self._tail)
        if not self.waits:
            self.virtual_size = Size(self.scrollable_content_region.width, height)
        if self.following:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True, immediate=True)
        self.border_subtitle = "" if self.following else "End follows"
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        """Wrap to the new width."""
        self._wrap()
        self._resized()

    # -- moving ------------------------------------------------------------------------------

    def _move(self, y: float) -> None:
        self.scroll_to(y=y, animate=False, force=True, immediate=True)
        self.following = self.scroll_offset.y >= self.max_scroll_y
        self.border_subtitle = "" if self.following else "End follows"

    def action_by(self, step: int) -> None:
        """Scroll by lines."""
        self._move(self.scroll_offset.y + step)

    def action_screenful(self, step: int) -> None:
        """Scroll by screenfuls."""
        self._move(self.scroll_offset.y + step * max(1, self.size.height - 1))

    def action_top(self) -> None:
        """To the first line that is kept."""
        self._move(0)

    def action_follow(self) -> None:
        """To the end, and on with it."""
        self.following = True
        self._resized()

    def on_mouse_scroll_up(self, _event: events.MouseScrollUp) -> None:
        """The wheel stops the following too."""
        self.following = False
        self.border_subtitle = "End follows"

    # -- drawing -----------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the log."""
        width, base = self.scrollable_content_region.width, self.rich_style
        index = y + self.scroll_offset.y
        if not self._drawn and not self._tail:
            text = Text(self._empty if y == 0 else "", style=Style(dim=True), end="")
        elif index < len(self._drawn):
            text = Text(self._drawn[index], style=self._style(self._drawn[index]), end="")
        elif index - len(self._drawn) < len(self._tail):
            text = Text(self._tail[index - len(self._drawn)], style=Style(dim=True), end="")
        else:
            text = Text("", end="")
        text.no_wrap = True
        strip = Strip(text.render(self.app.console, end=""))
        return strip.adjust_cell_length(width).apply_style(base)

    def _style(self, line: str) -> Style:
        word = line.lstrip()[:10].lower()
        if word.startswith(("error", "traceback")):
            return PALETTE.bad
        return PALETTE.warn if word.startswith("warning") else Style()
