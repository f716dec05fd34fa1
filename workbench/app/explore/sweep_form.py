"""The form of a grid, and one of its answers in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from sessions.errors import WbError
from workbench.app.explore.answer import answer_facts, tokens_text
from workbench.app.explore.answer_grid import AnswerTile
from workbench.app.explore.asked import answer_of
from workbench.app.explore.knobs import KNOBS
from workbench.app.explore.sweep_axes import (
    FIELDS,
    LABELS,
    LINES,
    Typed,
    read_form,
    template_names,
)
from workbench.app.widgets.dialog_box import DialogBox
from workbench.text import clean, counted

if TYPE_CHECKING:
    from workbench.prompts.pool import Template
    from workbench.sample import Sample


class SweepForm(Vertical):
    """A field per axis, each with one value or several by commas.

    What is wrong, or how many answers it makes, stands below the fields.
    """

    HELP_TITLE = "The grid's form"
    DEFAULT_CSS = """
    SweepForm { height: auto; padding: 0 1; }
    SweepForm .line { height: 1; }
    SweepForm .line Label { width: 10; color: $text-muted; }
    SweepForm Input { width: 1fr; }
    SweepForm #sweep-knobs {
        layout: grid; grid-size: 3; grid-rows: 1; grid-gutter: 0 1; height: auto;
    }
    SweepForm .knob { height: 1; }
    SweepForm .knob Label { width: 9; color: $text-muted; }
    SweepForm #sweep-says { height: auto; max-height: 2; color: $text-muted; }
    SweepForm.-bad #sweep-says { color: $text-error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "Next field", id="sweep.next", show=False),
        Binding("up", "app.focus_previous", "Previous field", id="sweep.previous", show=False),
    ]

    def __init__(self, values: dict[str, str], sample: Sample | None = None) -> None:
        super().__init__()
        self.sample = sample  # that is asked about
        self.values = dict(values)
        self.typed = Typed()
        self._named: tuple[str, Any] = ("", None)
        self._left: list[Template] = []  # by stars, of another number of images
        self._stood: tuple[tuple[str, str] | None, Mapping[str, str], str] = (None, {}, "")

    def compose(self) -> ComposeResult:
        """The long fields first."""
        for name in LINES:
            with Horizontal(classes="line"):
                yield Label(name)
                yield self._input(name)
        with Container(id="sweep-knobs"):
            for name in FIELDS:
                if name not in LINES:
                    with Horizontal(classes="knob"):
                        yield Label(LABELS[name])
                        yield self._input(name)
        yield Static("", id="sweep-says", markup=False)

    def _input(self, name: str) -> Input:
        holder = "free text, as in the prompt" if name == "template" else ""
        made = Input(self.values.get(name, ""), id=f"sweep-{name}", placeholder=holder)
        made.tooltip = f"{KNOBS[name][1] if name in KNOBS else name}; several values by commas"
        return made

    def on_mount(self) -> None:
        """Judge what stands there, and begin where the first grid usually is."""
        self.judge()
        self.query_one("#sweep-temperature", Input).focus()

    class ModelsNamed(Message):
        """Another model or adapter stands in the form: it is to be looked at."""

    def on_input_changed(self, event: Input.Changed) -> None:
        """Judge what was typed, at once."""
        event.stop()
        self.judge()
        if not self.typed.problems and not self.stood:
            self.post_message(self.ModelsNamed())

    def judge(self) -> None:
        """Read all fields and say what they make."""
        self.values = {name: self._field(name).value for name in FIELDS}
        self.typed = read_form(self.values, self._names)
        for name in FIELDS:
            self._field(name).set_class(name in self.typed.axes, "-several")
        self._say()

    def stand(self, named: tuple[str, str], problems: Mapping[str, str], notes: str) -> None:
        """What was found of the models: what would fail, by field, and what was not checked.

        Args:
            named: What stood in `model` and `adapter` when they were looked at.
            problems: Empty where nothing is known against them.
            notes: Empty where all was checked.
        """
        if named == self.named:
            self._stood = (named, problems, notes)
            self._say()

    @property
    def named(self) -> tuple[str, str]:
        """What stands in the fields of the model and the adapter."""
        return self.values["model"], self.values["adapter"]

    @property
    def stood(self) -> bool:
        """Whether the models that are named were looked at."""
        return self._stood[0] == self.named

    @property
    def problems(self) -> list[str]:
        """What is wrong, in the fields or with the models."""
        of_models = self._stood[1] if self.stood else {}
        return list(dict.fromkeys([*self.typed.problems.values(), *of_models.values()]))

    def _say(self) -> None:
        wrong = {*self.typed.problems, *(self._stood[1] if self.stood else ())}
        for name in FIELDS:
            self._field(name).set_class(name in wrong, "-bad")
        problems = self.problems
        self.set_class(bool(problems), "-bad")
        notes = self._stood[2] if self.stood else ""
        says = "\n".join(problems) or self._extent() + (f"\nnot checked: {notes}" if notes else "")
        self.query_one("#sweep-says", Static).update(Text(clean(says)))

    def _names(self, text: str) -> tuple[str | None, ...]:
        """The templates of a text, their files read only when it changes."""
        if self._named[0] != text or self._named[1] is None:
            try:
                self._left = []
                self._named = (text, template_names(text, self.sample, self._left))
            except WbError as error:
                self._named = (text, error)
        if isinstance(self._named[1], WbError):
            raise self._named[1]
        return self._named[1]

    def _extent(self) -> str:
        axes = self.typed.axes
        if not axes:
            return "one answer; several values by commas make a grid: temp 0,0.7,1"
        sizes = " x ".join(
            f"{len(values)} {LABELS.get(name, name)}" for name, values in axes.items()
        )
        left = f" · left out for their images: {len(self._left)}" if self._left else ""
        return f"{sizes}: {counted(self.typed.cells, 'answer')}{left} · Enter asks"

    def _field(self, name: str) -> Input:
        return self.query_one(f"#sweep-{name}", Input)


