"""F7: the keys that apply now, in sentences, beside the screen; they follow the focus.

Guarantee: made when it is first asked for; of the same bindings and sentences as the help. A key
that does not apply now is left out. Not for narrow terminals: there the help comes over the screen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from workbench.app.widgets.key_table import (
    KeyLine,
    below_the_screen,
    grouped,
    lines_in_reach,
)
from workbench.text import clean

WIDTH = 42
LEAST = 120  # cells of a terminal that has room for the keys beside a screen


def toggle(screen: Screen[Any]) -> str:
    """Show the keys beside a screen, or take them away; returns why not, if there is no room."""
    if there := screen.query(KeyPanel):
        there.remove()
    elif screen.size.width < LEAST:
        return f"beside the screen, keys need {LEAST} columns: this is the help"
    else:
        screen.mount(KeyPanel())
    return ""


class KeyPanel(VerticalScroll, can_focus=False):
    """The keys of what has the focus, of the place and of the bench."""

    DEFAULT_CSS = f"""
    KeyPanel {{
        dock: right; width: {WIDTH}; height: 100%; margin: 1 0; padding: 0 1;
        border-left: solid $primary; background: $surface; color: $foreground;
    }}
    KeyPanel Static {{ height: auto; }}
    """
    ALLOW_MAXIMIZE: ClassVar[bool | None] = False

    def compose(self) -> ComposeResult:
        """One text, which is drawn anew as the focus moves."""
        yield Static()

    def on_mount(self) -> None:
        """Follow what is in reach."""
        self.screen.bindings_updated_signal.subscribe(self, self._follow)
        self._follow(self.screen)

    def on_unmount(self) -> None:
        """Follow no more."""
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _follow(self, screen: Screen[Any]) -> None:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=9, justify="right", style="bold")
        table.add_column(ratio=1)
        for title, lines in _parts(screen):
            table.add_row("", Text(clean(title, newlines=False), style="bold underline"))
            for line in lines:
                table.add_row(Text(" ".join(line.keys)), Text(clean(line.does)))
            table.add_row("", "")
        self.query_one(Static).update(table)


def _parts(screen: Screen[Any]) -> Iterator[tuple[str, list[KeyLine]]]:
    """A title and keys: of what has the focus first, of the place by task, of the bench last."""
    lines, app = lines_in_reach(screen), screen.app
    own = [line for line in lines if line.node not in (screen, app)]
    if own:
        nodes = below_the_screen(screen)
        titles = filter(None, (getattr(node, "HELP_TITLE", "") for node in nodes))
        yield next(titles, "Here"), own
    place = [line for line in lines if line.node is screen]
    yield from grouped(place, getattr(screen, "TASKS", ()))
    yield "Everywhere", [line for line in lines if line.node is app]
