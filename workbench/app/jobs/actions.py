"""What can be done with jobs: start, cancel, retry, delete, copy.

Guarantee: nothing that costs hours or loses anything happens by one key; what blocks runs in a
lane of the bench. Not for showing anything: the screen does that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sessions.ids import short_id
from workbench.app.jobs.job_table import JobTable
from workbench.app.jobs.new_job import NewJob
from workbench.app.jobs.reading import JobSummary
from workbench.app.lists.dialogs import ConfirmDialog
from workbench.reports.job_title import job_title

if TYPE_CHECKING:
    from sessions.jobs import Job
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken

GRACE_S = 10.0  # how long a cancelled job has to leave a checkpoint


class JobActions:
    """The actions of the Jobs place over the job under the cursor."""

    def __init__(
        self,
        bench: WbApp,
        table: JobTable,
        refresh: Callable[[], None],
        show_job: Callable[[str], None],
    ) -> None:
        self._bench, self._table = bench, table
        self._refresh, self._show_job = refresh, show_job

    def new(self) -> None:
        """The form of a new job."""
        self._bench.push_screen(NewJob(self._defaults()), self._start)

    def _defaults(self) -> dict[str, str]:
        from workbench.models.offers import typed_adapter

        settings = self._bench.settings
        where = str(self._bench.state.place("explore").get("dataset") or "")
        dataset, _, split = where.partition("/")
        return {
            "dataset": dataset or settings.dataset,
            "split": split or settings.split,
            "model": self._bench.spec.model,
            "adapter": typed_adapter(self._bench.spec) if self._bench.spec.adapter else "",
        }

    def _start(self, argv: list[str] | None) -> None:
        if argv:
            self._bench.start_job(
                argv, job_title(["wb", *argv]), on_started=lambda job: self._show_job(job.id)
            )

    def cancel(self) -> None:
        """Cancel the chosen job, after asking once."""
        job = self._table.job
        if job is None:
            return
        self._ask(
            job,
            f"Cancel {job.title}?",
            kept(job),
            "cancels it",
            lambda it: it.cancel(GRACE_S),
            "not cancelled",
        )

    def retry(self) -> None:
        """Start the chosen job again, resuming its run where it can be resumed."""
        job = self._table.job
        if job is None:
            return

        def work(token: CancelToken) -> None:
            from sessions.jobs import Job

            run_id = Job.open(job.id).unfinished_run()
            if not token.cancelled:
                self._bench.call_soon(self._ask_retry, job, run_id)

        self._bench.tasks.run("job retry", work)

    def _ask_retry(self, job: JobSummary, unfinished: str | None) -> None:
        """Say what starting it again would do: go on, or do all of it once more."""
        if unfinished:
            title = f"Go on with {job.title}?"
            what = f"It goes on with the run {short_id(unfinished)}: what is done stays done."
        else:
            title = f"{'Do all of' if job.state == 'done' else 'Retry'} {job.title}" + (
                " once more?" if job.state == "done" else "?"
            )
            kept = (
                f" The run {short_id(job.runs[-1])} stays as it is: Enter opens it."
                if job.runs
                else ""
            )
            done = "This job is done, there is nothing to resume. " if job.state == "done" else ""
            what = f"{done}The command starts from the beginning.{kept}"
        body = f"{what}\n\n{job.command}"
        self._ask(job, title, body, "starts it", self._retry, "not started")

    def _retry(self, job: Job) -> None:
        self._bench.call_soon(self._show_job, job.retry().id)

    def delete(self) -> None:
        """Delete the record of a job that has ended, after asking."""
        job = self._table.job
        if job is None:
            return
        body = "Its log and its record go for good. The runs that it made stay."
        self._ask(
            job, f"Delete {job.title}?", body, "deletes it", lambda it: it.remove(), "not deleted"
        )

    def _ask(
        self,
        job: JobSummary,
        title: str,
        body: str,
        yes: str,
        do: Callable[[Job], object],
        failed: str,
    ) -> None:
        """Ask, then do it in a worker and read the jobs again; a failure shows in a panel."""

        def work() -> None:
            from sessions.jobs import Job

            try:
                do(Job.open(job.id))
            except Exception as error:
                self._bench.fail(error, failed)
            self._bench.call_soon(self._refresh)

        def answered(answer: bool | None) -> None:
            if answer:
                self._bench.tasks.change(f"job {job.id}", work)

        self._bench.push_screen(ConfirmDialog(title, body, yes), answered)

    def copy(self) -> None:
        """Copy the command of the chosen job."""
        if job := self._table.job:
            self._bench.copy_text(job.command, "command")

    def copy_log(self) -> None:
        """Copy the path of the chosen job's log."""
        if job := self._table.job:
            self._bench.copy_text(str(job.log), "path")


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
