"""A `wb …` line to edit: all of it is seen, over as many lines as it takes; Enter takes it.

Guarantee: what is pasted over several lines, with backslashes or without, becomes one line.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult

_BREAK = re.compile(r"[ \t]*\\?[\r\n]+[ \t]*")


class CommandLineField(TextArea):
    """The line."""

    HELP_TITLE = "The line"
    DEFAULT_CSS = """
    CommandLineField { height: auto; min-height: 1; max-height: 6; padding: 0 1; border: none;
        scrollbar-size-vertical: 1; }
    CommandLineField:focus { border: none; background: $primary 30%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Take it", id="line.take", show=False),
        Binding("up", "above", "Up", id="line.above", show=False),
        Binding("down", "below", "Down", id="line.below", show=False),
        Binding("ctrl+y", "screen.copy", "Copy", id="line.copy", show=False),
    ]

    class Taken(Message):
        """Enter was pressed in it."""

    def __init__(self, line: str = "", **kwargs: Any) -> None:
        super().__init__(line, soft_wrap=True, tab_behavior="focus", **kwargs)

    @property
    def value(self) -> str:
        """The line."""
        return self.text

    @value.setter
    def value(self, line: str) -> None:
        if line != self.text:
            self.load_text(line)
            self.move_cursor(self.document.end)

    def on_key(self, event: events.Key) -> None:
        """Enter is no line end here: it goes on to the bindings."""
        if event.key == "enter":
            event.prevent_default()

    def edit(self, edit: Edit) -> EditResult:
        """A key, a paste or a cut."""
        edit.text = _BREAK.sub(" ", edit.text)
        return super().edit(edit)

    def action_take(self) -> None:
        """Take the line."""
        self.post_message(self.Taken())

    def action_above(self) -> None:
        """A line up, from the first one to the field above."""
        before = self.cursor_location
        self.action_cursor_up()
        if self.cursor_location == before or self.cursor_location == (0, 0):
            self.screen.focus_previous()

    def action_below(self) -> None:
        """A line down, from the last one to the field below."""
        before = self.cursor_location
        self.action_cursor_down()
        if self.cursor_location in (before, self.document.end):
            self.screen.focus_next()
