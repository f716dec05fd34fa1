"""The field behind `:`: a row as the header counts, an id of the open split, or a whole UID.

Guarantee: rows are counted from 1 wherever a person reads or types one; while one types, the line
below the field says what Enter would do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from workbench.app.lists.palette import PALETTE
from workbench.text import clean


@dataclass(frozen=True)
class Goal:
    """What was typed after `:`.

    Attributes:
        row: From 1, `None` where it is a UID.
        uid: Empty where it is a row.
        problem: Why there is no such row, empty where there may be one.
        said: What Enter does, in a line.
    """

    row: int | None = None
    uid: str = ""
    problem: str = ""
    said: str = ""


def goal_of(typed: str, here: str, length: int | None) -> Goal:
    """Where a text leads: digits are a row unless they begin with 0, as ids of a split may.

    Args:
        typed: What was typed: `7`, `#7`, `000007`, `dev-850-0-0`, `nlvr2/dev/dev-850-0-0`.
        here: `dataset/split` of the open source.
        length: Of that; `None` where it has no end.
    """
    text = typed.strip()
    if not text:
        return Goal(said=f"{rows_words(length)}, an id of {here}, or a whole UID")
    digits = text.removeprefix("#").replace(",", "")
    is_row = digits.isdecimal() and digits.isascii()
    if is_row and (text.startswith("#") or not digits.startswith("0") or digits == "0"):
        row = int(digits)
        if row < 1 or (length is not None and row > length):
            problem = f"there is no row {row:,}: {rows_words(length)}"
            return Goal(row, problem=problem, said=f"{problem} · an id is {here}/{digits}")
        of = "" if length is None else f" of {length:,}"
        return Goal(row, said=f"Enter: row {row:,}{of}, as the header counts")
    uid = text if text.count("/") >= 2 else f"{here}/{text}"
    return Goal(uid=uid, said=f"Enter: the sample {uid}")


def rows_words(length: int | None) -> str:
    """Which rows there are."""
    return "a row from 1 on" if length is None else f"a row from 1 to {length:,}"


class JumpBar(Vertical):
    """The field and what Enter would do."""

    DEFAULT_CSS = """
    JumpBar { height: auto; background: $panel; border-top: solid $primary; }
    JumpBar Static { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._here, self._length = "", None

    def compose(self) -> ComposeResult:
        """The field over the line."""
        yield Input(id="jump-field", placeholder="a row, an id or a UID", compact=True)
        yield Static("", markup=False)

    @property
    def field(self) -> Input:
        """Where one types."""
        return self.query_one(Input)

    def open(self, here: str, length: int | None) -> None:
        """Show it, empty, over a split of so many samples."""
        self._here, self._length = here, length
        self.display = True
        self.field.value = ""
        self._say("")
        self.field.focus()

    def goal(self, typed: str) -> Goal:
        """Where a text leads."""
        return goal_of(typed, self._here, self._length)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what it would be."""
        event.stop()
        self._say(event.value)

    def _say(self, typed: str) -> None:
        goal = self.goal(typed)
        style = PALETTE.warn if goal.problem else PALETTE.dim
        self.query_one(Static).update(Text(clean(goal.said, newlines=False), style))