class WholeAnswer(ModalScreen[bool]):
    """One answer in full; returns whether it is to be the answer in view."""

    HELP_TITLE = "One answer"
    DEFAULT_CSS = """
    WholeAnswer { align: center middle; background: $background 60%; }
    WholeAnswer > Vertical {
        width: 80%; max-width: 110; height: auto; max-height: 80%;
        border: round $primary; background: $surface; padding: 1 2;
    }
    WholeAnswer VerticalScroll { height: auto; max-height: 100%; }
    WholeAnswer .keys { color: $text-muted; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,u", "use", "Use", id="answer.use"),
        Binding("y", "copy", "Copy", id="answer.copy"),
        Binding("escape,q", "close", "Back", id="answer.close"),
    ]

    def __init__(self, tile: AnswerTile) -> None:
        super().__init__()
        self.tile = tile

    def compose(self) -> ComposeResult:
        """The text in a scroll, what is known of it, and the keys."""
        record = self.tile.record
        facts = answer_facts(answer_of(record)) if record is not None else ""
        if record is not None and record.label is not None:
            facts += f" · read as {record.label}"
        keys = "y copies the text · Esc closes"
        if self._usable:
            keys = f"Enter makes it the answer in view · {keys}"
        with DialogBox() as box:
            box.border_title = Text(clean(self.tile.caption, newlines=False))
            with VerticalScroll():
                yield Static(self._body(), markup=False)
            yield Static(Text(clean(f"{facts}\n{keys}".strip())), classes="keys", markup=False)

    @property
    def _usable(self) -> bool:
        return self.tile.record is not None and not self.tile.problem

    def _body(self) -> Text:
        tile = self.tile
        if tile.problem:
            return Text(clean(tile.problem))
        tokens = list(answer_of(tile.record).tokens) if tile.record is not None else []
        if tokens:
            return tokens_text(tokens, -1)
        return Text(clean(tile.text) or "(no answer yet)")

    def action_use(self) -> None:
        """Make it the answer in view."""
        if self._usable:
            self.dismiss(True)

    def action_copy(self) -> None:
        """Copy the text."""
        self.app.copy_to_clipboard(self.tile.problem or self.tile.text)

    def action_close(self) -> None:
        """Back to the grid."""
        self.dismiss(False)
