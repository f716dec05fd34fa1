"""Explore: samples, the image or pair with heat over it, the prompt and its answer.

Guarantee: the first frame shows the frame of the screen alone; the source is opened after it, by a
worker, and the prompt's widgets are mounted then too. Below 100 columns the screen folds into one
column; the list (l) and the prompt (p) slide over it.
The screen owns the widgets and the controllers, see `actions` for which of them does what a key
asks for. They tell one another by `messages`, which `tell` hands on. Not for what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import MountError

from workbench.app.explore import messages
from workbench.app.explore.actions import actions_of
from workbench.app.explore.asker import PromptAsker
from workbench.app.explore.bookmarks import Bookmarks
from workbench.app.explore.comparisons import Comparisons
from workbench.app.explore.controller import InView, Shared
from workbench.app.explore.details import Details
from workbench.app.explore.earlier import EarlierAnswers
from workbench.app.explore.heat import HeatOverlay
from workbench.app.explore.keys import KEYS
from workbench.app.explore.list_filter import ListFilter
from workbench.app.explore.navigation import Navigation
from workbench.app.explore.opening import SourceOpener
from workbench.app.explore.pickers import Pickers
from workbench.app.explore.place import PlaceLine
from workbench.app.explore.prompt_filling import PromptFiller
from workbench.app.explore.random_walk import RandomSamples
from workbench.app.explore.reading import SampleReader
from workbench.app.explore.run_beside import RunBeside
from workbench.app.explore.sample_list import SampleList
from workbench.app.explore.saved_state import ExploreState, decoding_of, look_of, restored
from workbench.app.explore.shell_commands import ShellCommands
from workbench.app.explore.widgets import ExploreWidgets
from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.header import BenchHeader
from workbench.app.widgets.image_view import ImageView
from workbench.app.widgets.steady import SteadyText
from workbench.text import clean

if TYPE_CHECKING:
    from textual.widgets import Input

    from workbench.app.app import WbApp
    from workbench.app.explore.answer import AnswerPanel
    from workbench.app.explore.prompt_panel import PromptPanel
    from workbench.data.source import Source
    from workbench.prompts.template import Template
    from workbench.sample import Sample


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

    def __init__(self) -> None:
        super().__init__()
        self.bench = cast("WbApp", self.app)
        self.view, self.widgets = InView(), ExploreWidgets(self)
        self.state = restored(ExploreState, self.bench.state.place("explore"))
        shared = Shared(self.bench, self.widgets, self.view, self.state, self.tell)
        self.opener = SourceOpener(shared)
        self.reader = SampleReader(shared)
        self.filter = ListFilter(shared)
        self.place = PlaceLine(shared)
        self.navigation = Navigation(shared)
        self.random = RandomSamples(shared)
        self.bookmarks = Bookmarks(shared)
        self.run = RunBeside(shared)
        self.pickers = Pickers(shared)
        self.filler = PromptFiller(shared)
        self.asker = PromptAsker(shared)
        self.earlier = EarlierAnswers(shared)
        self.heat = HeatOverlay(shared)
        self.details = Details(shared)
        self.comparisons = Comparisons(shared)
        self.commands = ShellCommands(shared)
        self._first = True  # no source was open yet
        self._wanted: tuple[str, str | None] | None = None  # a UID and a run, before all is built
        for name, do in actions_of(self).items():
            setattr(self, f"action_{name}", do)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`l` has a meaning only where the list is folded away; so has its place in the footer."""
        return self.widgets.list_is_folded if action == "list" else True

    # -- start and end ---------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The frame; texts, prompt and answer come after the first frame."""
        yield BenchHeader()
        with Horizontal(id="body"):
            with Vertical(id="side") as side:
                side.border_title = "Samples"
                yield SampleList(id="samples")
                yield SteadyText("", id="counts", markup=False)
            with Vertical(id="middle"):
                yield ImageView(self.bench.settings.images, id="image")
            yield Vertical(id="right")
        yield BenchFooter()

    def on_mount(self) -> None:
        """Restore what was open; all of it waits for the first frame."""
        # By the app: it draws nothing before its own start is over, and the screen's own queue
        # would have the first frame wait for all of this.
        self.app.call_after_refresh(self._build)

    async def _build(self) -> None:
        """After the first frame: the other widgets, then the dataset."""
        try:
            await self._build_rest()
        except (MountError, NoMatches):
            if self.app.is_running and not self.app._exit:
                raise
            # The bench was left while it was still being built: there is nothing to mount on.

    async def _build_rest(self) -> None:
        from textual.widgets import Input

        from workbench.app.explore.answer import AnswerPanel
        from workbench.app.explore.heat_bar import HeatBar
        from workbench.app.explore.history import History
        from workbench.app.explore.prompt_panel import PromptPanel
        from workbench.app.explore.texts import SampleTexts

        settings, state = self.bench.settings, self.state
        filter_field = Input(id="filter", placeholder="/ filter…", compact=True)
        await self.query_one("#side").mount(filter_field, before=0)
        await self.query_one("#middle").mount(HeatBar(), SampleTexts())
        prompt = PromptPanel(decoding_of(state.knobs, settings), id="prompt")
        prompt.border_title = "Prompt"
        answer = AnswerPanel(id="answer")
        await self.query_one("#right").mount(prompt, answer)
        await answer.mount(History())
        jump = Input(
            id="jump",
            placeholder="dataset/split/id, or a row number",
            compact=True,
            select_on_focus=False,
        )
        await self.mount(jump)
        self.view.built = True
        answer.clear("Enter asks")
        self.widgets.image.look = look_of(state.look, settings)
        if not self.bench.state.hints_dismissed:
            await self._show_hints()
        self.bench.tasks.run("engine", lambda token: self.bench.engine().look())
        if self._wanted is not None:
            self.opener.open_uid(*self._wanted)
        else:
            spec = state.dataset or f"{settings.dataset}/{settings.split}"
            self.opener.open(spec, ordinal=state.ordinal)

    def open_uid(self, uid: str, run_id: str | None = None) -> None:
        """Stand on a UID, wherever it is; `run_id` chooses whose predictions are shown."""
        if self.view.built:
            self.opener.open_uid(uid, run_id)
        else:
            self._wanted = uid, run_id

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
            self.bookmarks.load()
            if not self.opener.wanted_run:
                self.run.load(self.view.run.run_id or None)

    def on_resize(self) -> None:
        """Where the list folds away, the header says where one is."""
        self.call_after_refresh(self.place.show)

    # -- what the controllers tell ---------------------------------------------------------

    def tell(self, message: messages.ExploreMessage) -> None:
        """Hand a message on to those whom it concerns."""
        match message:
            case messages.SourceWanted(spec):
                self.opener.open(spec)
            case messages.UidWanted(uid):
                self.opener.open_uid(uid)
            case messages.OrdinalWanted(ordinal):
                self._stand_on(ordinal)
            case messages.RunWanted(run_id):
                self.run.load(run_id)
            case messages.TemplateWanted(template):
                self.use_template(template)
            case messages.SourceOpened(source, at, run_id):
                self._source_opened(source, at, run_id)
            case messages.SampleShown(sample):
                self._sample_shown(sample)
            case messages.PlaceChanged():
                self.place.show()
            case messages.BesideChanged():
                self.widgets.samples.run = self.view.run
                self.widgets.samples.refresh()
                self._show_texts()
                self.place.show()
            case messages.ModelChanged(before):
                self.filler.refill(before)
            case messages.AnswerBegan(asked):
                if asked:
                    self.earlier.recalled = -1
                if self.view.heat:
                    self.heat.take_off()
            case messages.AnswerReady():
                self.heat.answer_ready()
            case messages.AnswerMissing():
                self.heat.cancel()
            case messages.Recorded(records):
                self.earlier.take(records)

    def _source_opened(self, source: Source, at: int, run_id: str | None) -> None:
        samples, state = self.widgets.samples, self.state
        name = f"{source.dataset}/{source.split}"
        self.reader.forget()
        self.filter.write()
        samples.tags = self.bookmarks.tags_of
        samples.reset(source.length, source.labels)
        samples.run = self.view.run
        if source.length == 0:
            self.reader.show_nothing(f"{name} has no samples · d opens another dataset")
        else:
            samples.go_to(at)
            self.bookmarks.load()
            self.run.load(run_id)
        self.place.show()
        wanted, self._first = state.filter if self._first and state.dataset == name else "", False
        if wanted:  # the filter of last time comes back with its dataset
            self.filter.write(wanted)
            self.filter.narrow(wanted, keep=at)

    def _stand_on(self, ordinal: int) -> None:
        """Put the cursor on an ordinal; a filter that hides it is taken off."""
        if not self.widgets.samples.go_to(ordinal):
            self.filter.write()
            self.filter.narrow("")
            self.widgets.samples.go_to(ordinal)

    def _sample_shown(self, sample: Sample) -> None:
        """The middle's title, the prompt, the answer and its heat follow."""
        self._show_texts()
        # A `Text`, since a title that is a string is read as markup.
        self.query_one("#middle").border_title = Text(clean(sample.uid, newlines=False))
        if self.view.built:
            self.heat.forget()
            self.view.asked = None
            self.widgets.answer.clear("Enter asks")
            self.filler.fill(sample)
            self.earlier.follow(sample.uid)

    def _show_texts(self) -> None:
        view = self.view
        if view.sample is not None and view.built:
            mark = view.bookmarks.get(view.sample.uid)
            self.widgets.texts.show(view.sample, view.run, (mark.tags, mark.note) if mark else None)

    def use_template(self, template: Template | None) -> None:
        """Take a template; free text is the user's to write, so the cursor goes where it is."""
        self.filler.use(template)
        if template is None:
            self.navigation.to_prompt()

    # -- keys that concern several ---------------------------------------------------------

    def ask(self) -> None:
        """Ask about the sample under the cursor, and show where the answer will be."""
        self.navigation.show_answer()
        if self.view.asking is None:
            self.reader.once_shown(self.asker.ask)

    def back(self) -> None:
        """One step back: the first that there is."""
        steps = (
            self.navigation.leave_jump,
            self.asker.cancel,
            self.heat.cancel_wait,
            self.navigation.slide_out,
            self.navigation.leave_field,
            self.navigation.leave_zoom,
            self.heat.cancel,
            self.filter.drop,
        )
        if self.view.built:
            any(step() for step in steps)

    # -- what the widgets tell -------------------------------------------------------------

    @on(SampleList.RowsNeeded)
    def _rows_needed(self, event: SampleList.RowsNeeded) -> None:
        event.stop()
        self.reader.read_page(event.start, event.count)

    @on(SampleList.MatchesNeeded)
    def _matches_needed(self, event: SampleList.MatchesNeeded) -> None:
        event.stop()
        self.filter.read_on()

    @on(SampleList.SampleHighlighted)
    def _cursor_moved(self, event: SampleList.SampleHighlighted) -> None:
        event.stop()
        self.reader.read_sample(event.ordinal)

    @on(SampleList.SampleSelected)
    def _sample_chosen(self, event: SampleList.SampleSelected) -> None:
        """A double click on a sample: where the list slid over, it slides away."""
        event.stop()
        self.remove_class("-list")

    def on_input_changed(self, event: Input.Changed) -> None:
        """The list follows the filter as one types."""
        event.stop()
        if event.input.id == "filter":
            self.filter.narrow(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A UID was typed, or the filter is as it should be."""
        event.stop()
        if event.input.id == "jump":
            self.navigation.jump(event.value)
        else:
            self.widgets.samples.focus()

    def on_prompt_panel_ask_pressed(self, event: PromptPanel.AskPressed) -> None:
        """The button, or Enter in a field."""
        event.stop()
        self.ask()

    def on_prompt_panel_choose_template(self, event: PromptPanel.ChooseTemplate) -> None:
        """The button of the template."""
        event.stop()
        self.pickers.template()

    def on_prompt_panel_shots_changed(self, event: PromptPanel.ShotsChanged) -> None:
        """Another wish, another seed, or a template in the place of free text."""
        event.stop()
        self.filler.examples.show()

    def on_answer_panel_cursor_moved(self, event: AnswerPanel.CursorMoved) -> None:
        """The heat follows the cursor."""
        event.stop()
        self.heat.follow()

    # -- the palette -----------------------------------------------------------------------

    def palette_actions(self) -> Iterable[tuple[str, str, Callable[[], Any]]]:
        """What the palette offers here beside the keys."""
        yield "Clear the filter", "", lambda: self.widgets.filter.clear()
        yield "Reset the decoding settings", "", self._reset_knobs
        yield "Export the bookmarks as JSON lines", "", self.bookmarks.export
        yield "Import bookmarks", "JSON lines, or a UID to a line", self.bookmarks.import_
        yield "Show the hints again", "", self._show_hints

    def _reset_knobs(self) -> None:
        from workbench.inference.decoding import Decoding

        if self.view.built:
            self.widgets.panel.knobs.set_decoding(Decoding())

    async def _show_hints(self) -> None:
        from workbench.app.widgets.hints import Hints

        self.bench.state.hints_dismissed = False
        if not self.query(Hints):
            await self.mount(Hints(), after=self.query_one(BenchHeader))
