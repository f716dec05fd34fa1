"""The decoding knobs as small inputs, each judged as one types.

Guarantee: a bad value says so at once, under the knobs, and every other value stays; the last
good set is kept until the bad one is mended, and asking is refused meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.widgets import Input, Label, Static

from workbench.errors import UsageError
from workbench.inference.decoding import Decoding

# name -> (label, what it does)
KNOBS: dict[str, tuple[str, str]] = {
    "temperature": ("temp", "0 is greedy; above 0 samples"),
    "top_p": ("top-p", "nucleus mass in (0, 1]; 1 is off"),
    "top_k": ("top-k", "keep the k most probable; 0 is off"),
    "min_p": ("min-p", "keep what has this share of the best; 0 is off"),
    "repetition_penalty": ("rep", "1 is off"),
    "num_beams": ("beams", "1 is off"),
    "max_new_tokens": ("max", "new tokens, at least 1"),
    "seed": ("seed", "same seed, same answer"),
    "stop": ("stop", "strings that end the answer, separated by | ; \\n is a line break"),
}
_INTEGERS = {"top_k", "num_beams", "max_new_tokens", "seed"}


def read_knob(name: str, text: str) -> Any:
    """The value of a knob as typed. Raises `UsageError` where it is none."""
    if name == "stop":
        return tuple(s.replace("\\n", "\n") for s in text.split("|") if s)
    try:
        return int(text) if name in _INTEGERS else float(text)
    except ValueError:
        wants = "a whole number" if name in _INTEGERS else "a number"
        flag = name.replace("_", "-")
        raise UsageError(f"--{flag} wants {wants}, got {text!r}", kind="bad_knob") from None


def in_field_words(message: str, labels: Mapping[str, str] | None = None) -> str:
    """A message of the core, each flag in it by the label of the field that the form shows.

    Args:
        message: `--temperature wants a number from 0.0001 to 100, or 0, got 200.0`.
        labels: Flag's name with underscores -> label; the knobs' own where not given.
    """
    known = labels or {name: label for name, (label, _) in KNOBS.items()}
    return re.sub(r"--([a-z][a-z-]*)", lambda m: known.get(m[1].replace("-", "_"), m[0]), message)


def show_knob(value: Any) -> str:
    """A knob's value as one would type it."""
    if isinstance(value, (tuple, list)):
        return "|".join(str(s).replace("\n", "\\n") for s in value)
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)


def read_knobs(typed: Mapping[str, str]) -> tuple[Decoding | None, dict[str, str]]:
    """All knobs as typed: the decoding, or `None` and what is wrong by knob.

    A contradiction between two good values (beams and temperature) is held against both.
    """
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, text in typed.items():
        try:
            values[name] = read_knob(name, text)
            if name != "num_beams":
                Decoding(**{name: values[name]})
            elif values[name] < 1:
                Decoding(num_beams=values[name])
        except UsageError as error:
            problems[name] = error.message
    if problems:
        return None, problems
    try:
        return Decoding(**values), {}
    except UsageError as error:
        both = [n for n in values if f"--{n.replace('_', '-')}" in error.message]
        return None, dict.fromkeys(both or ["temperature"], error.message)


class Knobs(Container):
    """The inputs and the line that says what is wrong."""

    DEFAULT_CSS = """
    Knobs { height: auto; }
    Knobs #knob-grid {
        layout: grid; grid-size: 3; grid-columns: 1fr 1fr 1fr; grid-rows: 1;
        grid-gutter: 0 1; height: auto;
    }
    Knobs .knob { height: 1; }
    Knobs .knob Label { width: 6; color: $text-muted; }
    Knobs .knob Input { width: 1fr; }
    Knobs #knob-problem { height: auto; color: $text-error; display: none; }
    Knobs.-bad #knob-problem { display: block; }
    Knobs.-idle #knob-problem { display: block; color: $text-warning; }
    """

    class Changed(Message):
        """The knobs are a good set again, or another one."""

        def __init__(self, decoding: Decoding) -> None:
            super().__init__()
            self.decoding = decoding

    def __init__(self, decoding: Decoding | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.decoding = decoding or Decoding()
        self.problems: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """Nine small inputs in a grid."""
        with Container(id="knob-grid"):
            for name, (label, about) in KNOBS.items():
                with Horizontal(classes="knob"):
                    yield Label(label)
                    field = KnobInput(show_knob(getattr(self.decoding, name)), id=f"knob-{name}")
                    field.tooltip = about
                    yield field
        yield Static("", id="knob-problem", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Judge what was typed, at once."""
        event.stop()
        typed = {name: self._field(name).value for name in KNOBS}
        decoding, problems = read_knobs(typed)
        self.problems = {name: in_field_words(said) for name, said in problems.items()}
        for name in KNOBS:
            self._field(name).set_class(name in self.problems, "-bad")
        self.set_class(bool(self.problems), "-bad")
        idle = decoding.idle if decoding is not None else {}
        self.set_class(bool(idle), "-idle")
        idle_words = map(in_field_words, idle.values())
        said = "\n".join(dict.fromkeys([*self.problems.values(), *idle_words]))
        self.query_one("#knob-problem", Static).update(Text(said))
        if decoding is not None and decoding != self.decoding:
            self.decoding = decoding
            self.post_message(self.Changed(decoding))

    def set_decoding(self, decoding: Decoding) -> None:
        """Put other values in."""
        self.decoding = decoding
        for name in KNOBS:
            self._field(name).value = show_knob(getattr(decoding, name))

    def _field(self, name: str) -> Input:
        return self.query_one(f"#knob-{name}", Input)


class KnobInput(Input):
    """One knob; up and down move between knobs, as Tab does."""

    HELP_TITLE = "Knobs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "screen.focus_next", "Next setting", id="knob.next", show=False),
        Binding("up", "screen.focus_previous", "Previous setting", id="knob.previous", show=False),
    ]
