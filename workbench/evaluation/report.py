"""What a report of evaluations holds, gathered once for every form in which it is written.

Guarantee: made of the runs' own records; nothing is asked and no figure is made here that the run
or its comparison has not. What cannot be shown (a missing dataset, a picture that is gone) is said
in its place. Writing: `report_html`, `report_markdown`, `report_json`; heat maps: `report_maps`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.errors import RecordError
from sessions.estimate import Estimate, read_estimates
from sessions.ids import now
from sessions.runs import Run
from sessions.verdict import verdict
from workbench.errors import UsageError
from workbench.evaluation.command import command_of
from workbench.evaluation.comparison import RunComparison, compare_runs, verdict_words
from workbench.evaluation.document import document
from workbench.evaluation.each_once import refuse_twice
from workbench.evaluation.figure_table import FigureTable, table_of
from workbench.evaluation.ledger import Ledger, ledger_of_run
from workbench.evaluation.power import holm, power_words
from workbench.evaluation.report_cases import Case, FlippedCase, failed_of, flipped_of, worst_of

MOST_ERRORS = 12
MOST_UIDS = 100  # of a cell of the confusion matrix
# What of a config stands in the report; the rest is in the run's folder.
_SETTINGS = (
    *("dataset", "split", "dataset_revision", "model", "adapter", "revision", "quantization"),
    *("dtype", "template", "template_version", "answer", "control", "vary", "limit", "random"),
    *("seed", "shot_uids", "decoding", "batch_size", "identity", "settings_key", "images_digest"),
)


@dataclass(frozen=True)
class RunReport:
    """One run of a report.

    Attributes:
        facts: Name and value: which run this is.
        settings: Of its config, as asked.
        figures: By name.
        counts: Samples done, failed, unparsed, truncated.
        confusion: As `metrics.json` holds it, `{}` for none.
        cells: (target, what was read) -> UIDs.
        per_label: Label -> precision, recall, F1, n.
        reliability: Bins, empty without label scores.
        ledger: `None` without controls.
        worst: The worst wrong answers, confident ones first.
        failed: Samples that could not be asked.
        skipped: What is not in the report, and why.
        command: Makes it again.
        versions: Of what it ran on.
    """

    id: str
    facts: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    figures: Mapping[str, Estimate]
    counts: Mapping[str, int]
    confusion: Mapping[str, Any]
    cells: Mapping[tuple[str, str], Sequence[str]]
    per_label: Mapping[str, Mapping[str, float | None]]
    reliability: Sequence[Mapping[str, Any]]
    ledger: Ledger | None
    worst: Sequence[Case]
    failed: Sequence[Case]
    skipped: Sequence[str]
    command: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class ComparedRun:
    """A run against the first one.

    Attributes:
        run: Its id.
        comparison: Of the two.
        p_holm: Of the main figure, adjusted for all comparisons of the report.
        words: What it says, and how small a difference could be found.
        flips: Samples that one of the two has right and the other wrong; not all of them.
    """

    run: str
    comparison: RunComparison
    p_holm: float | None
    words: Sequence[str]
    flips: Sequence[FlippedCase]


@dataclass(frozen=True)
class Report:
    """Everything that is written.

    Attributes:
        table: The runs' figures side by side, dataset by model.
    """

    made: str
    table: FigureTable
    runs: Sequence[RunReport]
    compared: Sequence[ComparedRun]
    not_compared: Sequence[str]


def gather(runs: Sequence[Run], *, most_errors: int = MOST_ERRORS) -> Report:
    """The report of some runs; with several each is compared with the first.

    Raises:
        UsageError: A run is no evaluation, or is named twice.
        RecordError: Its predictions cannot be read.
    """
    refuse_twice(runs)
    for run in runs:
        if run.kind != "eval" or not run.config:
            raise UsageError(f"run {run.id} is no evaluation", hint="see: wb runs list --kind eval")
    pairs, refused = [], []
    first = (runs[0].config, runs[0].predictions())
    for run in runs[1:]:
        try:
            pairs.append((run, compare_runs(first, (run.config, run.predictions()))))
        except RecordError as error:
            refused.append(f"{run.id}: {error.message}")
    adjusted = holm([found.changes[0].difference.p_value for _, found in pairs])
    compared = [
        ComparedRun(run.id, found, p, _said(found), flipped_of(found.paired.flips, most_errors))
        for (run, found), p in zip(pairs, adjusted, strict=True)
    ]
    reports = [_report(run, most_errors) for run in runs]
    return Report(now(), table_of(runs), reports, compared, refused)


def _said(found: RunComparison) -> list[str]:
    words = [f"{change.name}: {verdict_words(change)} ({change.test})" for change in found.changes]
    words += [power_words(found.power)] if found.power else []
    return [*words, *found.notes]


def _report(run: Run, most_errors: int) -> RunReport:
    # As the run keeps them where it does, with text metrics that were asked for later.
    kept = run.metrics()
    body = kept if "counts" in kept else document(run)
    lines = sorted(run.predictions(), key=lambda line: str(line["uid"]))
    figures = read_estimates(body)
    try:
        ledger = ledger_of_run(run)
    except RecordError:
        ledger = None
    environment = run.environment()
    packages = environment.get("packages")
    versions = {"wb": str(environment.get("wb_version") or "")}
    versions |= {"python": str(environment.get("python") or "")}
    versions |= dict(packages) if isinstance(packages, Mapping) else {}
    config = run.config
    name = " + ".join(str(config[key]) for key in ("model", "adapter") if config.get(key))
    return RunReport(
        id=run.id,
        facts=(
            ("run", run.id),
            ("data", f"{config.get('dataset')}/{config.get('split')}"),
            ("model", name),
            ("state", run.state + (f": {run.reason}" if run.reason else "")),
            ("made", f"{str(run.created)[:16].replace('T', ' ')} UTC"),
            ("seconds", f"{run.seconds:.1f}"),
        ),
        settings=tuple((k, str(config[k])) for k in _SETTINGS if config.get(k) not in (None, "")),
        figures=figures,
        counts=body.get("counts") or {},
        confusion=body.get("confusion") or {},
        cells=_cells(lines, body.get("confusion") or {}),
        per_label=body.get("per_label") or {},
        reliability=body.get("reliability") or (),
        ledger=ledger,
        worst=worst_of(lines, most_errors),
        failed=failed_of(lines, most_errors),
        skipped=_skipped(body, figures, ledger, lines, most_errors),
        command=command_of(config),
        versions={name: version for name, version in versions.items() if version},
    )


def _cells(
    lines: Sequence[Mapping[str, Any]], confusion: Mapping[str, Any]
) -> dict[tuple[str, str], list[str]]:
    """The samples of each cell of the matrix, by the rule that counted them."""
    columns = confusion.get("columns") or ()
    out: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        if line.get("error") or line.get("target") is None:
            continue
        target, what = str(line["target"]), verdict(line)
        read = str(line.get("label")) if what == "wrong" else what
        if what == "right":
            read = target
        elif what == "wrong" and read not in columns:
            read = "other"
        out.setdefault((target, read), []).append(str(line["uid"]))
    return out


def _skipped(
    body: Mapping[str, Any],
    figures: Mapping[str, Estimate],
    ledger: Ledger | None,
    lines: Sequence[Mapping[str, Any]],
    most_errors: int,
) -> list[str]:
    out = [f"note: {note}" for note in body.get("notes") or ()]
    counts = body.get("counts") or {}
    for name in ("failed", "unparsed", "truncated"):
        if counts.get(name):
            out.append(f"{counts[name]} of {counts.get('done')} samples are {name}")
    done, total = counts.get("done") or 0, counts.get("total") or 0
    if done < total:
        out.append(f"{total - done} of {total} samples were not asked")
    out += [
        f"{name}: {one.reason or 'no value'}" for name, one in figures.items() if one.value is None
    ]
    for name, names in (("wrong", ("wrong", "unparsed")), ("failed", ("failed",))):
        count = sum(verdict(line) in names for line in lines)
        if count > most_errors:
            out.append(f"{count - most_errors} of {count} {name} samples are not shown")
    if ledger is None:
        out.append("no ledger: there are no controls (wb runs ledger RUN makes them)")
    elif ledger.missing:
        out.append(f"no ledger: the control {' and '.join(ledger.missing)} is missing")
    if not body.get("reliability"):
        out.append("no reliability diagram: labels were not scored (--answer score or both)")
    return out
