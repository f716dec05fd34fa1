"""The chosen run: its figures, the samples of a view, the answer under the cursor.

Guarantee: predictions are read in a worker that tells what it read; a run of 100,000 of them shows
its first screenful at once, and one that grows is read on, not anew.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input

from workbench.app.lists.row_list import RowList
from workbench.app.runs.answer_text import AnswerText
from workbench.app.runs.confusion import ConfusionMatrix
from workbench.app.runs.figures import MetricsPanel, RunHeader
from workbench.app.runs.ledger import read_ledger
from workbench.app.runs.narrowing import Narrower, Narrowing
from workbench.app.runs.picture import RunPicture
from workbench.app.runs.reading import (
    PredictionFile,
    PredictionRow,
    RunSummary,
    Selection,
    View,
)
from workbench.app.runs.sample_table import SampleTable, ViewBar
from workbench.app.runs.training_panel import TrainingPanel, read_training
from workbench.reports.sample_filter import SampleFilter
from workbench.reports.tally import Tally

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken
    from workbench.evaluation.ledger import Ledger
    from workbench.reports.prediction import Prediction
    from workbench.reports.training import TrainingReport

POST_S = 0.3  # how often the list hears of a long file that is being read


class RunDetail(Vertical):
    """What the right half of the Runs place shows."""

    run: reactive[RunSummary | None] = reactive(None, repaint=False)
    view: reactive[View] = reactive[View]("errors")

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.tally = Tally()
        self._file: PredictionFile | None = None
        self.narrower: Narrower | None = None
        self.narrowing = Narrowing()
        self._cell: tuple[str, str | None] | None = None

    def compose(self) -> ComposeResult:
        """Figures over samples over the answer."""
        yield RunHeader(id="run-head")
        with Container(id="run-figures"):
            with VerticalScroll(id="metrics-box", can_focus=False) as box:
                box.border_title = "Metrics"
                yield MetricsPanel(id="metrics")
            matrix = ConfusionMatrix(widget_id="matrix")
            matrix.border_title = "Confusion"
            yield matrix
        yield TrainingPanel(id="run-training")
        with Vertical(id="samples-box") as samples:
            samples.border_title = "Samples"
            yield ViewBar(widget_id="views")
            yield Input(id="samples-filter", placeholder="/ filter…", compact=True)
            yield SampleTable(widget_id="samples")
        with Horizontal(id="run-sample"):
            yield RunPicture(self.bench.settings.images, id="run-picture")
            yield AnswerText(id="answer")

    @property
    def bench(self) -> WbApp:
        """The app, as what it is."""
        return cast("WbApp", self.app)

    @property
    def samples(self) -> SampleTable:
        """The samples of the view."""
        return self.query_one(SampleTable)

    @property
    def answer(self) -> AnswerText:
        """The answer of the sample under the cursor."""
        return self.query_one(AnswerText)

    @property
    def samples_box(self) -> Widget:
        """The panel of the samples, with their views and their filter."""
        return self.query_one("#samples-box")

    @property
    def filter(self) -> Input:
        """The field of words that narrow the samples."""
        return self.query_one("#samples-filter", Input)

    @property
    def training(self) -> TrainingPanel:
        """What stands in the place of the figures of a training."""
        return self.query_one(TrainingPanel)

    @property
    def entrance(self) -> Widget:
        """What takes the focus of who goes into the run."""
        screen = self.screen
        answers = screen.has_class("-answers") and screen.has_class("-samples")
        return self.samples if answers or not screen.has_class("-training") else self.training.facts

    def watch_run(self, old: RunSummary | None, run: RunSummary | None) -> None:
        """Show another run, or more of the same one."""
        self.screen.set_class(run is None, "-none")
        if run is None:
            self._file = self.narrower = None
            self.samples.clear("Choose a run")
            self._clear_answer()
            return
        if old is None or (old.id, old.predictions) != (run.id, run.predictions):
            self._file = PredictionFile(run.predictions)
            self.narrower = Narrower(self._file)
            self._forget_narrowing()
            self.tally, self._cell = Tally(), None
            self.set_reactive(RunDetail.view, "errors")
            self.samples.clear("Reading…", waits=True)
            self._clear_answer()
        if old is None or old.id != run.id:
            self.query_one(MetricsPanel).ledger = None
            self.training.begin()
            self.screen.remove_class("-samples")
        self._show_kind(run)
        self._draw_figures()
        self._read_predictions()
        self._read_more(run)

    def _forget_narrowing(self) -> None:
        """What was typed and sorted was of another run."""
        self.narrowing = Narrowing()
        with self.filter.prevent(Input.Changed):
            self.filter.value = ""
        self.samples_box.remove_class("-filtering")
        self.samples_box.border_subtitle = ""

    @on(Input.Changed, "#samples-filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        event.stop()
        self.narrow(replace(self.narrowing, filter=SampleFilter(event.value)))

    @on(Input.Submitted, "#samples-filter")
    def _filter_taken(self, event: Input.Submitted) -> None:
        event.stop()
        self.samples.focus()

    def narrow(self, narrowing: Narrowing) -> None:
        """Show those samples of the view that fit, in that order."""
        self.narrowing = narrowing
        self.samples.await_view()
        self._read_predictions()

    def _show_kind(self, run: RunSummary) -> None:
        """An evaluation's figures, or what a training came to and the answers that it gave."""
        training, step = run.kind == "train", run.predictions.stem
        self.screen.set_class(training, "-training")
        self.screen.set_class(training and run.predictions.exists(), "-answers")
        at = f" of the evaluation at step {int(step):,}" if training and step.isdigit() else ""
        self.query_one("#samples-box").border_title = f"Samples{at}"

    def _clear_answer(self) -> None:
        self.query_one(AnswerText).clear()
        self.query_one(RunPicture).show_uid(None)

    def _draw_figures(self) -> None:
        if self.run is not None:
            self.query_one(RunHeader).show(self.run, self.tally)
            self.query_one(MetricsPanel).show(self.run, self.tally)
            self.query_one(ConfusionMatrix).show(self.tally)
            panel = self.query_one(MetricsPanel)
            lines = max(len(self.run.metrics), 1) + len(self.tally.labels()) + 4
            lines += 6 if panel.ledger else 0
            self.screen.set_class(lines > 11, "-many-labels")

    def _read_predictions(self) -> None:
        run, file, narrower = self.run, self._file, self.narrower
        if run is None or file is None or narrower is None:
            return
        of = view, cell, narrowing = self.view, self._cell, self.narrowing

        def tell(token: CancelToken, *, done: bool) -> None:
            selection = file.select(view, cell)
            count, tally = len(selection.uids), deepcopy(file.tally)
            selection = narrower.narrow(selection, narrowing)
            if not token.cancelled:
                self.bench.call_soon(self._take, file, of, tally, selection, count, done)

        def work(token: CancelToken) -> None:
            told = 0.0
            for _ in file.read():
                if token.cancelled:
                    return
                if time.monotonic() - told > POST_S:
                    told = time.monotonic()
                    tell(token, done=False)
            if not token.cancelled:
                tell(token, done=True)

        self.bench.tasks.run("run predictions", work)

    def _take(
        self,
        file: PredictionFile,
        of: tuple[View, tuple[str, str | None] | None, Narrowing],
        tally: Tally,
        selection: Selection,
        count: int,
        done: bool,
    ) -> None:
        here = self.view, self._cell, self.narrowing
        if self.run is None or file is not self._file or of != here:
            return  # another run, view, filter or order was chosen meanwhile
        self.tally = tally
        self._draw_figures()
        self.samples.show_view(file.rows, selection, self.view, self.run.where, self.narrowing)
        self.samples_box.border_subtitle = self.narrowing.words(len(selection.uids), count)
        if not selection.uids:
            self._clear_answer()
        self.query_one(ViewBar).show(tally, self.view, self._cell, not done)

    def _read_more(self, run: RunSummary) -> None:
        """What its score is made of; of a training what it came to."""

        def work(token: CancelToken) -> None:
            ledger, training = read_ledger(run), read_training(run)
            if not token.cancelled:
                self.bench.call_soon(self._take_more, run, ledger, training)

        self.bench.tasks.run("run ledger", work)

    def _take_more(
        self, run: RunSummary, ledger: Ledger | None, training: TrainingReport | None
    ) -> None:
        panel = self.query_one(MetricsPanel)
        if self.run is None or run.id != self.run.id:
            return
        if run.kind == "train":
            self.training.show(run, training)
        if ledger != panel.ledger:
            panel.ledger = ledger
            self._draw_figures()

    def watch_view(self) -> None:
        """Choose the samples of another view."""
        if self.run is not None:
            self.samples.await_view()
            self.query_one(ViewBar).show(self.tally, self.view, self._cell, False)
            self._read_predictions()

    def choose(self, view: View) -> None:
        """Errors, unparsed, failed, slowest or all."""
        self.screen.add_class("-samples")
        self._cell = None
        if view == "slowest":
            self.narrowing = replace(self.narrowing, order=None)  # it is an order itself
        self.view = view

    @on(ConfusionMatrix.CellSelected)
    def _cell_opened(self, event: ConfusionMatrix.CellSelected) -> None:
        self._cell = (event.target, event.label)
        if self.view == "cell":
            self.watch_view()
        self.view = "cell"

    @on(RowList.RowHighlighted, "#samples")
    def _sample_moved(self) -> None:
        row = self.samples.row
        if row is not None and self._file is not None:
            self.query_one(RunPicture).show_uid(row.uid)
            self._read_answer(self._file, row)

    def _read_answer(self, file: PredictionFile, row: PredictionRow) -> None:
        def work(token: CancelToken) -> None:
            line = file.whole(row)
            if not token.cancelled:
                self.bench.call_soon(self._take_answer, row, line)

        self.bench.tasks.run("run answer", work)

    def _take_answer(self, row: PredictionRow, line: Prediction | None) -> None:
        here = self.samples.row
        if here is None or here.uid != row.uid:
            return  # the cursor has gone on, and the picture with it
        self.query_one(RunPicture).show_answer(row.uid, line.places if line else None)
        self.query_one(AnswerText).show(row, line)

    @on(RunPicture.Read)
    def _take_sample(self, event: RunPicture.Read) -> None:
        self.query_one(AnswerText).show_sample(event.uid, event.sample)
