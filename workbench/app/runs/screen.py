"""Runs: what was evaluated, how well, where it was wrong, and whether two runs differ.

Guarantee: every file is read in a lane of the bench; a run of 100,000
predictions shows its first screenful at once. Nothing is deleted without a question, and starting
anything goes through `app.start_job`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen

from sessions.errors import WbError
from workbench.app.lists.list_reader import ListReader
from workbench.app.lists.row_list import RowList
from workbench.app.runs.actions import RunActions
from workbench.app.runs.comparison import ComparePanel, Side
from workbench.app.runs.confusion import ConfusionMatrix
from workbench.app.runs.control import RunControlKeys, how_many
from workbench.app.runs.detail import RunDetail
from workbench.app.runs.exporting import SampleExport
from workbench.app.runs.keys import KEYS, TASKS
from workbench.app.runs.narrow_keys import NarrowKeys
from workbench.app.runs.reading import WORDS, RunSummary, View
from workbench.app.runs.refusals import why_not
from workbench.app.runs.run_table import RunTable
from workbench.app.runs.summaries import SummaryCache
from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.header import BenchHeader
from workbench.app.widgets.key_table import Tasks
from workbench.app.widgets.sparing import draw_sparingly
from workbench.reports.prediction import compared_lines
from workbench.text import counted

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken
    from workbench.evaluation.comparison import RunComparison

REFRESH_S = 2.0  # how often the list of runs is read again while it is looked at


class RunsScreen(Screen[None]):
    """The place of runs."""

    CSS_PATH = "runs.tcss"
    HELP = (
        "Left the runs, right the chosen one. Enter goes into its errors and from there to the "
        "sample; Esc goes back. Space marks two runs: A and B are then compared."
    )
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [(0, "-short"), (36, "-tall")]
    TASKS: ClassVar[Tasks] = TASKS
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    def __init__(self) -> None:
        super().__init__()
        draw_sparingly(self)
        self._cache = SummaryCache()
        self._wanted: str | None = None

    def compose(self) -> ComposeResult:
        """The list beside, or over, the chosen run or the comparison."""
        yield BenchHeader()
        with Container(id="runs-body"):
            table = RunTable(widget_id="run-table")
            table.border_title = "Runs"
            yield table
            yield RunDetail(id="run-detail")
            yield ComparePanel(widget_id="compare")
        yield BenchFooter()

    def on_mount(self) -> None:
        """Read the runs, and go on reading them while they are looked at."""
        self.table.focus()
        self.listing = ListReader(
            self.table, "runs", read=self._cache.read, show=self._show_runs, every_s=REFRESH_S
        )
        actions = RunActions(
            self.bench, self.table, self.detail, self.comparison, self.listing.anew
        )
        self.action_copy, self.action_copy_uid = actions.copy, actions.copy_uid
        self.action_bookmark = actions.bookmark
        self.action_resume, self.action_delete = actions.resume, actions.delete
        self.action_rate, self.action_import_run = actions.rate, actions.import_run
        keys = RunControlKeys(self.bench, self._chosen_id, self.listing.anew)
        self.action_pause = self.action_go_on = keys.toggle
        self.action_resize = keys.resize
        self._export = SampleExport(self.bench, self.detail)
        self.action_export, self.action_copy_some = self._export.samples, self._export.copy
        self._narrow = NarrowKeys(self.bench, self.detail, self._into_detail)
        self.action_filter, self.action_sort = self._narrow.filter, self._narrow.sort
        self.action_ask_again = lambda: keys.ask_again(self.detail.samples.key)

    def _chosen_id(self) -> str | None:
        return self.detail.run.id if self.detail.run else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer offers what applies to the chosen run."""
        return not self.why_not(action)

    def why_not(self, action: str) -> str:
        """Why a key does nothing now, in a line; empty where it does something."""
        if not self.is_mounted:
            return ""
        samples, flips = self.detail.samples, self.comparison.flips
        comparing = self.comparison.shown
        listed = flips if comparing else samples
        alone = self.maximized
        behind = {"mark": self.table, "copy_uid": listed}.get(action)
        if alone is not None and behind is not None and alone not in behind.ancestors_with_self:
            return "the list lies behind this panel: Esc shows all panels"
        return why_not(
            action,
            self.detail.run,
            comparing=comparing,
            marked=len(self.table.marked),
            in_samples=self.focused is samples,
            answers=not self.has_class("-training") or self.has_class("-answers"),
            uid=listed.key,
        )

    def on_screen_resume(self) -> None:
        """Back from elsewhere: what ran meanwhile is read at once."""
        self.listing.read()

    @property
    def bench(self) -> WbApp:
        """The app, as what it is."""
        return cast("WbApp", self.app)

    @property
    def table(self) -> RunTable:
        """The list of runs."""
        return self.query_one(RunTable)

    @property
    def detail(self) -> RunDetail:
        """The chosen run."""
        return self.query_one(RunDetail)

    @property
    def comparison(self) -> ComparePanel:
        """Two runs, in the place of one."""
        return self.query_one(ComparePanel)

    # -- the list ----------------------------------------------------------------------------

    def _show_runs(self, runs: list[RunSummary]) -> None:
        self.set_class(not runs, "-empty")
        self.table.show_runs(runs, cursor=self._wanted)
        if self._wanted in self.table.runs:  # of many runs some are read later
            self._wanted = None
        at_work = [run.word for run in runs if run.state == "running"]
        words = counted(len(runs), "run") + how_many(at_work)
        self.query_one(BenchHeader).subject = words
        shown = self.detail.run
        fresh = self.table.runs.get(shown.id) if shown else None
        if fresh != shown:
            self.detail.run = fresh  # the same run with more in it, or none
            self.refresh_bindings()

    @on(RowList.RowHighlighted, "#run-table")
    def _run_moved(self) -> None:
        run, shown = self.table.run, self.detail.run
        if run is not None and (shown is None or run.id != shown.id):
            self.detail.run = run
            self.refresh_bindings()

    def show_run(self, run_id: str) -> None:
        """Put the cursor on a run, also one that the list does not hold yet."""
        self._unmark()
        if run_id in self.table.runs:
            self.table.show_runs(list(self.table.runs.values()), cursor=run_id)
        else:
            self._wanted = run_id
            self.listing.anew()

    # -- going in and back -------------------------------------------------------------------

    @on(RowList.RowSelected, "#run-table")
    def _run_opened(self) -> None:
        self._into_detail()

    def action_enter(self) -> None:
        """Open what is under the cursor; the lists do it themselves where they have the focus."""
        self._into_detail()

    @on(RowList.RowSelected, "#samples")
    def _sample_opened(self, event: RowList.RowSelected) -> None:
        if self.detail.run is not None:
            self.bench.open_uid(event.key, self.detail.run.id)

    @on(ConfusionMatrix.CellSelected)
    def _into_detail(self) -> None:
        self.add_class("-inside")
        self.remove_class("-matrix")
        (self.comparison.flips if self.comparison.shown else self.detail.entrance).focus()

    def action_view(self, view: View) -> None:
        """Errors, unparsed, failed, slowest or all."""
        self.detail.choose(view)
        self._into_detail()

    @on(ComparePanel.OpenFlip)
    def _flip_opened(self, event: ComparePanel.OpenFlip) -> None:
        from workbench.app.runs.flip_view import FlipView

        def opened(uid: str | None) -> None:
            if uid is not None:
                self.bench.open_uid(uid, event.b.id)

        self.bench.push_screen(FlipView(event.flips, event.at, event.a, event.b), opened)

    def action_back(self) -> None:
        """One step back: from a cell to the errors, from a run to the list, from two to one."""
        if self._narrow.drop():
            return
        if self.has_class("-matrix") or self.focused is self.query_one(ConfusionMatrix):
            self._into_detail()
        elif self.has_class("-training", "-samples") and self.focused is self.detail.samples:
            self.remove_class("-samples")
            self._into_detail()
        elif self.detail.view == "cell":
            self.action_view("errors")
        elif self.focused is not self.table:
            self.remove_class("-inside")
            self.table.focus()
        elif self.table.marked:
            self._unmark()

    def action_matrix(self) -> None:
        """Into the confusion matrix."""
        self.add_class("-inside", "-matrix")
        self.query_one(ConfusionMatrix).focus()

    def action_side(self, side: Side) -> None:
        """What B fixed or broke, wherever the focus is."""
        self.comparison.action_side(side)

    def palette_actions(self) -> Iterable[tuple[str, str, Callable[[], Any]]]:
        """What the palette offers here beside the keys."""
        run = self.detail.run
        if run is not None and run.kind == "eval":
            yield "Write a report of the run", "HTML, Markdown or a folder", self._export.report

    # -- comparing ---------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark a run; two marked ones are compared."""
        marked = self.table.toggle_mark()
        self._tell_marks()
        if len(marked) < 2:
            self.remove_class("-compare")
            return
        a, b = (self.table.runs[m] for m in marked)
        self.add_class("-compare")
        self.comparison.begin(a, b)
        self._compare(a, b)

    def _tell_marks(self) -> None:
        """What the marks are for, under the list that holds them."""
        self.table.border_subtitle = (
            "",
            "A is marked · Space on another run compares the two",
            "A and B are marked · Enter goes to their comparison",
        )[len(self.table.marked)]
        self.refresh_bindings()  # two runs have other keys than one

    def _unmark(self) -> None:
        self.table.marked = []
        self._tell_marks()
        self.table.refresh()
        self.remove_class("-compare")

    def _compare(self, a: RunSummary, b: RunSummary) -> None:
        def work(token: CancelToken) -> None:
            from workbench.evaluation.comparison import compare_runs

            found, problem = None, ""
            try:
                read = [(r.config, compared_lines(r.predictions, WORDS)) for r in (a, b)]
                found = compare_runs(read[0], read[1], ("A", "B"))
            except WbError as error:
                problem = f"{error.message}\n{error.hint}".strip()
            except Exception as error:
                self.bench.fail(error, "these runs cannot be compared")
                return
            if not token.cancelled:
                self.bench.call_soon(self._compared, (a.id, b.id), found, problem)

        self.bench.tasks.run("compare runs", work)

    def _compared(self, ids: tuple[str, str], found: RunComparison | None, problem: str) -> None:
        if tuple(self.table.marked) != ids:
            return
        if found is None:
            self.comparison.refuse(problem)
        else:
            self.comparison.show(found)
