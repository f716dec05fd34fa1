"""Several runs in one table: a row for each dataset, model and number of examples.

For `wb runs table` and the beginning of a report. Guarantee: made of the figures that the runs
keep, with their intervals; what a run has not is "–", with its reason where it says one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.csv_table import csv_text
from sessions.errors import WbError
from sessions.estimate import Estimate, main_figure, read_estimates, undefined
from sessions.ids import short_id
from sessions.runs import Run
from workbench.errors import UsageError
from workbench.evaluation.each_once import refuse_twice
from workbench.evaluation.telling_apart import told_apart
from workbench.evaluation.variants import variant_named
from workbench.models.names import short_names

# Beside the figure that each run is judged by, of those that at least one run has.
_USUAL = (
    *("accuracy", "auroc", "vqa_accuracy", "bleu4", "coco_bleu4", "cider", "bertscore_f1"),
    *("explanation/coco_bleu4", "explanation/bertscore_f1"),
)
COLUMNS = (
    *("run", "dataset", "split", "model", "adapter", "examples", "variant", "differs", "figure"),
    *("value", "low", "high", "n", "clusters", "reason", "definition"),
)


@dataclass(frozen=True)
class FigureRow:
    """One run of the table.

    Attributes:
        examples: How many stood before each question.
        variant: How it was asked where that was not as the samples are.
        differs: The settings that tell it from the other rows of its name.
        figures: All of its figures by name.
    """

    run: str
    dataset: str
    split: str
    model: str
    adapter: str
    examples: int
    variant: str
    differs: str
    figures: Mapping[str, Estimate]

    @property
    def place(self) -> str:
        """Dataset and split."""
        return "/".join(word for word in (self.dataset, self.split) if word)

    @property
    def who(self) -> str:
        """Model and adapter as lists name them, the variant, what else tells it from others."""
        who = short_names(self.model, self.adapter)
        who = f"{who} ({self.variant})" if self.variant else who
        return f"{who} · {self.differs}" if self.differs else who

    @property
    def title(self) -> str:
        """Who on what: the heading of its part in a report."""
        return f"{self.who} on {self.place}"

    @property
    def shown(self) -> str:
        """`0-shot`, `3-shot`."""
        return f"{self.examples}-shot"

    @property
    def n(self) -> int:
        """Samples of the figure that the run is judged by."""
        main = main_figure(self.figures)
        return main[1].n if main else 0

    def cell(self, name: str) -> Estimate:
        """A figure; one without a value where the run has none of that name."""
        return self.figures.get(name) or undefined("the run has no such figure")


@dataclass(frozen=True)
class FigureTable:
    """The table.

    Attributes:
        names: The figures that are its columns.
        rows: Those of a dataset together, in the order in which the runs were given.
    """

    names: tuple[str, ...]
    rows: tuple[FigureRow, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """A row each, with the chosen figures."""
        return [
            {
                "run": row.run,
                "dataset": row.dataset,
                "split": row.split,
                "model": row.model,
                "adapter": row.adapter or None,
                "examples": row.examples,
                "variant": row.variant or None,
                "differs": row.differs or None,
                "figures": {name: row.cell(name).to_json() for name in self.names},
            }
            for row in self.rows
        ]

    def cells(self) -> Iterator[tuple[str, ...]]:
        """The text of each row, as `HEAD` and the figures' names say, with intervals."""
        for row in self.rows:
            found = [row.cell(name) for name in self.names]
            words = [f"{one.words(3)} {one.interval()}".strip() for one in found]
            yield (short_id(row.run), row.place, row.who, row.shown, str(row.n or ""), *words)


HEAD = ("run", "data", "model", "examples", "n")


def table_of(runs: Sequence[Run], names: Sequence[str] = ()) -> FigureTable:
    """The table of some evaluations.

    Args:
        runs: At least one.
        names: Figures; empty: the usual ones that the runs have.

    Raises:
        UsageError: A run is no evaluation or is named twice, or no run has a figure of that name.
    """
    refuse_twice(runs)
    apart = told_apart([(run.kind, run.config) for run in runs])
    rows = [_row(run, differs) for run, differs in zip(runs, apart, strict=True)]
    known = dict.fromkeys(name for row in rows for name in row.figures)
    if wrong := [name for name in names if name not in known]:
        raise UsageError(
            f"no run has the figure {', '.join(map(repr, wrong))}",
            hint=f"there are {', '.join(known) or 'none'}",
        )
    places = list(dict.fromkeys(row.place for row in rows))
    rows.sort(key=lambda row: places.index(row.place))
    return FigureTable(tuple(names) or _usual(rows, known), tuple(rows))


def _usual(rows: Sequence[FigureRow], known: Mapping[str, None]) -> tuple[str, ...]:
    mains = [main[0] for row in rows if (main := main_figure(row.figures))]
    return tuple(dict.fromkeys([*mains, *(name for name in _USUAL if name in known)]))


def _row(run: Run, differs: str) -> FigureRow:
    if run.kind != "eval" or not run.config:
        raise UsageError(f"run {run.id} is no evaluation", hint="see: wb runs list --kind eval")
    config = run.config
    kept = run.metrics()
    if "counts" not in kept:
        from workbench.evaluation.document import document

        try:
            kept = document(run)
        except WbError:
            kept = {}
    return FigureRow(
        run=run.id,
        dataset=str(config.get("dataset") or ""),
        split=str(config.get("split") or ""),
        model=str(config.get("model") or ""),
        adapter=str(config.get("adapter") or ""),
        examples=len(config.get("shot_uids") or ()),
        variant=variant_named(config),
        differs=differs,
        figures=read_estimates(kept),
    )


def figures_csv(table: FigureTable) -> str:
    """Every figure of every run as CSV, a row each; see `COLUMNS`."""
    rows = []
    for row in table.rows:
        head = (row.run, row.dataset, row.split, row.model, row.adapter, row.examples)
        head = (*head, row.variant, row.differs)
        for name, one in row.figures.items():
            figure = (name, one.value, one.low, one.high, one.n)
            rows.append((*head, *figure, one.clusters or None, one.reason, one.definition))
    return csv_text(COLUMNS, rows)
