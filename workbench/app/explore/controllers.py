"""The controllers of Explore together: what one of them tells is handed to those it concerns.

Not for what a single one does, nor for what the widgets tell: the screen hands that on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from workbench.app.explore import messages
from workbench.app.explore.asked_before import AskedBefore
from workbench.app.explore.asker import PromptAsker
from workbench.app.explore.bookmarks import BookmarkControl
from workbench.app.explore.chosen_run import ChosenRun
from workbench.app.explore.comparisons import Comparisons
from workbench.app.explore.controller import Shared
from workbench.app.explore.details import Details
from workbench.app.explore.earlier import EarlierAnswers
from workbench.app.explore.heat import HeatOverlay
from workbench.app.explore.list_filter import ListFilter
from workbench.app.explore.list_order import ListOrder
from workbench.app.explore.navigation import Navigation
from workbench.app.explore.opening import SourceOpener
from workbench.app.explore.own_editor import OwnEditor
from workbench.app.explore.own_template import OwnTemplate
from workbench.app.explore.pickers import Pickers
from workbench.app.explore.place import PlaceLine
from workbench.app.explore.places import PlaceOverlay
from workbench.app.explore.prompt_filling import PromptFiller
from workbench.app.explore.random_walk import RandomSamples
from workbench.app.explore.reading import SampleReader
from workbench.app.explore.run_answer import RunAnswer
from workbench.app.explore.shell_commands import ShellCommands
from workbench.app.explore.side import ListWidth
from workbench.app.explore.similar import SimilarSamples
from workbench.app.widgets.steady import TitledPanel
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.explore.controller import InView
    from workbench.app.explore.saved_state import ExploreState
    from workbench.app.explore.widgets import ExploreWidgets
    from workbench.data.source import Source
    from workbench.prompts.template import Template
    from workbench.sample import Sample


class Controllers:
    """All of them, by name."""

    def __init__(
        self, bench: WbApp, widgets: ExploreWidgets, view: InView, state: ExploreState
    ) -> None:
        self.widgets, self.view, self.state = widgets, view, state
        shared = Shared(bench, widgets, view, state, self.tell)
        self.opener = SourceOpener(shared)
        self.reader = SampleReader(shared)
        self.filter = ListFilter(shared)
        self.order = ListOrder(shared)
        self.place = PlaceLine(shared)
        self.list_width = ListWidth(shared)
        self.navigation = Navigation(shared)
        self.random = RandomSamples(shared)
        self.bookmarks = BookmarkControl(shared)
        self.run = ChosenRun(shared)
        self.pickers = Pickers(shared)
        self.filler = PromptFiller(shared)
        self.editor = OwnEditor(shared)
        self.own_template = OwnTemplate(shared)
        self.asker = PromptAsker(shared)
        self.earlier = EarlierAnswers(shared)
        self.run_answer = RunAnswer(shared)
        self.asked_before = AskedBefore(shared)
        self.heat = HeatOverlay(shared)
        self.places = PlaceOverlay(shared)
        self.details = Details(shared)
        self.similar = SimilarSamples(shared)
        self.comparisons = Comparisons(shared)
        self.commands = ShellCommands(shared)
        self._first = True  # no source was open yet

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
            case messages.RunAnswerWanted():
                self.run_answer.recall()
            case messages.TemplateWanted(template):
                self.use_template(template)
            case messages.TextWanted(text, system):
                self.widgets.panel.write(text, system)
                self.navigation.to_prompt()
            case messages.SourceOpened(source, at, run_id):
                self._source_opened(source, at, run_id)
            case messages.SampleShown(sample):
                self._sample_shown(sample)
            case messages.PlaceChanged():
                self.place.show()
            case messages.OrderChanged():
                self._order_changed()
            case messages.SampleMarksChanged():
                self.order.run_changed()
                self.widgets.samples.run = self.view.run
                self.widgets.samples.refresh()
                self._show_texts()
                self.run_answer.run_changed()
                self.places.draw()
                self.earlier.show()
                self.place.show()
            case messages.ModelChanged(before):
                self.filler.refill(before)
            case messages.AnswerBegan(asked):
                self.run_answer.give_way()
                if asked:
                    self.earlier.began()
                if self.view.heat:
                    self.heat.take_off()
                self.places.draw()
            case messages.AnswerReady():
                self.heat.answer_ready()
                self.places.draw()
            case messages.AnswerMissing():
                self.heat.cancel()
                self.places.draw()
            case messages.HeatTakenOff():
                self.places.draw()
            case messages.AnswerRecorded(records):
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

    def _order_changed(self) -> None:
        """The list in its new order, narrowed as before, the cursor on its sample."""
        samples = self.widgets.samples
        at = samples.ordinal
        samples.sort(self.view.browser.order if self.view.browser else None)
        if self.view.filter.words:
            self.filter.narrow(self.view.filter.text, keep=at)
        self.place.show()

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
        title = Text(clean(sample.uid, newlines=False))
        self.widgets.screen.query_one("#middle", TitledPanel).retitle(title)
        if self.view.built:
            self.view.asked = None
            self.heat.forget()
            self.run_answer.follow()
            self.places.follow(sample)
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
        self.widgets.samples.choose()
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
            self.order.cancel,
            self.filter.drop,
            self.navigation.leave_explore,
        )
        if self.view.built:
            any(step() for step in steps)
