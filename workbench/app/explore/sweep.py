"""The grid: one prompt about one sample in many ways, all answers on one screen.

Guarantee: nothing is asked before Enter; answers fill in as they stream, and each is on record
under the sweep's id, as those of `wb prompt` with several values are. Esc ends what is under way
and keeps what was said; once more it leaves. Returns a `ComparisonResult`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widgets import Input, Static

from workbench.app.explore.agreement import agreement
from workbench.app.explore.answer_grid import AnswerGrid, AnswerTile
from workbench.app.explore.grid_asker import GridAsker, Heard
from workbench.app.explore.grid_models import look_at_models
from workbench.app.explore.sweep_axes import Typed
from workbench.app.explore.sweep_form import SweepForm, WholeAnswer
from workbench.app.lists.draw import SPINNER
from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.image_view import ImageView
from workbench.text import clean

if TYPE_CHECKING:
    from sessions.records import PromptRecord
    from workbench.app.app import WbApp
    from workbench.playground.question import Question
    from workbench.playground.sweep import Sweep
    from workbench.sample import Sample


_ROOMY = 32  # lines at which form and answers stand together


@dataclass(frozen=True)
class SweepPrompt:
    """What the grid is about.

    Attributes:
        sample: Whose images stand beside the answers.
        words: The user's turn as it stands, for the title.
        build: The question of a cell, from the values of all fields; called in a worker.
        argv: The `wb prompt` line of a form.
    """

    sample: Sample
    words: str
    build: Callable[[dict[str, Any]], Question]
    argv: Callable[[Typed], list[str]]


@dataclass
class ComparisonResult:
    """What a grid leaves behind.

    Attributes:
        fields: The form as it was left.
        records: All answers that were given.
        question: Of the answer that is to be the one in view, where one was chosen.
        record: That answer.
    """

    fields: dict[str, str] = field(default_factory=dict)
    records: list[PromptRecord] = field(default_factory=list)
    question: Question | None = None
    record: PromptRecord | None = None


class SweepScreen(Screen[ComparisonResult]):
    """The form over the grid."""

    HELP = (
        "One prompt in many ways. A field with several values by commas is an axis; Enter asks "
        "all combinations. Space marks in the others what differs from the answer under the "
        "cursor."
    )
    HELP_TITLE = "Grid"
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [
        (0, "-short"),
        (_ROOMY, "-tall"),
    ]
    DEFAULT_CSS = """
    SweepScreen { background: $background; }
    SweepScreen #sweep-title { height: 1; padding: 0 1; }
    SweepScreen.-folded SweepForm { display: none; }
    SweepScreen #sweep-body { layout: horizontal; height: 1fr; }
    SweepScreen ImageView { width: 30%; margin: 0 1; }
    /* Narrow: above form and answers where there is height, else above the answers alone. */
    SweepScreen.-narrow #sweep-body { layout: vertical; }
    SweepScreen.-narrow ImageView { width: 100%; height: 12; margin: 0; }
    SweepScreen.-narrow.-short ImageView { display: none; }
    SweepScreen.-narrow.-short.-folded ImageView { display: block; height: 7; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Ask / open", id="sweep.open"),
        Binding("f5,ctrl+enter,ctrl+j", "ask", "Ask", id="sweep.ask", key_display="F5"),
        Binding("u", "use", "Use", id="sweep.use", tooltip="Make it the answer in view"),
        Binding("f", "form", "Form", id="sweep.form", tooltip="To the form"),
        Binding("y", "copy", "Copy", id="sweep.copy", tooltip="Copy the wb … command"),
        Binding("escape", "back", "Back", id="sweep.back", key_display="Esc",
                tooltip="End the asking, keep what was said; again: leave"),
    ]  # fmt: skip

    def __init__(self, prompt: SweepPrompt, fields: dict[str, str]) -> None:
        super().__init__()
        self.prompt = prompt
        self.chosen = ComparisonResult(fields)
        self.asker: GridAsker | None = None
        self.sweep_id = ""
        self._tiles: dict[int, AnswerTile] = {}
        self._turn = 0

    def compose(self) -> ComposeResult:
        """Title, form, grid, keys."""
        yield Static("", id="sweep-title", markup=False)
        with Container(id="sweep-body"):
            yield ImageView(cast("WbApp", self.app).settings.images)
            with Vertical():
                yield SweepForm(self.chosen.fields, self.prompt.sample)
                yield AnswerGrid(id="answers")
        yield BenchFooter()

    def on_mount(self) -> None:
        """The signs move while something is asked."""
        self.asker = GridAsker(
            cast("WbApp", self.app), planned=self._planned, heard=self._heard, ended=self._ended
        )
        self.query_one(ImageView).show(self.prompt.sample)
        self.set_interval(0.15, self._spin)
        self._title()

    def on_unmount(self) -> None:
        """Nobody waits for the answers any more."""
        if self.asker is not None:
            self.asker.cancel()

    @property
    def form(self) -> SweepForm:
        """The form."""
        return self.query_one(SweepForm)

    @property
    def grid(self) -> AnswerGrid:
        """The answers."""
        return self.query_one(AnswerGrid)

    @property
    def asking(self) -> bool:
        """Whether answers are on their way."""
        return self.asker is not None and self.asker.running

    # -- asking ----------------------------------------------------------------------------

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_ask()

    def action_ask(self) -> None:
        """Ask what the form says; refused while it is wrong or another grid is under way."""
        form = self.form
        form.judge()
        if self.asking or self.asker is None:
            self.notify("still asking: Esc ends it", timeout=2)
            return
        if form.problems:
            self.notify(form.problems[0], severity="warning", markup=False)
            return
        if form.stood:
            self._ask()
        else:
            look_at_models(cast("WbApp", self.app), form, then=self._ask)

    @on(SweepForm.ModelsNamed)
    def _models_named(self, event: SweepForm.ModelsNamed) -> None:
        event.stop()
        look_at_models(cast("WbApp", self.app), self.form, wait_s=0.4)

    def _ask(self) -> None:
        typed = self.form.typed
        if self.asking or self.asker is None:
            return

        def make() -> Sweep:
            from workbench.playground.sweep import plan

            return plan(typed.axes, lambda cell: self.prompt.build(typed.values(cell)))

        self.asker.start(make)
        # Where there is no room for both the form yields to the answers.
        self.set_class(self.size.height < _ROOMY, "-folded")
        self.grid.focus()
        self._title()

    def _planned(self, sweep: Sweep) -> None:
        if not self.is_running:
            return
        self.sweep_id = sweep.id
        self._tiles = {cell.number: AnswerTile(cell.values, cell.question) for cell in sweep.cells}
        axes = list(sweep.axes.values())
        self.grid.show(list(self._tiles.values()), len(axes[-1]) if len(axes) > 1 else 0)
        self._title()

    def _heard(self, heard: Heard) -> None:
        from sessions.errors import WbError
        from sessions.records import PromptRecord
        from workbench.sample import Token

        for cell, event in heard:
            tile = self._tiles.get(cell.number)
            if isinstance(event, PromptRecord):
                self.chosen.records.append(event)
            if tile is None:
                continue
            if isinstance(event, Token):
                tile.text += event.text
                tile.tokens += 1
            elif isinstance(event, PromptRecord) and event.error is None:
                tile.text, tile.record = event.text, event
                tile.tokens = len(event.tokens)
            elif isinstance(event, WbError):
                tile.problem = event.message
        if self.is_running:
            self.grid.refresh()
            self._title()

    def _ended(self, failure: Exception | None) -> None:
        if self.is_running:
            self.grid.refresh()
            self._title()
        if failure is not None:
            cast("WbApp", self.app).fail(failure, "the grid was not asked")

    # -- the title -------------------------------------------------------------------------

    def _spin(self) -> None:
        if self.asking:
            self._turn += 1
            self.grid.turn()
            self._title()

    def _title(self) -> None:
        tiles = list(self._tiles.values())
        done = sum(tile.state in ("done", "failed") for tile in tiles)
        line = Text(no_wrap=True, overflow="ellipsis")
        if self.asking:
            line.append(f"{SPINNER[self._turn % len(SPINNER)]} ", "bold")
        line.append(f"{clean(self.prompt.sample.uid, newlines=False)}  ", "bold")
        if tiles:
            failed = sum(tile.state == "failed" for tile in tiles)
            said = agreement([tile.text for tile in tiles if tile.state == "done"])
            line.append(f"{done} of {len(tiles)}" + (f" · {said}" if said else ""))
            line.append(f" · {failed} failed  " if failed else "  ")
        line.append(clean(" ".join(self.prompt.words.split())), "dim")
        self.query_one("#sweep-title", Static).update(line)

    # -- keys ------------------------------------------------------------------------------

    def action_open(self) -> None:
        """The answer under the cursor in full."""
        tile = self.grid.tile
        if tile is None:
            self.action_ask()
            return

        def closed(use: bool | None) -> None:
            if use:
                self._use(tile)

        self.app.push_screen(WholeAnswer(tile), closed)

    @on(AnswerGrid.TileSelected)
    def _opened(self, event: AnswerGrid.TileSelected) -> None:
        event.stop()
        self.action_open()

    def action_use(self) -> None:
        """Make the answer under the cursor the one in view."""
        tile = self.grid.tile
        if tile is not None and tile.record is not None and not tile.problem:
            self._use(tile)

    def _use(self, tile: AnswerTile) -> None:
        self.chosen.question, self.chosen.record = tile.question, tile.record
        self._leave()

    @on(AnswerGrid.Left)
    def _left(self, event: AnswerGrid.Left) -> None:
        event.stop()
        self.action_form()

    def action_form(self) -> None:
        """Back to the form."""
        self.remove_class("-folded")
        self.query_one("#sweep-temperature", Input).focus()

    def action_copy(self) -> None:
        """Copy the command that asks the same."""
        if self.form.typed.problems:
            return
        from workbench.app.copy_command import line

        cast("WbApp", self.app).copy_text(line(self.prompt.argv(self.form.typed)), "command")

    def action_back(self) -> None:
        """End the asking; where nothing is asked, leave."""
        if self.asker is not None and self.asker.cancel():
            self.notify("ending; the answers so far are kept", timeout=2)
        else:
            self._leave()

    def _leave(self) -> None:
        self.chosen.fields = dict(self.form.values)
        self.dismiss(self.chosen)
