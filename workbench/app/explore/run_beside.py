"""The predictions of a run beside the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.explore.controller import Controller
from workbench.app.explore.messages import BesideChanged
from workbench.app.explore.rows import RunView, view_of_run

if TYPE_CHECKING:
    from workbench.app.tasks import CancelToken
    from workbench.data.source import Source


class RunBeside(Controller):
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
            self.post(BesideChanged())


def read_run(dataset: str, split: str, run_id: str | None) -> RunView | None:
    """The predictions of a run, or of the newest evaluation of that split; `None` without any.

    For worker threads. Raises `NoSuchRecord` for a run that was named and is not there.
    """
    from sessions.runs import Run, list_runs
    from workbench.reports.run import run_name

    run = Run.open(run_id) if run_id else None
    if run is None:
        base = split.partition("[")[0]
        for one in list_runs():
            config = one.config
            if one.kind != "eval" or config.get("dataset") != dataset:
                continue
            if str(config.get("split", "")).partition("[")[0] == base and one.progress()[0]:
                run = one
                break
    if run is None:
        return None
    return view_of_run(run.id, f"run {run_name(run.config, run.id, data=False)}", run.predictions())
