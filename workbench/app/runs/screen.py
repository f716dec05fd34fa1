"""Runs: what was evaluated, how well, where it was wrong, and whether two runs differ.

Guarantee: every file is read in a thread worker that posts what it read; a run of 100,000
predictions shows its first screenful at once. Nothing is deleted without a question, and starting
anything goes through `app.start_job`.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.widgets import Static
from textual.worker import get_current_worker

from sessions.errors import WbError
from workbench.app.lists.row_list import RowList
from workbench.app.runs.chosen import ChosenRun
from workbench.app.runs.comparison import ComparePanel, slim
from workbench.app.runs.confusion import ConfusionMatrix
from workbench.app.runs.figures import MetricsPanel, RunHead
from workbench.app.runs.messages import Compared, RunsRead
from workbench.app.runs.picture import RunPicture
from workbench.app.runs.reading import RunSummary
from workbench.app.runs.run_table import RunTable
from workbench.app.runs.sample_table import SampleTable, ViewBar
from workbench.app.runs.summaries import SummaryCache
from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.header import BenchHeader
from workbench.text import clean, counted

REFRESH_S = 2.0  # how often the list of runs is read again while it is looked at


class RunsScreen(ChosenRun):
    """The place of runs."""

    CSS_PATH = "runs.tcss"
    HELP = (
        "Left the runs, right the chosen one. Enter goes into its errors and from there to the "
        "sample; Esc goes back. Space marks two runs: A and B are then compared."
    )
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [(0, "-short"), (36, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "Open", id="runs.open"),
        Binding("space", "mark", "Mark", id="runs.mark"),
        Binding("e", "view('errors')", "Errors", id="runs.errors", show=False),
        Binding("u", "view('unparsed')", "Unparsed", id="runs.unparsed", show=False),
        Binding("f", "view('failed')", "Failed", id="runs.failed", show=False),
        Binding("s", "view('slowest')", "Slowest", id="runs.slowest", show=False),
        Binding("a", "view('all')", "All", id="runs.all", show=False),
        Binding("m", "matrix", "Matrix", id="runs.matrix"),
        Binding("b", "bookmark", "Bookmark", id="runs.bookmark"),
        Binding("r", "resume", "Resume", id="runs.resume"),
        Binding("x", "delete", "Delete", id="runs.delete"),
        Binding("y", "copy", "Copy", id="runs.copy"),
        Binding("Y", "copy_uid", "Copy UID", id="runs.copy-uid", show=False),
        Binding("escape", "back", "Back", id="runs.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._cache = SummaryCache()
        self._wanted: str | None = None
        self._listing = False

    def compose(self) -> ComposeResult:
        """The list beside, or over, the chosen run or the comparison."""
        yield BenchHeader()
        with Container(id="runs-body"):
            table = RunTable(widget_id="run-table")
            table.border_title = "Runs"
            yield table
            with Vertical(id="run-detail"):
                yield RunHead(id="run-head")
                with Container(id="run-figures"):
                    with VerticalScroll(id="metrics-box", can_focus=False) as box:
                        box.border_title = "Metrics"
                        yield MetricsPanel(id="metrics")
                    matrix = ConfusionMatrix(widget_id="matrix")
                    matrix.border_title = "Confusion"
                    yield matrix
                with Vertical(id="samples-box") as samples:
                    samples.border_title = "Samples"
                    yield ViewBar(widget_id="views")
                    yield SampleTable(widget_id="samples")
                with Horizontal(id="run-sample"):
                    yield RunPicture(self.bench.settings.images, id="run-picture")
                    yield Static(id="answer")
            yield ComparePanel(widget_id="compare")
        yield BenchFooter()

    def on_mount(self) -> None:
        """Read the runs, and go on reading them while they are looked at."""
        self.table.focus()
        self.refresh_runs()
        self.set_interval(REFRESH_S, self.refresh_runs)

    def on_screen_resume(self) -> None:
        """Back from elsewhere: what ran meanwhile is read at once."""
        self.refresh_runs()

    # -- the list ----------------------------------------------------------------------------

    def refresh_runs(self) -> None:
        """Read the list again, where it is looked at and not being read."""
        if self.is_current and not self._listing:
            self._listing = True
            self._read_runs()

    @work(thread=True, group="runs-list", exit_on_error=False)
    def _read_runs(self) -> None:
        try:
            self.post_message(RunsRead(self._cache.read()))
        except Exception as error:
            self.app.call_from_thread(self._list_failed, error)

    def _list_failed(self, error: Exception) -> None:
        self._listing = False
        self.table.empty = ("The runs cannot be read", clean(error, newlines=False))
        self.table.refresh()

    @on(RunsRead)
    def _runs_read(self, event: RunsRead) -> None:
        self._listing = False
        wanted, self._wanted = self._wanted, None
        self.table.show_runs(event.runs, cursor=wanted)
        running = sum(run.state == "running" for run in event.runs)
        words = counted(len(event.runs), "run") + (f" · {running} running" if running else "")
        self.query_one(BenchHeader).subject = words
        fresh = self.table.runs.get(self.run.id) if self.run else None
        if self.run is not None and fresh is None:
            self.run = None
        elif fresh is not None and fresh != self.run:
            self.run = fresh  # the same run with more in it

    @on(RowList.Moved, "#run-table")
    def _run_moved(self) -> None:
        run = self.table.run
        if run is not None and (self.run is None or run.id != self.run.id):
            self.run = run

    def show_run(self, run_id: str) -> None:
        """Put the cursor on a run, also one that the list does not hold yet."""
        self._unmark()
        if run_id in self.table.runs:
            self.table.show_runs(list(self.table.runs.values()), cursor=run_id)
        else:
            self._wanted = run_id
            self._listing = False
            self.refresh_runs()

    # -- going in and back -------------------------------------------------------------------

    @on(RowList.Opened, "#run-table")
    def _run_opened(self) -> None:
        self._into_detail()

    def action_enter(self) -> None:
        """Open what is under the cursor; the lists do it themselves where they have the focus."""
        self._into_detail()

    @on(RowList.Opened, "#samples")
    def _sample_opened(self, event: RowList.Opened) -> None:
        if self.run is not None:
            self.bench.open_uid(event.key, self.run.id)

    @on(ComparePanel.OpenFlip)
    def _flip_opened(self, event: ComparePanel.OpenFlip) -> None:
        self.bench.open_uid(event.uid, event.run_id)

    def action_back(self) -> None:
        """One step back: from a cell to the errors, from a run to the list, from two to one."""
        if self.has_class("-matrix") or self.focused is self.query_one(ConfusionMatrix):
            self._into_detail()
        elif self.view == "cell":
            self.action_view("errors")
        elif self.focused is not self.table:
            self.remove_class("-inside")
            self.table.focus()
        elif self.table.marked:
            self._unmark()

    def action_matrix(self) -> None:
        """Into the confusion matrix."""
        if self.run is not None and not self.comparing:
            self.add_class("-inside", "-matrix")
            self.query_one(ConfusionMatrix).focus()

    # -- comparing ---------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark a run; two marked ones are compared."""
        marked = self.table.toggle_mark()
        if len(marked) < 2:
            self.remove_class("-compare")
            return
        a, b = (self.table.runs[m] for m in marked)
        self.add_class("-compare")
        self.query_one(ComparePanel).begin(a, b)
        self._compare(a, b)

    def _unmark(self) -> None:
        self.table.marked = []
        self.table.refresh()
        self.remove_class("-compare")

    @work(thread=True, group="runs-compare", exclusive=True, exit_on_error=False)
    def _compare(self, a: RunSummary, b: RunSummary) -> None:
        from workbench.evaluation.comparison import compare_runs

        try:
            found = compare_runs(*((r.config, slim(r.predictions)) for r in (a, b)))
        except WbError as error:
            self.post_message(Compared((a.id, b.id), None, error.message))
            return
        except Exception as error:
            self.bench.fail(error, "these runs cannot be compared")
            return
        if not get_current_worker().is_cancelled:
            self.post_message(Compared((a.id, b.id), found))

    @on(Compared)
    def _compared(self, event: Compared) -> None:
        if tuple(self.table.marked) == event.ids:
            panel = self.query_one(ComparePanel)
            if event.comparison is None:
                panel.refuse(event.problem)
            else:
                panel.show(event.comparison)
