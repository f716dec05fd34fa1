"""Three lines for the first day; closed once, they stay away."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import events
from textual.widget import Widget

if TYPE_CHECKING:
    from workbench.app.app import WbApp

LINES = (
    "j k step · / filters · : goes to a row or UID · Enter asks · g heat, ← → move along",
    "l list · p prompt · b star · e evaluates as a job · 1 2 3 4 change places",
    "? tells all keys · Ctrl+P finds any action · x closes this for good",
)


class Hints(Widget):
    """The hints; `x` or a click dismisses them for good."""

    DEFAULT_CSS = """
    Hints {
        height: 3; padding: 0 1; dock: top; margin-top: 1;
        background: $boost; color: $text-muted;
    }
    """

    def render(self) -> Text:
        """Three lines, cut to the width."""
        lines = [Text(line) for line in LINES]
        for line in lines:
            line.truncate(max(1, self.size.width), overflow="ellipsis")
        return Text("\n").join(lines)

    def on_click(self, event: events.Click) -> None:
        """Dismissed by mouse."""
        self.dismiss()

    def dismiss(self) -> None:
        """Away for good."""
        cast("WbApp", self.app).state.hints_dismissed = True
        self.remove()
