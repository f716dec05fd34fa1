"""What can be done with a run: copy its command, bookmark its samples, resume it, delete it.

Not for showing anything: the screen does that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import work
from textual.reactive import reactive
from textual.screen import Screen

from workbench.app.lists.dialogs import Ask, AskLine
from workbench.app.lists.row_list import RowList
from workbench.app.runs.reading import RunSummary, View
from workbench.app.runs.run_table import RunTable
from workbench.app.runs.sample_table import SampleTable
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp


class RunDeeds(Screen[None]):
    """The actions of the Runs place over the run and the view that are chosen."""

    run: reactive[RunSummary | None] = reactive(None)
    view: reactive[View] = reactive[View]("errors")

    @property
    def bench(self) -> WbApp:
        """The app, as what it is."""
        return cast("WbApp", self.app)

    @property
    def table(self) -> RunTable:
        """The list of runs."""
        return self.query_one("#run-table", RunTable)

    @property
    def samples(self) -> SampleTable:
        """The chosen run's samples."""
        return self.query_one("#samples", SampleTable)

    @property
    def flips(self) -> RowList:
        """The samples in which two runs differ."""
        return self.query_one("#flips", RowList)

    @property
    def comparing(self) -> bool:
        """Whether the comparison stands where the run's detail was."""
        return self.has_class("-compare")

    def refresh_runs(self) -> None:
        """Read the list again; the screen knows how."""
        raise NotImplementedError

    def action_copy(self) -> None:
        """Copy the command that prints what is shown."""
        marked = self.table.marked
        if self.comparing:
            self.bench.copy_text(f"wb runs compare {marked[0]} {marked[1]}", "command")
        elif self.run is not None:
            self.bench.copy_text(f"wb runs show {self.run.id}", "command")

    def action_copy_uid(self) -> None:
        """Copy the UID of the sample under the cursor."""
        key = self.flips.key if self.comparing else self.samples.key
        if key:
            self.bench.copy_text(key, "UID")

    def action_bookmark(self) -> None:
        """Bookmark all samples of the view under one tag."""
        flips = self.flips
        uids = list(flips.keys) if self.comparing else self.samples.uids
        if self.run is None or not uids:
            self.notify("no samples in this view to bookmark", severity="warning")
            return
        what = "flips" if self.comparing else self.view
        tag = f"{what}-{self.run.id[-6:]}"
        body = (
            f"{len(uids):,} samples ({what}) get this tag; wb bookmark list --tag TAG lists them."
        )

        def done(tag: str | None) -> None:
            if tag:
                self._bookmark(uids, tag)

        self.app.push_screen(AskLine("Bookmark", body, value=tag, check=_tag_problem), done)

    @work(thread=True, group="runs-bookmark", exit_on_error=False)
    def _bookmark(self, uids: list[str], tag: str) -> None:
        from sessions.uid_cache import UidCache

        try:
            with UidCache.open() as cache:
                for uid in uids:
                    cache.add(uid, tags=(tag,))
        except Exception as error:
            self.bench.fail(error, "not bookmarked")
            return
        words = f"{len(uids):,} samples with the tag {tag}"
        self.app.call_from_thread(self.notify, clean(words), title="bookmarked", markup=False)

    def action_resume(self) -> None:
        """Resume an unfinished run as a job."""
        run = self.run
        if run is None:
            return
        if run.state in ("done", "running"):
            self.notify(f"this run is {run.state}: there is nothing to resume", severity="warning")
            return
        argv = resume_argv(run)
        self.bench.start_job(argv, f"resume {run.where} {run.who}")

    def action_delete(self) -> None:
        """Delete a run, after asking."""
        run = self.run
        if run is None:
            return
        if run.state == "running":
            self.notify("it is running: cancel its job first (3 Jobs, x)", severity="warning")
            return
        body = (
            f"{run.where}  {run.who}\n{run.done:,} predictions and the metrics go for good.\n"
            "Bookmarks and sessions stay.\n\n" + str(run.path)
        )

        def done(yes: bool | None) -> None:
            if yes:
                self._delete(run)

        self.app.push_screen(Ask(f"Delete the run {run.id}?", body, "deletes it"), done)

    @work(thread=True, group="runs-delete", exit_on_error=False)
    def _delete(self, run: RunSummary) -> None:
        from sessions.runs import Run

        try:
            Run.open(run.id).remove()
        except Exception as error:
            self.bench.fail(error, "not deleted")
        self.app.call_from_thread(self._after_delete, run.id)

    def _after_delete(self, run_id: str) -> None:
        self.table.marked = [m for m in self.table.marked if m != run_id]
        self.refresh_runs()


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
