"""Explore: samples, the image or pair with heat over it, the prompt and its answer.

Guarantee: the first frame shows the frame of the screen alone; the source is opened after it, by a
worker, and the prompt's widgets are mounted then too. Below 100 columns the screen folds into one
column; the list (l) and the prompt (p) slide over it.
Not for: what the parts do; see `reading`, `asker`, `heat` and `pickers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.widget import MountError

from workbench.app.explore.keys import KEYS
from workbench.app.explore.navigation import Navigation
from workbench.app.explore.place import Place
from workbench.app.explore.sample_list import SampleList
from workbench.app.explore.saved_state import decoding_of, look_of
from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.header import BenchHeader
from workbench.app.widgets.image_view import ImageView
from workbench.app.widgets.steady import SteadyText
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.explore.browser import Browser
    from workbench.sample import Sample


class ExploreScreen(Navigation):
    """The main place."""

    HELP = (
        "Samples on the left, the image in the middle, the prompt and its answer on the right.\n"
        "Filter words: any text, is:wrong is:right is:failed is:unparsed is:starred is:broken, "
        "label:X said:X tag:X."
    )
    CSS_PATH = str(Path(__file__).with_name("explore.tcss"))
    AUTO_FOCUS = "SampleList"
    BINDINGS: ClassVar[list[BindingType]] = KEYS

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
        from workbench.app.explore.texts import Texts

        state = self.state
        decoding = decoding_of(state.knobs, self.bench.settings)
        filter_field = Input(id="filter", placeholder="/ filter…", compact=True)
        await self.query_one("#side").mount(filter_field, before=0)
        await self.query_one("#middle").mount(HeatBar(), Texts())
        prompt = PromptPanel(decoding, id="prompt")
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
        self._built = True
        answer.clear("Enter asks")
        self.image.look = look_of(state.look, self.bench.settings)
        if not self.bench.state.hints_dismissed:
            await self._show_hints()
        settings = self.bench.settings
        spec = state.dataset or f"{settings.dataset}/{settings.split}"
        self.bench.tasks.run("engine", lambda token: self.bench.engine().look())
        if self._wanted_uid is not None:
            uid, run_id = self._wanted_uid
            self.open_uid(uid, run_id)
        else:
            self.open_dataset(spec, ordinal=state.ordinal)

    def _opened(self, source: Any, at: int) -> None:
        """A source is open; the filter of last time comes back with its dataset."""
        first = self.browser is None
        super()._opened(source, at)
        self._show_counts()
        wanted = self.state.filter
        if first and wanted and self.state.dataset == f"{source.dataset}/{source.split}":
            self._clear_filter_field(wanted)
            self.set_filter(wanted, keep=at)

    def remember(self) -> None:
        """Fill this place's part of the state before it is saved."""
        state = self.state
        if self.browser is not None:
            source = self.browser.source
            state.dataset = f"{source.dataset}/{source.split}"
            state.ordinal, state.filter = self.ordinal or 0, self.filter.text
        if self.built:
            state.knobs = self.panel.knobs.decoding.to_json()
            state.look = asdict(self.image.look)
        self.bench.state.place("explore").update(asdict(state))

    def on_screen_resume(self) -> None:
        """Back from another place: a run may have been made, bookmarks changed by a command."""
        if self.browser is not None:
            self._load_bookmarks()
            if not self._wanted_run:
                self.load_run(self.run_view.run_id or None)

    # -- following the sample --------------------------------------------------------------

    def sample_changed(self, sample: Sample) -> None:
        """The middle's title, the prompt, the answer and its heat follow."""
        # A `Text`, since a title that is a string is read as markup.
        self.query_one("#middle").border_title = Text(clean(sample.uid, newlines=False))
        if not self.built:
            return
        self.heat, self.heat_on = None, False
        self.bench.tasks.cancel("heat")
        self.image.wait()
        self.heat_bar.show(None, self.image.look)
        self.asked, self._recalled, self.earlier = None, -1, []
        self.answer.clear("Enter asks")
        self.history.show([])
        self.fill_prompt(sample)
        self.load_history(sample.uid)

    def _show_counts(self) -> None:
        if self.browser is None:
            return
        place, source = self._place(self.browser), self.browser.source
        length = "endless" if source.length is None else f"{source.length:,}"
        whole = f"{source.dataset}/{source.split} · {length}"
        folded = self.list_is_folded and self.ordinal is not None
        self.query_one(BenchHeader).subject = place.header() if folded else whole
        line = place.problem or f"{len(self.bookmarks)} ★ · {place.foot()}"
        if self.run_view.run_id and not place.problem:
            line += f" · {self.run_view.title}"
        counts = self.query_one("#counts", SteadyText)
        counts.set_class(bool(place.problem), "-problem")
        counts.update(clean(line, newlines=False))

    def _place(self, browser: Browser) -> Place:
        samples = self.samples
        row = samples.rows.get(self.ordinal) if self.ordinal is not None else None
        uid = row.uid if row else ""
        if samples.matches is None:
            return Place(uid, self.ordinal, browser.length)
        at = samples.cursor if samples.ordinal == self.ordinal is not None else None
        count, more = len(samples.matches), not samples.exhausted
        problem = self.filter.problem(self.run_view)
        return Place(uid, self.ordinal, browser.length, self.filter.text, at, count, more, problem)

    def on_resize(self) -> None:
        """Where the list folds away, the header says where one is."""
        self.call_after_refresh(self._show_counts)

    def _take_run(self, source: Any, view: Any) -> None:
        super()._take_run(source, view)
        self._show_counts()

    # -- the palette -----------------------------------------------------------------------

    def palette_actions(self) -> Iterable[tuple[str, str, Callable[[], Any]]]:
        """What the palette offers here beside the keys."""
        yield "Clear the filter", "", lambda: self._field("filter").clear()
        yield "Reset the knobs", "", self._reset_knobs
        yield from super().palette_actions()
        yield "Show the hints again", "", self._show_hints

    def _reset_knobs(self) -> None:
        from workbench.inference.decoding import Decoding

        if self.built:
            self.panel.knobs.set_decoding(Decoding())

    async def _show_hints(self) -> None:
        from workbench.app.widgets.hints import Hints

        self.bench.state.hints_dismissed = False
        if not self.query(Hints):
            await self.mount(Hints(), after=self.query_one(BenchHeader))
