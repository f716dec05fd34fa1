"""What a report of evaluations holds, gathered once for every form in which it is written.

Guarantee: made of the runs' own records; nothing is asked and no figure is made here that the run
or its comparison has not. What cannot be shown (a missing dataset, a picture that is gone) is said
in its place. Writing: `workbench.evaluation.report_html`, `workbench.evaluation.report_markdown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.errors import RecordError, WbError
from sessions.estimate import Estimate, read_estimates
from sessions.ids import now
from sessions.runs import Run
from sessions.verdict import is_error, verdict
from workbench.errors import UsageError
from workbench.evaluation.command import command_of
from workbench.evaluation.comparison import RunComparison, compare_runs, verdict_words
from workbench.evaluation.ledger import Ledger, ledger_of_run
from workbench.evaluation.metrics.calibration import probabilities
from workbench.evaluation.metrics.label_scores import best_label
from workbench.evaluation.power import holm, power_words
from workbench.evaluation.runner import document
from workbench.grounding.answered import AnsweredRegions, recorded_regions
from workbench.sample import Sample

MOST_ERRORS = 12
MOST_UIDS = 100  # of a cell of the confusion matrix
# What of a config stands in the report; the rest is in the run's folder.
_SETTINGS = (
    *("dataset", "split", "dataset_revision", "model", "adapter", "revision", "quantization"),
    *("dtype", "template", "template_version", "answer", "control", "vary", "limit", "random"),
    *("seed", "shot_uids", "decoding", "batch_size", "identity", "settings_key", "images_digest"),
)


@dataclass(frozen=True)
class Case:
    """A sample that went wrong.

    Attributes:
        what: `wrong`, `unparsed` or `failed`.
        confidence: In the label that was answered, where labels were scored.
        sample: Its pictures and texts; `None` where the data are not at hand.
        missing: Why not.
        places: Boxes and points of the answer, with their gold.
    """

    uid: str
    what: str
    target: str
    label: str
    text: str
    confidence: float | None
    sample: Sample | None
    missing: str
    places: AnsweredRegions | None = None


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
        worst: The worst errors, confident ones first.
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
    """

    run: str
    comparison: RunComparison
    p_holm: float | None
    words: Sequence[str]


@dataclass(frozen=True)
class Report:
    """Everything that is written."""

    made: str
    runs: Sequence[RunReport]
    compared: Sequence[ComparedRun]
    not_compared: Sequence[str]


def gather(runs: Sequence[Run], *, most_errors: int = MOST_ERRORS) -> Report:
    """The report of some runs; with several each is compared with the first.

    Raises:
        UsageError: A run is no evaluation.
        RecordError: Its predictions cannot be read.
    """
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
        ComparedRun(run.id, found, p, _said(found))
        for (run, found), p in zip(pairs, adjusted, strict=True)
    ]
    return Report(now(), [_report(run, most_errors) for run in runs], compared, refused)


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
            ("made", str(run.created)),
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
        worst=_worst(lines, most_errors),
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


def _worst(lines: Sequence[Mapping[str, Any]], most: int) -> list[Case]:
    """Wrong ones by falling confidence, then unparsed, then failed ones."""
    order = {"wrong": 0, "unparsed": 1, "failed": 2}
    errors = [line for line in lines if is_error(line)]
    errors.sort(key=lambda line: (order[verdict(line)], -(_confidence(line) or 0.0), line["uid"]))
    return [_case(line) for line in errors[:most]]


def _confidence(line: Mapping[str, Any]) -> float | None:
    scores = line.get("scores")
    if not scores or not all(isinstance(value, (int, float)) for value in scores.values()):
        return None
    label = line.get("label")
    chosen = label if isinstance(label, str) and label in scores else best_label(scores)
    return probabilities(scores).get(chosen)


def _case(line: Mapping[str, Any]) -> Case:
    from workbench.data.source import get_sample

    sample, missing = None, ""
    try:
        sample = get_sample(str(line["uid"]))
    except (WbError, OSError, ValueError) as error:
        missing = error.message if isinstance(error, WbError) else str(error)
    said = line.get("error")
    return Case(
        str(line["uid"]),
        verdict(line),
        str(line.get("target")),
        str(line.get("label") or "–"),
        str(said.get("message", "")) if isinstance(said, Mapping) else str(line.get("text") or ""),
        _confidence(line),
        sample,
        missing,
        recorded_regions(line.get("grounding"), len(line.get("images") or (0,))),
    )


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
    errors = sum(map(is_error, lines))
    if errors > most_errors:
        out.append(f"{errors - most_errors} of {errors} errors are not shown")
    if ledger is None:
        out.append("no ledger: there are no controls (wb runs ledger RUN makes them)")
    elif ledger.missing:
        out.append(f"no ledger: the control {' and '.join(ledger.missing)} is missing")
    if not body.get("reliability"):
        out.append("no reliability diagram: labels were not scored (--answer score or both)")
    return out
