"""Two models, or one with two adapters, asked the same: both answers, what differs marked.

Guarantee: the left is asked first, since two models need not fit together; both stream, both are
on record. What differs is underlined and bold as well as coloured. Returns a `ComparisonResult`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from workbench.app.explore.answer import answer_facts
from workbench.app.explore.asked import answer_of, places_of_record
from workbench.app.explore.grid_asker import GridAsker, Heard
from workbench.app.explore.sweep import ComparisonResult
from workbench.app.lists.draw import SPINNER
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.image_view import ImageView
from workbench.app.widgets.places import ShownPlaces
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.app.app import WbApp
    from workbench.models.spec import ModelSpec
    from workbench.playground.question import Question
    from workbench.playground.sweep import Sweep
    from workbench.sample import Sample


class SideBySide(Screen[ComparisonResult]):
    """Left the model in use, right the other one."""

    HELP = (
        "The same prompt, asked of two models or with two adapters. What differs is underlined. "
        "← and → choose a side, Enter makes its answer the one in view."
    )
    HELP_TITLE = "Side by side"
    DEFAULT_CSS = """
    SideBySide { background: $background; }
    SideBySide .title { height: auto; max-height: 3; padding: 0 1; }
    SideBySide ImageView { width: 30%; margin: 0 1; }
    SideBySide #sides { layout: horizontal; width: 1fr; height: 1fr; }
    SideBySide .side {
        width: 1fr; height: 100%; padding: 0 1;
        border: round $panel; border-title-color: $text-muted;
    }
    SideBySide .side.-chosen { border: round $primary; border-title-color: $text-primary; }
    SideBySide.-narrow #sides { layout: vertical; }
    SideBySide.-narrow .side { width: 100%; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,u", "use", "Use", id="beside.use", tooltip="Make it the answer in view"),
        Binding("left,h,up,k", "side(0)", "Side", id="beside.left", key_display="←→"),
        Binding("right,l,down,j", "side(1)", "Right side", id="beside.right", show=False),
        Binding("a", "again", "Again", id="beside.again", tooltip="Ask both once more"),
        Binding("c", "copy", "Copy", id="beside.copy", tooltip="Copy both answers"),
        Binding("escape", "back", "Back", id="beside.back", key_display="Esc",
                tooltip="End the asking, keep what was said; again: leave"),
    ]  # fmt: skip

    def __init__(
        self,
        sample: Sample,
        words: str,
        specs: tuple[ModelSpec, ModelSpec],
        build: Callable[[ModelSpec], Question],
    ) -> None:
        """Begin.

        Args:
            sample: Whose images stand beside the answers.
            words: The user's turn, for the title.
            specs: Whom to ask.
            build: The question; called in a worker.
        """
        super().__init__()
        self.sample, self.words, self.specs, self._build = sample, words, specs, build
        self.chosen = ComparisonResult()
        self.side = 0
        self.asker: GridAsker | None = None
        self._turn = 0
        self._begin()

    def _begin(self) -> None:
        self.questions: list[Question | None] = [None, None]
        self.texts, self.problems = ["", ""], ["", ""]
        self.records: list[PromptRecord | None] = [None, None]

    def compose(self) -> ComposeResult:
        """What was asked, the two answers, what came of it."""
        yield Static("", id="asked", classes="title", markup=False)
        with Horizontal():
            yield ImageView(cast("WbApp", self.app).settings.images)
            with Container(id="sides"):
                for side in (0, 1):
                    with VerticalScroll(id=f"side-{side}", classes="side", can_focus=False):
                        yield Static("", id=f"text-{side}", markup=False)
        yield Static("", id="outcome", classes="title", markup=False)
        yield BenchFooter()

    def on_mount(self) -> None:
        """Ask at once: the key that led here said so."""
        self.asker = GridAsker(
            cast("WbApp", self.app), planned=self._planned, heard=self._heard, ended=self._ended
        )
        title = Text()
        title.append(clean(self.sample.uid, newlines=False), "bold")
        title.append("  " + clean(" ".join(self.words.split())), "dim")
        self.query_one("#asked", Static).update(title)
        self.query_one(ImageView).show(self.sample)
        self.set_interval(0.15, self._spin)
        self.action_again()

    def on_unmount(self) -> None:
        """Nobody waits for the answers any more."""
        if self.asker is not None:
            self.asker.cancel()

    @property
    def asking(self) -> bool:
        """Whether answers are on their way."""
        return self.asker is not None and self.asker.running

    # -- asking ----------------------------------------------------------------------------

    def action_again(self) -> None:
        """Ask both."""
        if self.asker is None or self.asking:
            return
        self._begin()
        self.asker.start(self._plan)
        self._draw()

    def _plan(self) -> Sweep:
        """In the lane: the two questions."""
        from workbench.playground.sweep import pair

        return pair([self._build(spec) for spec in self.specs])

    def _planned(self, sweep: Sweep) -> None:
        self.questions = [cell.question for cell in sweep.cells]

    def _heard(self, heard: Heard) -> None:
        from sessions.errors import WbError
        from sessions.records import PromptRecord
        from workbench.sample import Token

        for cell, event in heard:
            side = cell.number
            if isinstance(event, Token):
                self.texts[side] += event.text
            elif isinstance(event, PromptRecord):
                self.chosen.records.append(event)
                if event.error is None:
                    self.texts[side], self.records[side] = event.text, event
            elif isinstance(event, WbError):
                self.problems[side] = event.message
        self._draw()

    def _ended(self, failure: Exception | None) -> None:
        self._draw()
        if failure is not None:
            cast("WbApp", self.app).fail(failure, "the two were not asked")

    # -- drawing ---------------------------------------------------------------------------

    def _spin(self) -> None:
        if self.asking:
            self._turn += 1
            self._titles()

    def _titles(self) -> None:
        from workbench.models.names import spec_name

        for side, spec in enumerate(self.specs):
            record, title = self.records[side], clean(spec_name(spec), newlines=False)
            if record is not None:
                title += f" · {answer_facts(answer_of(record))}"
            elif self.asking and (side == 0 or self.records[0] or self.problems[0]):
                title = f"{SPINNER[self._turn % len(SPINNER)]} {title}"
            box = self.query_one(f"#side-{side}")
            box.border_title = Text(title).markup
            box.set_class(side == self.side, "-chosen")

    def _draw(self) -> None:
        if not self.is_running:
            return
        self._titles()
        for side, text in enumerate(self._marked()):
            if (places := self._places(side)) is not None and (below := places.caption()):
                text.append("\n")
                text.append_text(below)
            self.query_one(f"#text-{side}", Static).update(text)
        self.query_one("#outcome", Static).update(self._outcome())
        self._draw_places()

    def _places(self, side: int) -> ShownPlaces | None:
        """Where one answer and gold say that things are; `None` where it says nothing of places."""
        record = self.records[side]
        found = places_of_record(record, len(self.sample.images)) if record is not None else None
        return ShownPlaces(found, found.gold) if found is not None else None

    def _draw_places(self) -> None:
        """Over the picture those of the chosen side."""
        self.query_one(ImageView).show_places(self._places(self.side))

    def _marked(self) -> tuple[Text, Text]:
        """Both answers; what differs is marked once both are whole."""
        from workbench.playground.answer_diff import aligned, pieces_of_both

        palette = PALETTE
        first, second = self.records
        if first is None or second is None:
            shown = []
            for text, problem in zip(self.texts, self.problems, strict=True):
                shown.append(Text(clean(problem), palette.bad) if problem else Text(clean(text)))
            return shown[0], shown[1]
        mark = Style(bold=True, underline=True)
        left, right = Text(), Text()
        for same, before, after in aligned(*pieces_of_both(first, second)):
            left.append(clean(before), None if same else palette.accent + mark)
            right.append(clean(after), None if same else palette.second + mark)
        return left, right

    def _outcome(self) -> Text:
        """Where they part, how much differs, and what was read from each."""
        from workbench.playground.answer_diff import changed, pieces_of_both

        first, second = self.records
        if first is None or second is None:
            return Text("asking" if self.asking else "", "dim")
        line = Text()
        if first.text == second.text:
            line.append("= the same text", "bold")
        else:
            both = pieces_of_both(first, second)
            counts = changed(*both)
            at = _parting(*both)
            words = [side[at].strip() if at < len(side) else "the end" for side in both]
            line.append(f"≠ they part at {at + 1}: ", "bold")
            line.append(clean(f"‹{words[0]}› · ‹{words[1]}›", newlines=False))
            line.append(
                f"   {counts[0]} of {len(both[0])} and {counts[1]} of {len(both[1])} differ"
            )
        if first.label is not None or second.label is not None:
            reads = [clean(r.label or "unparsed", newlines=False) for r in (first, second)]
            line.append(f"\nread as {reads[0]} · {reads[1]}")
            line.append(" (the same)" if reads[0] == reads[1] else " (another label)")
            if first.target is not None:
                line.append(f", label {clean(first.target, newlines=False)}", "dim")
        return line

    # -- keys ------------------------------------------------------------------------------

    def action_side(self, side: int) -> None:
        """Choose a side."""
        self.side = side
        self._titles()
        self._draw_places()
        self.query_one(f"#side-{side}").scroll_visible(animate=False)

    def action_use(self) -> None:
        """Make the chosen side's answer the one in view."""
        if self.records[self.side] is None:
            self.notify("no answer on this side", timeout=2)
            return
        self.chosen.question = self.questions[self.side]
        self.chosen.record = self.records[self.side]
        self.dismiss(self.chosen)

    def action_copy(self) -> None:
        """Copy both answers."""
        from workbench.models.names import spec_name

        parts = [
            f"{spec_name(spec)}\n{problem or text}"
            for spec, text, problem in zip(self.specs, self.texts, self.problems, strict=True)
        ]
        cast("WbApp", self.app).copy_text("\n\n".join(parts), "answers")

    def action_back(self) -> None:
        """End the asking; where nothing is asked, leave."""
        if self.asker is not None and self.asker.cancel():
            self.notify("ending; the answers so far are kept", timeout=2)
        else:
            self.dismiss(self.chosen)


def _parting(first: list[str], second: list[str]) -> int:
    """The first place at which two lists differ."""
    for at, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return at
    return min(len(first), len(second))
