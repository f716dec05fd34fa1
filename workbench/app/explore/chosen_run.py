"""The run whose predictions stand beside the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import SampleMarksChanged
from workbench.app.explore.rows import RunView, view_of_run

if TYPE_CHECKING:
    from workbench.app.tasks import CancelToken
    from workbench.data.source import Source


class ChosenRun(Controller):
    """Whose predictions are shown."""

    def load(self, run_id: str | None = None) -> None:
        """Show a run's predictions beside the samples; by default the last of this split."""
        source = self.view.source
        if source is None:
            return

        def work(token: CancelToken) -> None:
            run = read_run(source.dataset, source.split, run_id)
            if not token.cancelled and run is not None:
                self.bench.call_soon(self._take, source, run)

        self.bench.tasks.run("run", work)

    def _take(self, source: Source, run: RunView) -> None:
        if self.view.source is source:
            self.view.run = run
            self.post(SampleMarksChanged())


def read_run(dataset: str, split: str, run_id: str | None) -> RunView | None:
    """The predictions of a run, or of the newest evaluation of that split; `None` without any.

    Controls and other variants are passed over, as `last` does.

    For worker threads. Raises `NoSuchRecord` for a run that was named and is not there.
    """
    from sessions.runs import Run, list_runs
    from workbench.reports.run import run_name

    def fits(run: Run) -> bool:
        config = run.config
        if run.kind != "eval" or config.get("dataset") != dataset or config.get("variant_of"):
            return False  # a control is asked on behalf of another run: only who names it wants it
        of = str(config.get("split", "")).partition("[")[0]
        return of == split.partition("[")[0] and run.progress()[0] > 0

    run = Run.open(run_id) if run_id else next(filter(fits, list_runs()), None)
    if run is None:
        return None
    title = f"run {run_name(run.config, run.id, data=False)}"
    return view_of_run(run.id, title, run.predictions(), str(run.config.get("template") or ""))
