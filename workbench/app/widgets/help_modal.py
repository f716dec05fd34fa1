"""F1: what has the focus and what one can do here, by task, with the key of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static, TextArea

from workbench.app.widgets.key_table import (
    KeyLine,
    below_the_screen,
    grouped,
    key_lines,
    lines_in_reach,
)
from workbench.text import clean

IN_A_FIELD = (
    "You are in a field: letters are its text and no keys. Esc leaves it; keys with Ctrl and the "
    "F-keys work from within it. Tab goes to the next field."
)


class HelpModal(ModalScreen[None]):
    """Tells of what has the focus in `of`, then its keys, then those of the place by task.

    In a field the keys that work within it come first, and the others below a heading that says so.
    """

    DEFAULT_CSS = """
    HelpModal { align: center middle; background: $background 60%; }
    HelpModal > Vertical {
        width: 90%; max-width: 100; height: 90%; max-height: 44;
        border: round $primary; background: $surface; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,f7,question_mark,q", "close", "Close", id="help.close")
    ]

    def __init__(self, of: Screen[Any]) -> None:
        super().__init__()
        self._of = of
        # What else works within a field: asked before the help itself takes the keys.
        self._reach: list[KeyLine] = []
        if isinstance(of.focused, (Input, TextArea)):
            own = {line.action for line in key_lines(of.app, below_the_screen(of))}
            self._reach = [x for x in lines_in_reach(of) if x.action not in own]

    def compose(self) -> ComposeResult:
        """Sentences, then a table for each task."""
        with Vertical() as box:
            box.border_title = "Help"
            box.border_subtitle = "arrows scroll · Esc closes"
            with VerticalScroll():
                for part in self._parts():
                    yield Static(part)

    def _parts(self) -> Iterator[Text | Table]:
        """What has the focus, then the place; of a field first all that works within it."""
        in_a_field = isinstance(self._of.focused, (Input, TextArea))
        yield from self._focused(in_a_field)
        if in_a_field:
            yield _table("Also from within the field", [*self._reach, *_moves(self.app)])
            yield _told("Outside of a field", "Esc leaves the field; then these work too.")
        yield from self._place(in_a_field)

    def _focused(self, in_a_field: bool) -> Iterator[Text | Table]:
        """What has the focus: sentences, and its keys."""
        nodes = below_the_screen(self._of)
        titles = filter(None, (getattr(node, "HELP_TITLE", "") for node in nodes))
        told = next(filter(None, (getattr(node, "HELP", None) for node in nodes)), "")
        if in_a_field:
            told = f"{told}\n{IN_A_FIELD}".strip()
        own = key_lines(self.app, nodes)
        if told or own:
            yield _told(next(titles, "The field" if told else "Here"), told)
        if own:
            yield _table("", own)

    def _place(self, in_a_field: bool) -> Iterator[Text | Table]:
        """The place: sentences, its keys by task, those of the bench."""
        if told := getattr(self._of, "HELP", None):
            yield _told(_title_of(self._of), told)
        own = key_lines(self.app, below_the_screen(self._of))
        known = {line.action for line in (*own, *self._reach)}
        place = [x for x in key_lines(self.app, [self._of]) if x.action not in known]
        for title, lines in grouped(place, getattr(self._of, "TASKS", ())):
            yield _table(title, lines)
        reached = {line.action for line in self._reach}
        everywhere = [x for x in key_lines(self.app, [self.app]) if x.action not in reached]
        yield _table("Everywhere", everywhere if in_a_field else [*everywhere, *_moves(self.app)])

    def action_close(self) -> None:
        """Back to the screen."""
        self.dismiss(None)


def _moves(app: App[Any]) -> list[KeyLine]:
    """Keys of Textual's own, which are in no binding of the bench."""
    return [
        KeyLine("", "Go to the next field or panel, or back", "", "", app, ["Tab ⇧Tab"]),
        KeyLine("", "Find any action, sample, run or setting", "", "", app, ["^p"]),
    ]


def _title_of(screen: Screen[Any]) -> str:
    return getattr(screen, "HELP_TITLE", "") or type(screen).__name__.removesuffix("Screen")


def _told(title: str, sentences: str) -> Text:
    text = Text(clean(title, newlines=False), style="bold underline")
    text.append("\n" if title else "")
    if sentences:
        text.append(clean(sentences).strip() + "\n", "not bold not underline")
    return text


def _table(title: str, lines: list[KeyLine]) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(width=13, justify="right", style="bold")
    table.add_column(ratio=1)
    table.add_column(style="dim", justify="right")
    if title:
        table.add_row("", Text(clean(title), style="bold underline"), "")
    for line in lines:
        table.add_row(Text(" ".join(line.keys)), Text(clean(line.does)), Text(line.id))
    table.add_row("", "", "")
    return table
