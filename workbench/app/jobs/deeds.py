"""What can be done with jobs: start, cancel, retry, delete, copy.

Guarantee: nothing that costs hours or loses anything happens by one key; what blocks runs in a
thread worker. Not for showing anything: the screen does that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from textual import work
from textual.reactive import reactive
from textual.screen import Screen

from workbench.app.jobs.command_line import title_of
from workbench.app.jobs.job_table import JobTable
from workbench.app.jobs.new_job import NewJob
from workbench.app.jobs.reading import JobSummary
from workbench.app.lists.dialogs import Ask

if TYPE_CHECKING:
    from sessions.jobs import Job
    from workbench.app.app import WbApp

GRACE_S = 10.0  # how long a cancelled job has to leave a checkpoint


class JobDeeds(Screen[None]):
    """The actions of the Jobs place over the job that is chosen."""

    job: reactive[JobSummary | None] = reactive(None)

    @property
    def bench(self) -> WbApp:
        """The app, as what it is."""
        return cast("WbApp", self.app)

    @property
    def table(self) -> JobTable:
        """The list of jobs."""
        return self.query_one("#job-table", JobTable)

    def refresh_jobs(self) -> None:
        """Read the jobs again; the screen knows how."""
        raise NotImplementedError

    def show_job(self, job_id: str) -> None:
        """Put the cursor on a job; the screen knows how."""
        raise NotImplementedError

    def action_new(self) -> None:
        """The form of a new job."""
        self.app.push_screen(NewJob(self._defaults()), self._start)

    def _defaults(self) -> dict[str, str]:
        settings = self.bench.settings
        where = str(self.bench.state.place("explore").get("dataset") or "")
        dataset, _, split = where.partition("/")
        return {
            "dataset": dataset or settings.dataset,
            "split": split or settings.split,
            "model": self.bench.spec.model,
            "adapter": self.bench.spec.adapter or "",
        }

    def _start(self, argv: list[str] | None) -> None:
        if argv:
            self.bench.start_job(argv, title_of(argv), on_started=self._started)

    def _started(self, job: Job) -> None:
        self.show_job(job.id)

    def action_cancel(self) -> None:
        """Cancel the chosen job, after asking once."""
        job = self.table.job
        if job is None:
            return
        if not job.live or job.cancelling:
            state = "being cancelled" if job.cancelling else job.state
            self.notify(f"this job is {state} already", severity="warning")
            return
        self._ask(f"Cancel {job.title}?", kept(job), "cancels it", lambda: self._cancel(job.id))

    @work(thread=True, group="jobs-cancel", exit_on_error=False)
    def _cancel(self, job_id: str) -> None:
        from sessions.jobs import Job

        self._do(lambda: Job.open(job_id).cancel(GRACE_S), "not cancelled")

    def action_retry(self) -> None:
        """Start the chosen job again, resuming its run where it can be resumed."""
        job = self.table.job
        if job is None:
            return
        if job.live:
            self.notify("this job is still running", severity="warning")
            return
        body = f"{job.command}\n\n" + (
            f"It goes on with the run {job.runs[-1]}: what is done stays done."
            if job.runs and set(job.command.split()) & {"run-eval", "train"}
            else "It starts from the beginning."
        )
        self._ask(f"Retry {job.title}?", body, "starts it", lambda: self._retry(job.id))

    @work(thread=True, group="jobs-retry", exit_on_error=False)
    def _retry(self, job_id: str) -> None:
        from sessions.jobs import Job

        def again() -> None:
            job = Job.open(job_id).retry()
            self.app.call_from_thread(self.show_job, job.id)

        self._do(again, "not started")

    def action_delete(self) -> None:
        """Delete the record of a job that has ended, after asking."""
        job = self.table.job
        if job is None or job.live:
            self.notify("only a job that has ended can be deleted", severity="warning")
            return
        body = "Its log and its record go for good. The runs that it made stay."
        self._ask(f"Delete {job.title}?", body, "deletes it", lambda: self._delete(job.id))

    @work(thread=True, group="jobs-delete", exit_on_error=False)
    def _delete(self, job_id: str) -> None:
        from sessions.jobs import Job

        self._do(lambda: Job.open(job_id).remove(), "not deleted")

    def _ask(self, title: str, body: str, yes: str, deed: Callable[[], object]) -> None:
        def answered(answer: bool | None) -> None:
            if answer:
                deed()

        self.app.push_screen(Ask(title, body, yes), answered)

    def _do(self, deed: Callable[[], object], title: str) -> None:
        """Do something in a worker and read the jobs again; a failure shows in a panel."""
        try:
            deed()
        except Exception as error:
            self.bench.fail(error, title)
        self.app.call_from_thread(self.refresh_jobs)

    def action_copy(self) -> None:
        """Copy the command of the chosen job."""
        if self.job is not None:
            self.bench.copy_text(self.job.command, "command")

    def action_copy_log(self) -> None:
        """Copy the path of the chosen job's log."""
        if self.job is not None:
            self.bench.copy_text(str(self.job.log), "path")


def kept(job: JobSummary) -> str:
    """What a job that is cancelled now leaves."""
    done = f"{job.progress.done:,} of {job.progress.total:,} done. " if job.progress.total else ""
    if "run-eval" in job.command:
        rest = "The predictions made so far are kept; r goes on from there."
    elif " train " in f" {job.command} ":
        rest = "The last checkpoint is kept; r goes on from there."
    else:
        rest = "What it has written so far is kept."
    return f"{done}{rest}\nIt has {GRACE_S:.0f} seconds to end in order.\n\n{job.command}"
