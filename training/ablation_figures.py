"""What an ablation found: each variant's figures over the seeds, and its difference to the first.

Guarantee: figures are read from the runs alone, so that they can be made again at any time; a
figure of no seed is undefined, not zero, and one of a single seed has no interval.

Intervals are Student's t over the seeds (mean ± t(n-1) s / sqrt(n), 95%); differences are taken
seed by seed, so that what the seeds share (order of the data, initial draws) cancels out.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessions.atomic import read_lines
from sessions.estimate import MAIN, Estimate, read_estimates, undefined
from sessions.intervals import student95
from sessions.runs import Run
from training.ablate import Outcome
from training.ablation_config import Ablation

# What the table shows where nobody says: the first three that there are.
SHOWN = (*MAIN[:6], "cider", "rouge_l", "meteor", "eval_loss")
_MOST_SHOWN = 3


@dataclass(frozen=True)
class TrialFigures:
    """What one trial measured.

    Attributes:
        values: Figure -> value, those that are defined.
        trainable: Parameters that were trained.
        parameters: All of them.
        seconds: Of the training, over all its stretches, evaluations within it included.
        peak_bytes: Most memory held while training.
        saved_bytes: Of what the training left to be used.
        curve: Lines of the training's history.
    """

    outcome: Outcome
    values: Mapping[str, float]
    trainable: int | None = None
    parameters: int | None = None
    seconds: float | None = None
    peak_bytes: int | None = None
    peak_of: str = ""
    saved_bytes: int | None = None
    curve: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class VariantFigures:
    """One variant over its seeds.

    Attributes:
        figures: Name -> mean with its interval.
        differences: Name -> mean difference to the first variant, over the seeds that both have.
    """

    name: str
    trials: tuple[TrialFigures, ...]
    figures: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    seconds: Estimate

    @property
    def done(self) -> list[TrialFigures]:
        """The trials that ended well."""
        return [trial for trial in self.trials if trial.outcome.state == "done"]

    def one(self, name: str) -> Any:
        """The largest of a fact that trials share or nearly so; `None` where there is none."""
        found = [getattr(t, name) for t in self.done]
        return max((value for value in found if value is not None), default=None)


@dataclass(frozen=True)
class AblationComparison:
    """All variants.

    Attributes:
        shown: The figures that the table shows, the first of them in the plot.
        evaluated_on: What the figures are of.
        chosen_by: Whether that data also chose each run's checkpoint, which flatters.
    """

    ablation: Ablation
    variants: tuple[VariantFigures, ...]
    shown: tuple[str, ...]
    evaluated_on: str
    chosen_by: bool


def over_seeds(values: Sequence[float]) -> Estimate:
    """Mean and t-interval over seeds."""
    if not values:
        return undefined("no seed has it")
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return Estimate(mean, n=1, reason="one seed has no interval")
    half = student95(n - 1) * statistics.stdev(values) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


def compare(ablation: Ablation, outcomes: Iterable[Outcome]) -> AblationComparison:
    """The figures of all trials, and what they come to."""
    trials: dict[str, list[TrialFigures]] = {name: [] for name in ablation.variants}
    for outcome in outcomes:
        trials[outcome.trial.variant].append(read_trial(outcome))
    first = next(iter(trials.values()))
    variants = tuple(_variant(name, own, first) for name, own in trials.items())
    config = ablation.trials[0].config
    return AblationComparison(
        ablation,
        variants,
        _shown(ablation, variants),
        config.report or config.eval,
        not config.report and config.keep == "best",
    )


def read_trial(outcome: Outcome) -> TrialFigures:
    """What a trial's runs say; nothing of one that is not done."""
    run = outcome.run
    if outcome.state != "done" or run is None:
        return TrialFigures(outcome, {})
    found = run.metrics()
    of = outcome.evaluation.metrics() if outcome.evaluation is not None else found
    values = {
        name: figure.value
        for name, figure in read_estimates(of).items()
        if figure.value is not None and "/" not in name and name != "tokens_per_s"
    }
    loss = (found.get("best") or found.get("last") or {}).get("loss")
    if isinstance(loss, (int, float)) and outcome.trial.config.eval:
        values["eval_loss"] = float(loss)
    peak = found.get("peak_memory") or {}
    return TrialFigures(
        outcome,
        values,
        found.get("trainable_parameters"),
        found.get("parameters"),
        found.get("seconds"),
        peak.get("bytes"),
        str(peak.get("of") or ""),
        _bytes_of(run),
        tuple(read_lines(run.path / "history.jsonl")[0]),
    )


def _variant(
    name: str, own: Sequence[TrialFigures], first: Sequence[TrialFigures]
) -> VariantFigures:
    done = [trial for trial in own if trial.outcome.state == "done"]
    names = list(dict.fromkeys(name for trial in done for name in trial.values))
    figures = {
        name: over_seeds([trial.values[name] for trial in done if name in trial.values])
        for name in names
    }
    differences = {} if own is first else {n: _difference(n, done, first) for n in names}
    seconds = over_seeds([trial.seconds for trial in done if trial.seconds is not None])
    return VariantFigures(name, tuple(own), figures, differences, seconds)


def _difference(name: str, own: Sequence[TrialFigures], first: Sequence[TrialFigures]) -> Estimate:
    other = {t.outcome.trial.seed: t.values[name] for t in first if name in t.values}
    pairs = [
        t.values[name] - other[t.outcome.trial.seed]
        for t in own
        if name in t.values and t.outcome.trial.seed in other
    ]
    return over_seeds(pairs)


def _shown(ablation: Ablation, variants: Sequence[VariantFigures]) -> tuple[str, ...]:
    there = list(dict.fromkeys(name for variant in variants for name in variant.figures))
    if ablation.metrics:
        return ablation.metrics
    usual = [name for name in SHOWN if name in there]
    return tuple((usual or there)[:_MOST_SHOWN])


def _bytes_of(run: Run) -> int | None:
    """Bytes of the adapter's folder, or of the model's."""
    folder = next((p for n in ("adapter", "model") if (p := run.path / n).is_dir()), None)
    return None if folder is None else _folder_bytes(folder)


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def mean_curve(
    trials: Sequence[TrialFigures], name: str
) -> tuple[list[int], list[float], list[float], list[float]]:
    """Steps, and mean, least and largest of a logged figure over the trials that have it there."""
    at: dict[int, list[float]] = {}
    for trial in trials:
        for line in trial.curve:
            value, step = line.get(name), line.get("step")
            if isinstance(value, (int, float)) and isinstance(step, int):
                at.setdefault(step, []).append(float(value))
    steps = sorted(at)
    return (
        steps,
        [statistics.fmean(at[step]) for step in steps],
        [min(at[step]) for step in steps],
        [max(at[step]) for step in steps],
    )
