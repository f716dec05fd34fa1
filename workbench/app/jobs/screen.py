"""Jobs: what runs in the background, how far it is, and what it says.

Guarantee: files are read in lanes of the bench, of a log no more than its end; a job is never ended
without a question that says what will be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.reactive import reactive
from textual.screen import Screen

from sessions.ids import short_id
from workbench.app.jobs.actions import JobActions
from workbench.app.jobs.curves import Curves
from workbench.app.jobs.job_table import JobTable
from workbench.app.jobs.keys import KEYS, TASKS
from workbench.app.jobs.log_view import LogView
from workbench.app.jobs.reading import CurveFile, JobIndex, JobSummary, LogTail
from workbench.app.jobs.refusals import why_not
from workbench.app.lists.draw import plain
from workbench.app.lists.list_reader import ListReader
from workbench.app.lists.palette import PALETTE
from workbench.app.lists.row_list import RowList
from workbench.app.runs.control import RunControlKeys, how_many
from workbench.app.runs.run_table import state_sign
from workbench.app.widgets.footer import BenchFooter
from workbench.app.widgets.header import BenchHeader
from workbench.app.widgets.key_table import Tasks
from workbench.app.widgets.sparing import draw_sparingly
from workbench.app.widgets.steady import SteadyText
from workbench.text import counted
from workbench.times import clock, duration

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.services import JobStarted
    from workbench.app.tasks import CancelToken

REFRESH_S = 1.0  # how often the jobs are read again while they are looked at


class JobsScreen(Screen[None]):
    """The place of jobs."""

    CSS_PATH = "jobs.tcss"
    HELP = (
        "Above the jobs, below what the chosen one says. A job goes on when the bench is closed "
        "or the connection is lost. Enter opens the run that it made."
    )
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [(0, "-short"), (36, "-tall")]
    TASKS: ClassVar[Tasks] = TASKS
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    job: reactive[JobSummary | None] = reactive(None, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        draw_sparingly(self)
        self._tail: LogTail | None = None
        self._curves: CurveFile | None = None
        self._wanted: str | None = None
        self._reading: LogTail | None = None  # what is being read

    def compose(self) -> ComposeResult:
        """The jobs over the log and the curves."""
        yield BenchHeader()
        table = JobTable(widget_id="job-table")
        table.border_title = "Jobs"
        yield table
        with Vertical(id="job-detail"):
            yield SteadyText(id="job-head")
            with Container(id="job-output"):
                log = LogView(widget_id="log")
                log.border_title = "Log"
                yield log
                with Vertical(id="curves-box") as box:
                    box.border_title = "Curves"
                    yield Curves(widget_id="curves")
        yield BenchFooter()

    def on_mount(self) -> None:
        """Read the jobs, and go on reading them while they are looked at."""
        self.table.focus()
        self.listing = ListReader(
            self.table, "jobs", read=JobIndex().read, show=self._show_jobs, every_s=REFRESH_S
        )
        self.set_interval(REFRESH_S, self._read_output)
        actions = JobActions(self.bench, self.table, self.listing.anew, self.show_job)
        self.action_new, self.action_cancel = actions.new, actions.cancel
        self.action_retry, self.action_delete = actions.retry, actions.delete
        self.action_copy, self.action_copy_log = actions.copy, actions.copy_log
        keys = RunControlKeys(self.bench, self._evaluation, self.listing.anew)
        self.action_pause = self.action_go_on = keys.toggle
        self.action_resize = keys.resize

    def _evaluation(self) -> str | None:
        return self.job.evaluation if self.job and self.job.evaluation else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The footer offers what applies to the chosen job."""
        return not self.why_not(action)

    def why_not(self, action: str) -> str:
        """Why a key does nothing now, in a line; empty where it does something."""
        if not self.is_mounted:
            return ""
        if action == "back" and self.table.has_focus:
            return "this is the list already: l goes into the log, Esc back to here"
        return why_not(action, self.job)

    def on_screen_resume(self) -> None:
        """Back from elsewhere: what happened meanwhile is read at once."""
        self.listing.read()
        self._read_output()

    @property
    def bench(self) -> WbApp:
        """The app, as what it is."""
        return cast("WbApp", self.app)

    @property
    def table(self) -> JobTable:
        """The list of jobs."""
        return self.query_one(JobTable)

    @property
    def log_view(self) -> LogView:
        """The log of the chosen job."""
        return self.query_one("#log", LogView)

    # -- the list ----------------------------------------------------------------------------

    def _show_jobs(self, jobs: list[JobSummary]) -> None:
        self.table.show_jobs(jobs, cursor=self._wanted)
        if self._wanted in self.table.jobs:  # of many jobs some are read later
            self._wanted = None
        words = counted(len(jobs), "job") + how_many([job.word for job in jobs if job.live])
        self.query_one(BenchHeader).subject = words
        self.job = self.table.jobs.get(self.job.id if self.job else "") or self.table.job

    @on(RowList.RowHighlighted, "#job-table")
    def _job_moved(self) -> None:
        self.job = self.table.job

    def show_job(self, job_id: str) -> None:
        """Put the cursor on a job, also one that the list does not hold yet."""
        self._wanted = job_id
        self.listing.anew()

    def on_job_started(self, event: JobStarted) -> None:
        """A job that was started here or elsewhere in the bench."""
        self.show_job(event.job.id)

    # -- the chosen job ----------------------------------------------------------------------

    def watch_job(self, old: JobSummary | None, job: JobSummary | None) -> None:
        """Show another job, or how the same one is now."""
        self.set_class(job is None, "-none")
        self.refresh_bindings()
        if job is None:
            self._tail = self._curves = None
            self.log_view.clear("")
            return
        if old is None or old.id != job.id:
            self._tail = LogTail(job.log)
            self._curves = CurveFile(job.path / "progress.jsonl")
            self.log_view.clear("nothing printed yet", waits=True)
            self.remove_class("-curves")
            self._read_output()
        self.query_one("#job-head", SteadyText).update(self._head(job))

    def _head(self, job: JobSummary) -> Text:
        palette = PALETTE
        state = "cancelling…" if job.cancelling else job.word
        first = Text.assemble(
            state_sign(job.standing or job.state, palette), f" {state}  ", no_wrap=True
        )
        first.append_text(plain(job.title, palette.strong))
        first.append(f"  {clock(job.created)}", palette.dim)
        if job.seconds:
            first.append(f"  ran {duration(job.seconds)}", palette.dim)
        if job.message:
            bad = job.state in ("failed", "lost")
            first.append_text(plain(f"  {job.message}", palette.bad if bad else palette.dim))
        if job.runs:
            first.append(f"  run {short_id(job.runs[-1])}: Enter opens it", palette.dim)
        return Text("\n").join([first, plain(job.command, palette.dim)])

    def _read_output(self) -> None:
        tail, curves = self._tail, self._curves
        if tail is None or not self.is_current or self._reading is tail:
            return
        self._reading = tail

        def work(token: CancelToken) -> None:
            lines, anew = tail.read()
            grown = curves if curves is not None and curves.read() else None
            self.bench.call_soon(self._show_output, tail, lines, anew, grown)

        self.bench.tasks.run("job output", work)

    def _show_output(
        self, tail: LogTail, lines: list[str], anew: bool, grown: CurveFile | None
    ) -> None:
        if tail is self._reading:
            self._reading = None
        if tail is not self._tail:
            return
        log = self.log_view
        if lines or anew or log.waits or tail.unfinished != log.unfinished_raw:
            log.add(lines, tail.unfinished, anew=anew)
            skipped = tail.skipped
            log.border_title = f"Log · the last of {skipped >> 20:,} MB" if skipped >> 20 else "Log"
        if grown is not None:
            curves = self.query_one(Curves)
            curves.show(grown.curves)
            self.set_class(bool(curves.names), "-curves")

    # -- doing -------------------------------------------------------------------------------

    @on(RowList.RowSelected, "#job-table")
    def _opened(self) -> None:
        job = self.table.job
        if job is None:
            return
        if not job.runs:
            self.log_view.focus()
            self.notify("this job has made no run: here is its log", timeout=3)
            return
        self.bench.go("runs")
        self.app.call_after_refresh(self._arrive, job.runs[-1])

    def _arrive(self, run_id: str) -> None:
        show_run = getattr(self.app.screen_stack[0], "show_run", None)
        if show_run is not None:
            show_run(run_id)

    def action_log(self) -> None:
        """Into the log."""
        self.log_view.focus()

    def action_back(self) -> None:
        """From the log to the list."""
        self.table.focus()
