"""The chosen run: its figures, the samples of a view, the answer under the cursor.

Guarantee: predictions are read in a thread worker that posts what it read; a run of 100,000 of
them shows its first screenful at once, and one that grows is read on, not anew.
"""

from __future__ import annotations

import time
from copy import deepcopy

from rich.text import Text
from textual import on, work
from textual.widgets import Static
from textual.worker import get_current_worker

from workbench.app.lists.row_list import RowList
from workbench.app.runs.confusion import ConfusionMatrix
from workbench.app.runs.deeds import RunDeeds
from workbench.app.runs.figures import MetricsPanel, RunHead
from workbench.app.runs.made_of import read_ledger
from workbench.app.runs.messages import AnswerRead, LedgerRead, PredictionsRead
from workbench.app.runs.picture import RunPicture
from workbench.app.runs.reading import PredictionFile, Row, RunSummary, Tally, View
from workbench.app.runs.sample_table import ViewBar
from workbench.text import clean

POST_S = 0.3  # how often the list hears of a long file that is being read


class ChosenRun(RunDeeds):
    """What the right half of the Runs place shows."""

    def __init__(self) -> None:
        super().__init__()
        self._file: PredictionFile | None = None
        self._tally = Tally()
        self._cell: tuple[str, str | None] | None = None

    def watch_run(self, old: RunSummary | None, run: RunSummary | None) -> None:
        """Show another run, or more of the same one."""
        self.set_class(run is None, "-none")
        if run is None:
            self._file = None
            self.samples.clear("Choose a run")
            self._clear_answer()
            return
        if old is None or (old.id, old.predictions) != (run.id, run.predictions):
            self._file = PredictionFile(run.predictions)
            self._tally, self._cell = Tally(), None
            self.set_reactive(RunDeeds.view, "errors")
            self.samples.clear("Reading…")
            self._clear_answer()
        if old is None or old.id != run.id:
            self.query_one(MetricsPanel).ledger = None
        self._draw_figures()
        self._read_predictions(run, self._file, self.view, self._cell)
        self._read_ledger(run)

    def _clear_answer(self) -> None:
        self.query_one("#answer", Static).update("")
        self.query_one(RunPicture).show_uid(None)

    def _draw_figures(self) -> None:
        if self.run is not None:
            self.query_one(RunHead).show(self.run, self._tally)
            self.query_one(MetricsPanel).show(self.run, self._tally)
            self.query_one(ConfusionMatrix).show(self._tally)
            panel = self.query_one(MetricsPanel)
            lines = max(len(self.run.metrics), 1) + len(self._tally.labels()) + 4
            lines += 6 if panel.ledger else 0
            self.set_class(lines > 11, "-many-labels")

    @work(thread=True, group="runs-detail", exclusive=True, exit_on_error=False)
    def _read_predictions(
        self,
        run: RunSummary,
        file: PredictionFile | None,
        view: View,
        cell: tuple[str, str | None] | None,
    ) -> None:
        if file is None:
            return
        worker, told = get_current_worker(), 0.0
        for _ in file.read():
            if worker.is_cancelled:
                return
            if time.monotonic() - told > POST_S:
                told = time.monotonic()
                self._post_rows(run, file, view, cell, done=False)
        if not worker.is_cancelled:
            self._post_rows(run, file, view, cell, done=True)

    @work(thread=True, group="runs-ledger", exclusive=True, exit_on_error=False)
    def _read_ledger(self, run: RunSummary) -> None:
        ledger = read_ledger(run)
        if not get_current_worker().is_cancelled:
            self.post_message(LedgerRead(run.id, ledger))

    @on(LedgerRead)
    def _ledger_read(self, event: LedgerRead) -> None:
        panel = self.query_one(MetricsPanel)
        if self.run is not None and event.run_id == self.run.id and event.ledger != panel.ledger:
            panel.ledger = event.ledger
            self._draw_figures()

    def _post_rows(
        self,
        run: RunSummary,
        file: PredictionFile,
        view: View,
        cell: tuple[str, str | None] | None,
        *,
        done: bool,
    ) -> None:
        selection, tally = file.select(view, cell), deepcopy(file.tally)
        self.post_message(PredictionsRead(run.id, file.rows, tally, selection, done))

    @on(PredictionsRead)
    def _predictions_read(self, event: PredictionsRead) -> None:
        if self.run is None or event.run_id != self.run.id:
            return
        self._tally = event.tally
        self._draw_figures()
        self.samples.show_view(event.rows, event.selection, self.view, self.run.where)
        self.query_one(ViewBar).show(event.tally, self.view, self._cell, not event.done)

    def watch_view(self) -> None:
        """Choose the samples of another view."""
        if self.run is not None:
            self.query_one(ViewBar).show(self._tally, self.view, self._cell, False)
            self._read_predictions(self.run, self._file, self.view, self._cell)

    def action_view(self, view: View) -> None:
        """Errors, unparsed, failed, slowest or all."""
        self._cell = None
        self.view = view
        self._into_detail()

    @on(ConfusionMatrix.Opened)
    def _cell_opened(self, event: ConfusionMatrix.Opened) -> None:
        self._cell = (event.target, event.label)
        if self.view == "cell":
            self.watch_view()
        self.view = "cell"
        self._into_detail()

    @on(RowList.Moved, "#samples")
    def _sample_moved(self) -> None:
        row = self.samples.row
        if row is not None and self._file is not None:
            self.query_one(RunPicture).show_uid(row.uid)
            self._read_answer(self._file, row)

    @work(thread=True, group="runs-answer", exclusive=True, exit_on_error=False)
    def _read_answer(self, file: PredictionFile, row: Row) -> None:
        line = file.whole(row)
        if not get_current_worker().is_cancelled:
            self.post_message(AnswerRead(row, line))

    @on(AnswerRead)
    def _answer_read(self, event: AnswerRead) -> None:
        row = self.samples.row
        if row is None or row.uid != event.row.uid:
            return  # the cursor has gone on, and the picture with it
        text = Text()
        text.append(clean(event.row.uid, newlines=False), style="bold")
        scores = event.line.get("scores")
        if isinstance(scores, dict):
            best = sorted(scores.items(), key=lambda kv: -kv[1] if kv[1] is not None else 0)[:4]
            words = "  ".join(f"{clean(k, newlines=False)} {v:.2f}" for k, v in best)
            text.append(f"   {words}", style="dim")
        text.append("\n")
        text.append(clean(event.line.get("text") or event.row.words))
        if event.row.error:
            text.append(clean(event.row.error))
        self.query_one("#answer", Static).update(text)

    def _into_detail(self) -> None:
        self.add_class("-inside")
        self.remove_class("-matrix")
        target = self.flips if self.comparing else self.samples
        target.focus()
