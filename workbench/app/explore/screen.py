"""Explore: samples, the image or pair with heat over it, the prompt and its answer.

Guarantee: the first frame shows the frame of the screen alone; the source is opened after it, by a
worker, and the prompt's widgets are mounted then too. Below 100 columns the screen folds into one
column; the list (l) and the prompt (p) slide over it.
Not for what a key does: see `keys`, `actions` and `controllers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import MountError

from workbench.app.explore.actions import actions_of
from workbench.app.explore.controller import InView
from workbench.app.explore.controllers import Controllers
from workbench.app.explore.keys import KEYS, TASKS
from workbench.app.explore.sample_list import SampleList
from workbench.app.explore.saved_state import ExploreState, decoding_of, look_of, restored
from workbench.app.explore.side import SidePanel
from workbench.app.explore.widgets import ExploreWidgets
from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.header import BenchHeader
from workbench.app.widgets.image_view import ImageView
from workbench.app.widgets.key_table import Tasks
from workbench.app.widgets.sparing import draw_sparingly
from workbench.app.widgets.steady import SteadyText, TitledPanel

if TYPE_CHECKING:
    from textual.widgets import Input

    from workbench.app.app import WbApp
    from workbench.app.explore.answer import AnswerPanel
    from workbench.app.explore.prompt_panel import PromptPanel
    from workbench.prompts.template import Template


class ExploreScreen(Screen[None]):
    """The main place."""

    HELP = (
        "Samples on the left, the image in the middle, the prompt and its answer on the right.\n"
        "Filter words: any text, is:wrong is:right is:failed is:unparsed is:starred is:broken, "
        "label:X said:X tag:X."
    )
    CSS_PATH = str(Path(__file__).with_name("explore.tcss"))
    AUTO_FOCUS = "SampleList"
    BINDINGS: ClassVar[list[BindingType]] = KEYS
    TASKS: ClassVar[Tasks] = TASKS

    def __init__(self) -> None:
        super().__init__()
        draw_sparingly(self)
        self.bench = cast("WbApp", self.app)
        self.view, self.widgets = InView(), ExploreWidgets(self)
        self.state = restored(ExploreState, self.bench.state.place("explore"))
        self.controllers = Controllers(self.bench, self.widgets, self.view, self.state)
        self._wanted: tuple[str, str | None] | None = None  # a UID and a run, before all is built
        for name, do in actions_of(self.controllers).items():
            setattr(self, f"action_{name}", do)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`l` has a meaning only where the list is folded away, its width only where it is not."""
        return not self.why_not(action)

    def why_not(self, action: str) -> str:
        """Why a key does nothing now, in a line; empty where it does something."""
        folded = self.widgets.list_is_folded
        if action == "list" and not folded:
            return "the list is in sight: < and > make it narrower and wider"
        if action == "list_width" and folded:
            return "the list slides over the image here, as wide as that: l shows it"
        return ""

    # -- start and end ---------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The frame; texts, prompt and answer come after the first frame."""
        yield BenchHeader()
        with Horizontal(id="body"):
            with SidePanel(id="side") as side:
                side.show_order("")
                yield SampleList(id="samples")
                yield SteadyText("", id="counts", markup=False)
            with TitledPanel(id="middle"):
                yield ImageView(self.bench.settings.images, id="image")
            yield Vertical(id="right")
        yield BenchFooter()

    def on_mount(self) -> None:
        """Restore what was open; all of it waits for the first frame."""
        # By the app: it draws nothing before its own start is over, and the screen's own queue
        # would have the first frame wait for all of this.
        self.app.call_after_refresh(self._build)
        self.watch(self, "maximized", self.on_resize, init=False)

    async def _build(self) -> None:
        """After the first frame: the other widgets, then the dataset."""
        try:
            await self._build_rest()
        except (MountError, NoMatches):
            if not self.bench.is_ending:
                raise
            # The bench was left while it was still being built: there is nothing to mount on.

    async def _build_rest(self) -> None:
        from workbench.app.explore.answer import AnswerPanel
        from workbench.app.explore.filter_field import FilterField
        from workbench.app.explore.heat_bar import HeatBar
        from workbench.app.explore.history import History
        from workbench.app.explore.jump_bar import JumpBar
        from workbench.app.explore.prompt_panel import PromptPanel
        from workbench.app.explore.texts import SampleTexts

        settings, state = self.bench.settings, self.state
        filter_field = FilterField(id="filter", placeholder="/ filter…", compact=True)
        await self.query_one("#side").mount(filter_field, before=0)
        await self.query_one("#middle").mount(HeatBar(), SampleTexts())
        prompt = PromptPanel(decoding_of(state.knobs, settings), id="prompt")
        prompt.border_title = "Prompt"
        answer = AnswerPanel(id="answer")
        await self.query_one("#right").mount(prompt, answer)
        await answer.mount(History())
        await self.mount(JumpBar(id="jump"))
        self.view.built = True
        answer.clear("Enter asks")
        self.widgets.image.look = look_of(state.look, settings)
        if not self.bench.state.hints_dismissed:
            await self._show_hints()
        self.bench.tasks.run("engine", lambda token: self.bench.engine().look())
        if self._wanted is not None:
            self.controllers.opener.open_uid(*self._wanted)
        else:
            spec = state.dataset or f"{settings.dataset}/{settings.split}"
            self.controllers.opener.open(spec, ordinal=state.ordinal)

    def open_uid(self, uid: str, run_id: str | None = None) -> None:
        """Stand on a UID, wherever it is; `run_id` chooses whose predictions are shown."""
        if self.view.built:
            self.controllers.opener.open_uid(uid, run_id)
        else:
            self._wanted = uid, run_id

    def open_split(self, spec: str) -> None:
        """Open a split, or a part of one."""
        if self.view.built:
            self.controllers.opener.open(spec)

    def go_to(self, typed: str) -> None:
        """Go to a row or a UID, as it is typed after `:`."""
        if self.view.built:
            self.controllers.navigation.jump(typed)

    def ask_by(self, template: Template) -> None:
        """Ask by another template."""
        if self.view.built:
            self.controllers.use_template(template)

    def remember(self) -> None:
        """Fill this place's part of the state before it is saved."""
        state, source = self.state, self.view.source
        if source is not None:
            state.dataset = f"{source.dataset}/{source.split}"
            state.ordinal, state.filter = self.view.ordinal or 0, self.view.filter.text
        if self.view.built:
            state.knobs = self.widgets.panel.knobs.decoding.to_json()
            state.look = asdict(self.widgets.image.look)
        self.bench.state.place("explore").update(asdict(state))

    def on_screen_resume(self) -> None:
        """Back from another place: a run may have been made, bookmarks changed by a command."""
        if self.view.browser is not None:
            self.controllers.bookmarks.load()
            if not self.controllers.opener.wanted_run:
                self.controllers.run.load(self.view.run.run_id or None)

    def on_resize(self) -> None:
        """Where the list folds away, the header says where one is."""
        self.controllers.list_width.apply()
        self.call_after_refresh(self.controllers.place.show)

    def on_descendant_focus(self) -> None:
        """Keys go to what is seen."""
        self.controllers.navigation.keep_focus_in_sight()

    # -- what the widgets tell -------------------------------------------------------------

    @on(SampleList.RowsNeeded)
    def _rows_needed(self, event: SampleList.RowsNeeded) -> None:
        event.stop()
        self.controllers.reader.read_page(event.start, event.count)

    @on(SampleList.MatchesNeeded)
    def _matches_needed(self, event: SampleList.MatchesNeeded) -> None:
        event.stop()
        self.controllers.filter.read_on()

    @on(SampleList.SampleHighlighted)
    def _cursor_moved(self, event: SampleList.SampleHighlighted) -> None:
        event.stop()
        self.controllers.reader.read_sample(event.ordinal)

    @on(SampleList.SampleSelected)
    def _sample_chosen(self, event: SampleList.SampleSelected) -> None:
        """A double click on a sample: where the list slid over, it slides away."""
        event.stop()
        self.remove_class("-list")

    @on(SidePanel.Dragged)
    def _edge_dragged(self, event: SidePanel.Dragged) -> None:
        event.stop()
        self.controllers.list_width.to(event.width)

    def on_input_changed(self, event: Input.Changed) -> None:
        """The list follows the filter as one types."""
        event.stop()
        if event.input.id == "filter":
            self.controllers.filter.narrow(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A UID was typed, or the filter is as it should be."""
        event.stop()
        if event.input.id == "jump-field":
            self.controllers.navigation.jump(event.value)
        else:
            self.widgets.samples.focus()

    def on_prompt_panel_ask_pressed(self, event: PromptPanel.AskPressed) -> None:
        """The button, or Enter in a field."""
        event.stop()
        self.controllers.ask()

    def on_prompt_panel_choose_template(self, event: PromptPanel.ChooseTemplate) -> None:
        """The button of the template."""
        event.stop()
        self.controllers.pickers.template()

    def on_prompt_panel_shots_changed(self, event: PromptPanel.ShotsChanged) -> None:
        """Another wish, another seed, or a template in the place of free text."""
        event.stop()
        self.controllers.filler.examples.show()

    def on_answer_panel_cursor_moved(self, event: AnswerPanel.CursorMoved) -> None:
        """The heat follows the cursor."""
        event.stop()
        self.controllers.heat.follow()

    # -- the palette -----------------------------------------------------------------------

    def palette_actions(self) -> Iterable[tuple[str, str, Callable[[], Any]]]:
        """What the palette offers here beside the keys."""
        yield "Clear the filter", "", lambda: self.widgets.filter.clear()
        yield "Reset the decoding settings", "", self._reset_knobs
        yield "Export the bookmarks as JSON lines", "", self.controllers.bookmarks.export
        yield (
            "Import bookmarks",
            "JSON lines, or a UID to a line",
            self.controllers.bookmarks.import_,
        )
        yield "Show the hints again", "", self._show_hints
        yield from self.controllers.commands.offers()

    def _reset_knobs(self) -> None:
        from workbench.inference.decoding import Decoding

        if self.view.built:
            self.widgets.panel.knobs.set_decoding(Decoding())

    async def _show_hints(self) -> None:
        from workbench.app.widgets.hints import Hints

        self.bench.state.hints_dismissed = False
        if not self.query(Hints):
            await self.mount(Hints(), after=self.query_one(BenchHeader))
