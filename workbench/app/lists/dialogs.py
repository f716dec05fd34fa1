"""Two small questions over a screen: yes or no, and one line of text.

Both say what they return: `ConfirmDialog` a bool, `LineDialog` the line or `None`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from workbench.text import clean

_CSS = """
{name} {{ align: center middle; background: $background 60%; }}
{name} > Vertical {{
    width: 80%; max-width: 78; height: auto; max-height: 90%;
    border: round {colour}; background: $surface; padding: 1 2;
}}
{name} .keys {{ color: $text-muted; margin-top: 1; }}
{name} .problem {{ color: $text-error; height: auto; }}
{name} Input {{ margin-top: 1; }}
"""


def _title(text: str) -> str:
    return Text(clean(text, newlines=False)).markup


class ConfirmDialog(ModalScreen[bool]):
    """A question with a consequence; returns whether the answer was yes."""

    DEFAULT_CSS = _CSS.format(name="ConfirmDialog", colour="$warning")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", "Yes", id="ask.yes"),
        Binding("n,escape,q", "answer(False)", "No", id="ask.no"),
    ]

    def __init__(self, title: str, body: str, yes: str = "yes") -> None:
        """A question.

        Args:
            title: What would be done.
            body: What that keeps and what it loses.
            yes: The word for doing it.
        """
        super().__init__()
        self._heading, self._body, self._yes = title, body, yes

    def compose(self) -> ComposeResult:
        """What would happen, and the keys."""
        with Vertical() as box:
            box.border_title = _title(self._heading)
            yield Static(Text(clean(self._body)))
            yield Static(f"y or Enter {self._yes} · Esc leaves it", classes="keys", markup=False)

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.dismiss(answer)


class LineDialog(ModalScreen["str | None"]):
    """One line of text; returns it, or `None` when it was left by Esc."""

    DEFAULT_CSS = _CSS.format(name="LineDialog", colour="$primary")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="ask-line.leave")
    ]

    def __init__(
        self,
        title: str,
        body: str = "",
        *,
        value: str = "",
        placeholder: str = "",
        check: Callable[[str], str | None] | None = None,
    ) -> None:
        """A question for a line.

        Args:
            title: What is asked for.
            body: What will be done with it.
            value: What stands in the field at first.
            placeholder: An example.
            check: Says what is wrong with a line, `None` where it is right.
        """
        super().__init__()
        self._heading, self._body = title, body
        self._value, self._placeholder, self._check = value, placeholder, check

    def compose(self) -> ComposeResult:
        """What it is for, the field and the keys."""
        with Vertical() as box:
            box.border_title = _title(self._heading)
            if self._body:
                yield Static(Text(clean(self._body)))
            yield Input(self._value, placeholder=self._placeholder, select_on_focus=True)
            yield Static("", classes="problem", markup=False)
            yield Static("Enter does it · Esc leaves it", classes="keys", markup=False)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        line = event.value.strip()
        problem = self._check(line) if self._check else None
        if problem:
            self.query_one(".problem", Static).update(Text(clean(problem)))
            return
        self.dismiss(line)

    def action_leave(self) -> None:
        """Close without a line."""
        self.dismiss(None)
