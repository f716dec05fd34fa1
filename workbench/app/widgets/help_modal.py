"""F1: the keys of a screen and of what has the focus, with what each does."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from workbench.text import clean


class HelpModal(ModalScreen[None]):
    """Lists every key in reach of `of`, grouped by what it belongs to."""

    DEFAULT_CSS = """
    HelpModal { align: center middle; background: $background 60%; }
    HelpModal > Vertical {
        width: 90%; max-width: 96; height: 90%; max-height: 44;
        border: round $primary; background: $surface; padding: 1 2;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,question_mark,q", "close", "Close", id="help.close")
    ]

    def __init__(self, of: Screen[Any]) -> None:
        super().__init__()
        self._of = of

    def compose(self) -> ComposeResult:
        """One table per owner of keys."""
        with Vertical() as box:
            box.border_title = "Help"
            box.border_subtitle = "Esc closes"
            with VerticalScroll():
                intro = clean(getattr(self._of, "HELP", None) or "").strip()
                if intro:
                    yield Static(Text(intro + "\n"))
                for title, rows in self._groups():
                    yield Static(_table(title, rows))

    def _groups(self) -> list[tuple[str, list[tuple[str, str, str]]]]:
        """(owner, [(keys, description, binding id)]), the focused widget first."""
        groups: dict[str, list[tuple[str, str, str]]] = {}
        keys: dict[tuple[str, str], list[str]] = {}
        for node, bindings in self._of._binding_chain:
            owner = getattr(node, "HELP_TITLE", None) or (
                "Everywhere" if node is self.app else type(node).__name__.removesuffix("Screen")
            )
            for key, found in bindings.key_to_bindings.items():
                for binding in found:
                    if not binding.description or binding.system:
                        continue
                    row = (owner, binding.action)
                    shown = binding.key_display or self.app.get_key_display(binding)
                    if row not in keys:
                        keys[row] = []
                        about = binding.tooltip or binding.description
                        groups.setdefault(owner, []).append((row[1], about, binding.id or ""))
                    if shown not in keys[row]:
                        keys[row].append(shown)
                    del key
        return [
            (owner, [(" ".join(keys[owner, action]), what, bid) for action, what, bid in rows])
            for owner, rows in groups.items()
        ]

    def action_close(self) -> None:
        """Back to the screen."""
        self.dismiss(None)


def _table(title: str, rows: list[tuple[str, str, str]]) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(width=16, justify="right", style="bold")
    table.add_column(ratio=1)
    table.add_column(style="dim", justify="right")
    table.add_row("", Text(clean(title), style="bold underline"), "")
    for keys, what, binding_id in rows:
        table.add_row(Text(keys), Text(clean(what)), Text(binding_id))
    table.add_row("", "", "")
    return table
