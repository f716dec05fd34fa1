"""One evaluation in several wordings: a run for each, what they have in common, and a table.

Guarantee: the model is loaded once; each wording is an ordinary run of its own, which a killed
command goes on with; the table has a row for each sample that any of them answered. Not for how
often answers change with the wording: `workbench.evaluation.invariance`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from sessions.csv_table import csv_text
from sessions.estimate import main_figure, read_estimates
from sessions.runs import Run
from workbench.errors import UnknownName, UsageError
from workbench.evaluation.check_samples import check_samples, open_asked
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.config_runs import with_named_runs
from workbench.evaluation.prepare import load_model_of
from workbench.models.remote_model import is_remote
from workbench.progress import OnProgress
from workbench.prompts.pool import get_template

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.prompts.template import Template

# What the reader of CIFAR-10's captions takes for answers (`workbench.data.layouts.cifar10`).
INDEX = "Dataset_Index"
_COLUMN = re.compile(r"A\d+")


@dataclass(frozen=True)
class Wording:
    """A wording, and the column that its answers stand in.

    Attributes:
        column: `A1`, `A2`, …
        template: Its name with the version.
    """

    column: str
    template: str


@dataclass(frozen=True)
class Spread:
    """A figure over wordings.

    Attributes:
        values: By column; `None` where it is undefined.
        deviation: The sample standard deviation, `None` of fewer than two values.
    """

    values: Mapping[str, float | None]
    mean: float | None
    deviation: float | None

    @property
    def known(self) -> list[float]:
        """The values that there are."""
        return [value for value in self.values.values() if value is not None]

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "values": dict(self.values),
            "mean": self.mean,
            "sd": self.deviation,
            "min": min(self.known, default=None),
            "max": max(self.known, default=None),
        }


@dataclass(frozen=True)
class WordingRuns:
    """The runs of the wordings.

    Attributes:
        wordings: As they were asked for.
        runs: By column, those that were asked; all unless one was cancelled or failed.
    """

    wordings: tuple[Wording, ...]
    runs: Mapping[str, Run]

    @property
    def unfinished(self) -> Run | None:
        """The run that ended before its time, where one did."""
        return next((run for run in self.runs.values() if run.state != "done"), None)


def read_wordings(text: str, config: EvalConfig) -> tuple[Wording, ...]:
    """The wordings of a list by commas: a template, `task/A1` by its end, or `A1=TEMPLATE`.

    A column that is not named is `A1`, `A2`, … by its place.

    Args:
        text: What was typed.
        config: Says the dataset, whose task decides where a name without a task is looked for.

    Raises:
        UsageError: Nothing was named, a column is none or stands twice.
        UnknownName: There is no such template or dataset.
    """
    task = open_asked(config).task
    found: list[Wording] = []
    for place, word in enumerate(filter(None, map(str.strip, text.split(","))), 1):
        column, equals, name = (part.strip() for part in word.partition("="))
        if not equals:
            name, column = column, column if _COLUMN.fullmatch(column) else f"A{place}"
        if not _COLUMN.fullmatch(column) or not name:
            raise UsageError(
                f"--prompts wants TEMPLATE or A1=TEMPLATE, got {word!r}",
                hint="columns are A1, A2, …, as the reader of CIFAR-10's captions takes them",
            )
        if column in {other.column for other in found}:
            raise UsageError(f"--prompts names the column {column} twice")
        template = _template(name, task)
        wording = f"{template.name}@{template.version}"
        if wording in {other.template for other in found}:
            raise UsageError(f"--prompts names the template {wording} twice")
        found.append(Wording(column, wording))
    if not found:
        raise UsageError("--prompts names no template", hint="see: wb prompts list")
    return tuple(found)


def _template(name: str, task: str) -> Template:
    try:
        return get_template(name)
    except UnknownName:
        if "/" in name:
            raise
        return get_template(f"{task}/{name}")


def configs_of(config: EvalConfig, wordings: Sequence[Wording]) -> dict[str, EvalConfig]:
    """The evaluation of each wording, by its column."""
    return {one.column: replace(config, template=one.template) for one in wordings}


def ask_wordings(
    config: EvalConfig,
    wordings: Sequence[Wording],
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> WordingRuns:
    """Evaluate in each wording; a finished or stopped run of the same settings is gone on with.

    Args:
        config: All but the template.
        wordings: What is asked.
        on_progress: Told as `evaluate` tells.
        cancelled: Asked after each batch; no further wording is begun then.

    Raises as `evaluate` does; a wording that cannot be asked is refused before any is.
    """
    from workbench.evaluation.resuming import AUTO
    from workbench.evaluation.runner import evaluate

    config = with_named_runs(config)
    configs = configs_of(config, wordings)
    for one in configs.values():
        check_samples(one)
    loaded = None if is_remote(config.spec.model) else load_model_of(config, on_progress)
    runs: dict[str, Run] = {}
    for column, one in configs.items():
        runs[column] = evaluate(
            one, on_progress, cancelled, resume=AUTO, loaded=loaded, untouched=True
        )
        if runs[column].state != "done":
            break
    return WordingRuns(tuple(wordings), runs)


def spreads(found: WordingRuns) -> dict[str, Spread]:
    """Each figure that all runs have, over the wordings; the main one first, no speeds."""
    figures = {column: read_estimates(run.metrics()) for column, run in found.runs.items()}
    if not figures:
        return {}
    first = next(iter(figures.values()))
    main = main_figure(first)
    shared = [name for name in first if all(name in each for each in figures.values())]
    shared = [name for name in shared if name != "tokens_per_s"]
    if main and main[0] in shared:
        shared = [main[0], *(name for name in shared if name != main[0])]
    out = {}
    for name in shared:
        values = {column: each[name].value for column, each in figures.items()}
        known = [value for value in values.values() if value is not None]
        out[name] = Spread(
            values,
            fmean(known) if known else None,
            stdev(known) if len(known) > 1 else None,
        )
    return out


def table_of(found: WordingRuns) -> tuple[str, int]:
    """`Dataset_Index,A1,A2,…` as CSV, and how many cells are empty because a sample failed.

    The index is the one that the data give their samples, else the place in the split.

    Raises:
        WbError: The data cannot be read any more.
    """
    first = next(iter(found.runs.values()))
    source = _whole_source(first)
    said: dict[str, dict[str, str]] = {}
    for column, run in found.runs.items():
        for line in run.predictions():
            text = "" if line.get("error") else str(line.get("text") or "").strip()
            said.setdefault(str(line["uid"]), {})[column] = text
    failed = sum(bool(line.get("error")) for run in found.runs.values()
                 for line in run.predictions())  # fmt: skip
    columns = [one.column for one in found.wordings]
    rows = [
        (_index(source, uid), *(texts.get(column, "") for column in columns))
        for uid, texts in said.items()
    ]
    return csv_text((INDEX, *columns), sorted(rows)), failed


def _whole_source(run: Run) -> Source:
    from workbench.data.source import open_source

    return open_source(str(run.config["dataset"]), str(run.config["split"]).partition("[")[0])


def _index(source: Source, uid: str) -> int:
    index = source.get(uid).metadata.get("index")
    if isinstance(index, int) and not isinstance(index, bool):
        return index
    return source.ordinal(uid)
