"""F1: what has the focus and what one can do here, by task, with the key of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static, TextArea

from workbench.app.widgets.key_table import KeyLine, below_the_screen, grouped, key_lines
from workbench.text import clean

IN_A_FIELD = (
    "You are in a field: letters are its text and no keys. Esc leaves it; keys with Ctrl and the "
    "F-keys work from within it. Tab goes to the next field."
)


class HelpModal(ModalScreen[None]):
    """Tells of what has the focus in `of`, then its keys, then those of the place by task."""

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

    def compose(self) -> ComposeResult:
        """Sentences, then a table for each task."""
        with Vertical() as box:
            box.border_title = "Help"
            box.border_subtitle = "arrows scroll · Esc closes"
            with VerticalScroll():
                for part in (*self._focused(), *self._place()):
                    yield Static(part)

    def _focused(self) -> Iterator[Text | Table]:
        """What has the focus: sentences, and its keys."""
        nodes = below_the_screen(self._of)
        titles = filter(None, (getattr(node, "HELP_TITLE", "") for node in nodes))
        told = next(filter(None, (getattr(node, "HELP", None) for node in nodes)), "")
        if isinstance(self._of.focused, (Input, TextArea)):
            told = f"{told}\n{IN_A_FIELD}".strip()
        own = key_lines(self.app, nodes)
        if told or own:
            yield _told(next(titles, "The field" if told else "Here"), told)
        if own:
            yield _table("", own)

    def _place(self) -> Iterator[Text | Table]:
        """The place: sentences, its keys by task, those of the bench."""
        if told := getattr(self._of, "HELP", None):
            yield _told(_title_of(self._of), told)
        known = {line.action for line in key_lines(self.app, below_the_screen(self._of))}
        place = [x for x in key_lines(self.app, [self._of]) if x.action not in known]
        for title, lines in grouped(place, getattr(self._of, "TASKS", ())):
            yield _table(title, lines)
        everywhere = key_lines(self.app, [self.app])
        moves = [
            KeyLine("", "Go to the next field or panel, or back", "", "", self.app, ["Tab ⇧Tab"]),
            KeyLine("", "Find any action, sample, run or setting", "", "", self.app, ["^p"]),
        ]
        yield _table("Everywhere", [*everywhere, *moves])

    def action_close(self) -> None:
        """Back to the screen."""
        self.dismiss(None)


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
