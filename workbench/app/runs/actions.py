"""What can be done with a run: copy its command, bookmark or rate samples, resume, delete.

Not for showing anything: the screen does that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sessions.ids import short_id
from workbench.app.lists.dialogs import ConfirmDialog, LineDialog
from workbench.app.runs.comparison import ComparePanel
from workbench.app.runs.detail import RunDetail
from workbench.app.runs.reading import RunSummary
from workbench.app.runs.run_table import RunTable
from workbench.reports.job_title import job_title
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp


class RunActions:
    """The actions of the Runs place over the run and the view that are chosen."""

    def __init__(
        self,
        bench: WbApp,
        table: RunTable,
        detail: RunDetail,
        comparison: ComparePanel,
        refresh: Callable[[], None],
    ) -> None:
        self._bench, self._table, self._refresh = bench, table, refresh
        self._detail, self._comparison = detail, comparison

    def copy(self) -> None:
        """Copy the command that prints what is shown."""
        marked = self._table.marked
        if self._comparison.shown:
            self._bench.copy_text(f"wb runs compare {marked[0]} {marked[1]}", "command")
        elif self._detail.run is not None:
            self._bench.copy_text(f"wb runs show {self._detail.run.id}", "command")

    def copy_uid(self) -> None:
        """Copy the UID of the sample under the cursor."""
        key = self._comparison.flips.key if self._comparison.shown else self._detail.samples.key
        if key:
            self._bench.copy_text(key, "UID")

    def bookmark(self) -> None:
        """Bookmark all samples of the view under one tag."""
        flips = self._comparison.flips
        uids = list(flips.keys) if self._comparison.shown else self._detail.samples.uids
        if self._detail.run is None or not uids:
            self._bench.notify("no samples in this view to bookmark", severity="warning")
            return
        what = "flips" if self._comparison.shown else self._detail.view
        tag = f"{what}-{short_id(self._detail.run.id)}"
        body = (
            f"{len(uids):,} samples ({what}) get this tag; wb bookmark list --tag TAG lists them."
        )

        def done(tag: str | None) -> None:
            if tag:
                self._bookmark(uids, tag)

        self._bench.push_screen(LineDialog("Bookmark", body, value=tag, check=_tag_problem), done)

    def _bookmark(self, uids: list[str], tag: str) -> None:
        def work() -> None:
            from sessions.uid_cache import UidCache

            try:
                with UidCache.open() as cache:
                    for uid in uids:
                        cache.add(uid, tags=(tag,))
            except Exception as error:
                self._bench.fail(error, "not bookmarked")
                return
            said = clean(f"{len(uids):,} samples with the tag {tag}")
            self._bench.call_soon(self._bench.notify, said, title="bookmarked", markup=False)

        self._bench.tasks.change(f"bookmark {tag}", work)

    def resume(self) -> None:
        """Resume an unfinished run as a job."""
        if run := self._detail.run:
            self._bench.start_job(resume_argv(run), f"resume {run.name}")

    def import_run(self) -> None:
        """The form of an import: answers that were given elsewhere become a run."""
        from workbench.app.jobs.new_job import NewJob

        names = self._detail.run.names if self._detail.run else None
        about = {"dataset": names.dataset, "split": names.split} if names else {}

        def take(words: list[str] | None) -> None:
            if words:
                self._bench.start_job(words, job_title(["wb", *words]))

        self._bench.push_screen(NewJob(about, kind="import"), take)

    def rate(self) -> None:
        """Rate the answers of the marked runs, or of the one that is shown."""
        from workbench.app.runs.rating import RatingScreen

        shown = self._detail.run
        ids = list(self._table.marked) or ([shown.id] if shown else [])
        if ids:
            self._bench.push_screen(RatingScreen(ids))

    def delete(self) -> None:
        """Delete a run, after asking."""
        run = self._detail.run
        if run is None:
            return
        body = (
            f"{run.done:,} predictions and the metrics go for good.\n"
            "Bookmarks and sessions stay.\n\n" + str(run.path)
        )

        def done(yes: bool | None) -> None:
            if yes:
                self._delete(run)

        self._bench.push_screen(
            ConfirmDialog(f"Delete the run {run.name}?", body, "deletes it"), done
        )

    def _delete(self, run: RunSummary) -> None:
        def work() -> None:
            from sessions.runs import Run

            try:
                Run.open(run.id).remove()
            except Exception as error:
                self._bench.fail(error, "not deleted")
            self._bench.call_soon(self._after_delete, run.id)

        self._bench.tasks.change(f"delete {run.id}", work)

    def _after_delete(self, run_id: str) -> None:
        self._table.marked = [m for m in self._table.marked if m != run_id]
        self._refresh()


def _tag_problem(tag: str) -> str | None:
    from sessions.bookmarks import check_tags
    from sessions.errors import WbError

    try:
        return None if check_tags((tag,)) and tag else "a tag is needed"
    except WbError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message


def resume_argv(run: RunSummary) -> list[str]:
    """What to type after `wb` to go on with a run."""
    if run.kind == "train":
        return ["train", "--resume", run.id]
    return ["run-eval", "--resume", run.id]
