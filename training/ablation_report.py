"""An ablation's comparison as files: JSON, CSV, Markdown and two plots, in a folder of their own.

Guarantee: each file appears whole or not at all; what came from configs and data stands in no
cell as a formula or as markup.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sessions.atomic import atomic_write, write_json
from sessions.csv_table import csv_text
from sessions.estimate import NONE, Estimate
from training.ablation_figures import AblationComparison, TrialFigures, VariantFigures

TRIAL_FACTS = ("trainable", "parameters", "seconds", "peak_bytes", "saved_bytes")


def to_json(found: AblationComparison) -> dict[str, Any]:
    """The comparison as one document."""
    return {
        "v": 1,
        **found.ablation.to_json(),
        "evaluated_on": found.evaluated_on,
        "checkpoint_chosen_by_it": found.chosen_by,
        "shown": list(found.shown),
        "compared": [_variant_json(variant) for variant in found.variants],
    }


def _variant_json(variant: VariantFigures) -> dict[str, Any]:
    trainable, everything = variant.one("trainable"), variant.one("parameters")
    return {
        "variant": variant.name,
        "trials": [_trial_json(trial) for trial in variant.trials],
        "done": len(variant.done),
        "failed": sum(t.outcome.state == "failed" for t in variant.trials),
        "figures": {name: e.to_json() for name, e in variant.figures.items()},
        "difference_to_first": {name: e.to_json() for name, e in variant.differences.items()},
        "trainable_parameters": trainable,
        "parameters": everything,
        "trainable_share": trainable / everything if trainable and everything else None,
        "seconds": variant.seconds.to_json(),
        "peak_memory_bytes": variant.one("peak_bytes"),
        "peak_memory_of": next((t.peak_of for t in variant.done if t.peak_of), None),
        "saved_bytes": variant.one("saved_bytes"),
    }


def _trial_json(trial: TrialFigures) -> dict[str, Any]:
    outcome = trial.outcome
    return {
        "seed": outcome.trial.seed,
        "state": outcome.state,
        "run": outcome.run.id if outcome.run else None,
        "evaluation": outcome.evaluation.id if outcome.evaluation else None,
        "reason": outcome.reason,
        "figures": dict(trial.values),
        **{name: getattr(trial, name) for name in TRIAL_FACTS},
    }


def headers(found: AblationComparison) -> list[str]:
    """The columns of the table."""
    names = [word for name in found.shown for word in (name, f"Δ {name}")]
    return ["variant", "seeds", *names, "trainable", "%", "seconds", "peak memory", "saved"]


def table_rows(found: AblationComparison) -> Iterator[list[str]]:
    """A row per variant, in words."""
    for variant in found.variants:
        trainable, everything = variant.one("trainable"), variant.one("parameters")
        share = f"{trainable / everything:.2%}" if trainable and everything else NONE
        cells = [variant.name, f"{len(variant.done)}/{len(variant.trials)}"]
        for name in found.shown:
            cells.append(_words(variant.figures.get(name)))
            cells.append(_words(variant.differences.get(name), "+"))
        cells += [f"{trainable:,}" if trainable is not None else NONE, share]
        cells += [variant.seconds.words(1), size(variant.one("peak_bytes"))]
        yield [*cells, size(variant.one("saved_bytes"))]


def _words(figure: Estimate | None, sign: str = "") -> str:
    if figure is None:
        return NONE
    return f"{figure.words(3, sign)} {figure.interval(3, sign)}".strip()


def size(count: int | None) -> str:
    """Bytes in words."""
    if count is None:
        return NONE
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"


def markdown(found: AblationComparison) -> str:
    """The table for a report, with what its figures are."""
    lines = [headers(found), ["---"] * len(headers(found)), *table_rows(found)]
    rows = ["| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines]
    return "\n".join([f"# {found.ablation.name}", "", *rows, "", *notes(found)]) + "\n"


def _plain(text: str) -> str:
    from workbench.text import clean

    return clean(text, newlines=False).replace("|", "\\|").replace("<", "&lt;")


def notes(found: AblationComparison) -> list[str]:
    """What there is to know of the figures, a sentence each."""
    first = found.variants[0].name
    said = [
        f"Figures are of {found.evaluated_on or 'nothing (no eval, no report)'}: means over the "
        f"seeds with 95% intervals (Student's t); Δ is to {first}, seed by seed.",
    ]
    if found.chosen_by:
        said.append(
            "The same data chose each run's checkpoint, which flatters: name other data in "
            "'report' to be evaluated on."
        )
    of = {t.peak_of for variant in found.variants for t in variant.done if t.peak_of}
    if "process" in of:
        said.append("Peak memory is the resident size of the whole process, libraries included.")
    if "gpu" in of:
        said.append("Peak memory is what torch had allocated on the GPU.")
    for variant in found.variants:
        for trial in variant.trials:
            if trial.outcome.state != "done":
                why = f": {trial.outcome.reason}" if trial.outcome.reason else ""
                said.append(f"{trial.outcome.trial.name} is {trial.outcome.state}{why}")
    return said


def trials_csv(found: AblationComparison) -> str:
    """A row per trial with all its figures."""
    trials = [t for variant in found.variants for t in variant.trials]
    names = list(dict.fromkeys(name for trial in trials for name in trial.values))
    columns = ["variant", "seed", "state", "run", "evaluation", *names, *TRIAL_FACTS, "reason"]
    return csv_text(columns, (_trial_row(trial, names) for trial in trials))


def _trial_row(trial: TrialFigures, names: Sequence[str]) -> list[Any]:
    outcome = trial.outcome
    runs = [run.id if run else "" for run in (outcome.run, outcome.evaluation)]
    head = [outcome.trial.variant, outcome.trial.seed, outcome.state, *runs]
    facts = [getattr(trial, name) for name in TRIAL_FACTS]
    return [*head, *(trial.values.get(name) for name in names), *facts, outcome.reason]


def variants_csv(found: AblationComparison) -> str:
    """A row per variant and figure, the intervals in columns."""
    rows = []
    for variant in found.variants:
        for name, figure in variant.figures.items():
            delta = variant.differences.get(name) or Estimate(None)
            ends = [figure.value, figure.low, figure.high, figure.n]
            rows.append([variant.name, name, *ends, delta.value, delta.low, delta.high])
    columns = ["variant", "figure", "mean", "low", "high", "seeds"]
    return csv_text([*columns, "difference", "difference_low", "difference_high"], rows)


def write_report(found: AblationComparison, folder: Path) -> list[Path]:
    """Write every file. Raises `RecordError` where the disk is full or read-only."""
    write_json(folder / "comparison.json", to_json(found))
    texts = {
        "comparison.csv": variants_csv(found),
        "trials.csv": trials_csv(found),
        "comparison.md": markdown(found),
    }
    for name, text in texts.items():
        atomic_write(folder / name, text)
    paths = [folder / name for name in ("comparison.json", *texts)]
    for name, data in _plots(found).items():
        atomic_write(folder / name, data)
        paths.append(folder / name)
    return paths


def _plots(found: AblationComparison) -> Mapping[str, bytes]:
    if not any(variant.done for variant in found.variants):
        return {}
    from training.ablation_plots import curves, metric_against_parameters

    drawn = {"curves.png": curves(found)}
    if found.shown:
        drawn["metric.png"] = metric_against_parameters(found)
    out = {}
    for name, figure in drawn.items():
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=120)
        out[name] = stream.getvalue()
    return out
