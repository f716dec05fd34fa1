"""What will be asked: template or free text, system turn, examples, knobs.

Guarantee: as long as the user did not type, stepping to another sample fills text and system turn
anew, they are asked exactly as the template renders them, and the template's name is recorded;
once the user typed it is free text, kept over samples, and no template is claimed. A `Draft` is of
the sample that it is made for. Not for asking: the panel posts `AskPressed`, workers do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Button, Input, Label, Static, TextArea

from sessions.errors import WbError
from workbench.app.explore.filled import FilledInput, PromptText
from workbench.app.explore.knobs import Knobs
from workbench.app.explore.shot_field import ABOUT, read_shots
from workbench.app.explore.written_on import OTHER, moved, prompt_name
from workbench.errors import UsageError
from workbench.inference.decoding import Decoding
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.prompts.shots import ShotWish
    from workbench.prompts.template import Template
    from workbench.sample import Sample


@dataclass(frozen=True)
class Draft:
    """What stands in the panel, ready to be asked.

    Attributes:
        uid: The sample that a template's text was filled from, and that is asked about.
        template: `None` for the user's own text.
        text, system: The turns; empty for no system turn.
        wish: The examples to show first; only with a template.
    """

    uid: str
    template: Template | None
    text: str
    system: str
    wish: ShotWish | None


class PromptPanel(VerticalScroll, can_focus=False):
    """Template, text, system turn, shots and knobs."""

    HELP_TITLE = "Prompt"
    DEFAULT_CSS = """
    PromptPanel { height: auto; max-height: 60%; scrollbar-size-vertical: 1; padding: 0 1; }
    PromptPanel .line { height: 1; }
    PromptPanel .line Label { width: 10; color: $text-muted; }
    PromptPanel .line Input, PromptPanel .line Button { width: 1fr; }
    PromptPanel #shot-says { height: auto; max-height: 4; color: $text-muted; display: none; }
    PromptPanel #shot-says.-bad { color: $text-error; }
    PromptPanel PromptText {
        border: none; padding: 0 1; height: auto; min-height: 3; max-height: 9;
        background: $boost; margin: 0;
    }
    PromptPanel PromptText:focus { border: none; background: $primary 20%; }
    PromptPanel Button { height: 1; border: none; min-width: 10; padding: 0; }
    PromptPanel #template { text-align: left; content-align: left middle; background: $boost; }
    PromptPanel #template { text-wrap: nowrap; text-overflow: ellipsis; }
    PromptPanel #template.-other { color: $text-warning; }
    PromptPanel #ask { max-width: 13; margin: 0; }
    PromptPanel #prompt-problem { color: $text-error; height: auto; display: none; }
    """

    class AskPressed(Message):
        """The user wants an answer."""

    class ChooseTemplate(Message):
        """The user wants another template."""

    class ShotsChanged(Message):
        """Other examples are wanted, or may be drawn."""

    def __init__(self, decoding: Decoding | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.template: Template | None = None
        self._wanted_decoding = decoding
        self._sample: Sample | None = None
        self.written_on: Sample | None = None  # whose texts the prompt was filled with

    def compose(self) -> ComposeResult:
        """The fields, top to bottom as they reach the model."""
        with Horizontal(classes="line"):
            yield Label("template")
            yield Button("free text ▾", id="template", compact=True)
        yield PromptText("", id="prompt-text", soft_wrap=True, tab_behavior="focus")
        yield Static("", id="prompt-problem", markup=False)
        with Horizontal(classes="line"):
            yield Label("system")
            yield FilledInput(id="system", placeholder="none")
        yield Knobs(self._wanted_decoding)
        with Horizontal(classes="line"):
            yield Label("examples")
            shots = Input("0", id="shots")
            shots.tooltip = ABOUT
            yield shots
            yield Button("Ask ⏎", id="ask", variant="primary", compact=True)
        yield Static("", id="shot-says", markup=False)

    # -- what will be asked ----------------------------------------------------------------

    def draft(self, sample: Sample) -> Draft:
        """What would be asked about a sample; what was filled from another is filled anew."""
        if sample != self._sample:
            self.show_sample(sample, self.template)
        template = None if self.free else self.template
        wish = self.wish if template else None
        return Draft(sample.uid, template, self.text, self.system, wish)

    @property
    def _area(self) -> PromptText:
        return self.query_one(PromptText)

    @property
    def _system(self) -> FilledInput:
        return self.query_one("#system", FilledInput)

    @property
    def text(self) -> str:
        """The user's turn, as it is asked."""
        return self._area.exact

    @property
    def system(self) -> str:
        """The system turn, empty for none."""
        return self._system.exact

    @property
    def knobs(self) -> Knobs:
        """The knobs."""
        return self.query_one(Knobs)

    @property
    def wish(self) -> ShotWish | None:
        """The examples to show the model first; `None` where what was typed cannot be meant."""
        try:
            return self._read_shots()
        except UsageError:
            return None

    def _read_shots(self) -> ShotWish:
        typed = self.query_one("#shots", Input).value
        return read_shots(typed, self.knobs.decoding.seed)

    @property
    def free(self) -> bool:
        """Whether free text will be asked: it takes no examples."""
        return self.template is None or self.edited

    @property
    def of_another(self) -> Sample | None:
        """The sample whose texts free text still has, where another is in view."""
        return self.written_on if self._area.edited and self.moved != self.text else None

    @property
    def moved(self) -> str:
        """The user's turn with the texts of the sample in view in their place."""
        return moved(self.text, self.written_on, self._sample)

    @property
    def edited(self) -> bool:
        """Whether the user typed in the text or the system turn since they were filled."""
        return self._area.edited or self._system.edited

    def problem(self) -> str:
        """Why this cannot be asked, empty where it can."""
        if self.knobs.problems:
            return next(iter(self.knobs.problems.values()))
        try:
            self._read_shots()
        except UsageError as error:
            return error.message
        if not self.text.strip() and self.free:  # a template may say nothing on purpose
            return "there is nothing to ask: the prompt is empty"
        return ""

    # -- filling ---------------------------------------------------------------------------

    def show_sample(self, sample: Sample, template: Template | None) -> None:
        """Another sample: what the user typed stays, what he did not is filled from it."""
        other_task = self._sample is not None and self._sample.task != sample.task
        self._sample = sample
        if other_task:
            self.use(template)
        elif template is not None and not (self.template is None and self._area.edited):
            self._take(template)
        self._show_name()

    def use(self, template: Template | None) -> None:
        """Take a template and fill it from the sample; `None`: free text, for the user to write.

        A text that a template filled goes with it: nobody wrote it, and on the next sample it
        would be about the last.
        """
        if template is None:
            self.template = None
            self.query_one("#prompt-problem", Static).display = False
            self._put("", "")
        else:
            self._take(template, typed=True)
        self._show_name()

    def write(self, text: str, system: str, about: Sample | None = None) -> None:
        """Put in what the user wrote before: free text, as if it were typed anew.

        Args:
            text: The user's turn.
            system: The system turn.
            about: The sample whose texts are in it, where that is known.
        """
        self.use(None)
        self.written_on = about
        self._area.load_text(text)
        self._system.fill(system)
        self._area.edited, self._system.edited = True, bool(system)
        self._show_name()

    def _take(self, template: Template, *, typed: bool = False) -> None:
        self.template = template
        text, system, trouble = self._fill(template)
        self._put(text, system, typed=typed)
        said = self.query_one("#prompt-problem", Static)
        shown = bool(trouble) and not self._area.edited
        if shown:
            said.update(Text(clean(trouble)))
        said.display = shown

    def _put(self, text: str, system: str, *, typed: bool = False) -> None:
        """Fill the two fields; what the user typed only where `typed`."""
        if typed or not self._area.edited:
            self._area.load_text(text)
            self.written_on = self._sample
        if typed or not self._system.edited:
            self._system.fill(system)

    def _fill(self, template: Template) -> tuple[str, str, str]:
        """(the user turn's text, the system turn's, what is wrong)."""
        if self._sample is None:
            return "", template.system, ""
        try:
            turns = template.render(self._sample)
        except WbError as error:
            return template.text, template.system, error.message
        return turns[-1].text, turns[0].text if template.system else "", ""

    def _show_name(self) -> None:
        button, other = self.query_one("#template", Button), self.of_another
        button.set_class(other is not None, "-other")
        button.tooltip = OTHER if other else None
        room = button.content_size.width
        button.label = prompt_name(self.template, self.edited, other, room)

    def on_resize(self) -> None:
        """Another width has room for another part of the name."""
        self.call_after_refresh(self._show_name)

    # -- events ----------------------------------------------------------------------------

    @on(TextArea.Changed)
    def _text_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._show_name()

    @on(Input.Changed, "#system")
    def _system_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show_name()

    @on(Input.Changed, "#shots")
    def _shots_changed(self, event: Input.Changed) -> None:
        event.stop()
        try:
            self._read_shots()
        except UsageError as error:
            event.input.add_class("-bad")
            self.say_shots(error.message, bad=True)
            return
        event.input.remove_class("-bad")
        self.post_message(self.ShotsChanged())

    @on(Knobs.Changed)
    def _knobs_changed(self, event: Knobs.Changed) -> None:
        if self.wish:  # another seed draws others
            self.post_message(self.ShotsChanged())

    def say_shots(self, *lines: str, bad: bool = False) -> None:
        """What stands under the field: the examples' UIDs, or what is wrong."""
        said = self.query_one("#shot-says", Static)
        said.set_class(bad, "-bad")
        said.display = any(lines)
        said.update(Text(clean("\n".join(lines))))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.AskPressed())

    @on(Button.Pressed, "#ask")
    def _ask(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.AskPressed())

    @on(Button.Pressed, "#template")
    def _choose(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.ChooseTemplate())

    def set_asking(self, asking: bool) -> None:
        """The button says what pressing it does."""
        button = self.query_one("#ask", Button)
        button.label = Text("Esc cancels" if asking else "Ask ⏎")
        button.variant = "warning" if asking else "primary"
