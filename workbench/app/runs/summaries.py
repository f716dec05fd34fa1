"""The list of runs from the record, read again only where a folder changed.

Guarantee: one broken run folder is a line that says so, never a failure of the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from sessions.estimate import MAIN, main_figure, read_estimates
from workbench.app.lists.growing import Growing, folder_stamp
from workbench.app.runs.reading import RunSummary
from workbench.evaluation.control_state import control_of

if TYPE_CHECKING:
    from sessions.runs import Run


class SummaryCache:
    """Reads all runs, and remembers those whose files did not change."""

    def __init__(self) -> None:
        self._growing: Growing[RunSummary] = Growing()

    def read(self) -> Iterator[list[RunSummary]]:
        """All runs, the newest first; of many the first part soon. Blocks: for workers.

        Raises:
            RecordError: The folder of runs cannot be read.
        """
        from sessions.paths import runs_dir
        from sessions.runs import Run, run_ids

        folder = runs_dir(create=False)
        return self._growing.read(
            ((ident, folder_stamp(folder / ident)) for ident in reversed(run_ids())),
            lambda ident: summarise(Run(folder / ident)),
            # A running one can die without touching a file: its state is asked for each time.
            settled=lambda summary: summary.state != "running",
        )


def summarise(run: Run) -> RunSummary:
    """One run as a line; what cannot be read is said in `.problem`."""
    summary = RunSummary(id=run.id, path=Path(run.path), predictions=_predictions(Path(run.path)))
    try:
        config = dict(run.config)
        summary = replace(
            summary,
            config=config,
            kind=str(getattr(run, "kind", None) or config.get("kind") or "eval"),
            state=str(run.state),
            created=_created(run, config),
        )
        if summary.kind == "eval" and summary.state == "running":
            summary = replace(summary, standing=control_of(run).state)
        done, total = run.progress()
        summary = replace(summary, done=int(done or 0), total=int(total or 0), problem=run.damage)
        return with_metrics(summary, run.metrics() or {})
    except (
        WbError,
        OSError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        ArithmeticError,
    ) as error:
        message = error.message if isinstance(error, WbError) else str(error)
        return replace(summary, problem=message or type(error).__name__)


def _created(run: Run, config: Mapping[str, Any]) -> object:
    for value in (getattr(run, "created", None), config.get("created"), config.get("ts")):
        if value:
            return value
    try:
        return Path(run.path).stat().st_mtime
    except OSError:
        return None


def _predictions(folder: Path) -> Path:
    """Where a run's answers are: of a training those of its newest evaluation."""
    own = folder / "predictions.jsonl"
    if own.exists():
        return own
    evals = [path for path in (folder / "eval").glob("*.jsonl") if path.stem.isdigit()]
    return max(evals, key=lambda path: int(path.stem), default=own)


def with_metrics(summary: RunSummary, metrics: Mapping[str, Any]) -> RunSummary:
    """The summary with its main metric, counts and all metrics."""
    figures = read_estimates(metrics)
    counts, notes = metrics.get("counts"), metrics.get("notes")
    counts = counts if isinstance(counts, Mapping) else {}
    name, figure = main_figure(figures) or ("", None)
    return replace(
        summary,
        metrics=figures,
        metric=name if name in MAIN else "",
        figure=figure if name in MAIN else None,
        unparsed=int(counts.get("unparsed") or 0),
        failed=int(counts.get("failed") or 0),
        truncated=int(counts.get("truncated") or 0),
        notes=tuple(map(str, notes)) if isinstance(notes, list) else (),
    )
