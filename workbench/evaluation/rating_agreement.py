"""Two raters over the same answers, and a rater beside a metric: what agreement there is.

Guarantee: a rating counts where both are of the same run, sample, scale and text; what is left out
is counted. The figures are those of `workbench.evaluation.agreement`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sessions.compare import proportion
from sessions.errors import RecordError
from sessions.estimate import Estimate
from sessions.ratings import Rating
from sessions.runs import Run
from workbench.evaluation.agreement import LEVELS, alpha, correlation
from workbench.evaluation.metrics.per_answer import answer_scores


@dataclass(frozen=True)
class RatingAgreement:
    """What there is to say about one scale.

    Attributes:
        scale: A name of `sessions.ratings.SCALES`.
        raters: Of the values, in order; a metric has its own name.
        figures: By name.
        notes: What was left out.
    """

    scale: str
    raters: tuple[str, ...]
    figures: dict[str, Estimate]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return {
            "scale": self.scale,
            "raters": list(self.raters),
            "figures": {name: one.to_json() for name, one in self.figures.items()},
            "notes": list(self.notes),
        }


def agreement_of(files: Sequence[Sequence[Rating]]) -> list[RatingAgreement]:
    """Of two or more raters' ratings, a result for each scale that any used."""
    by_scale: dict[str, dict[tuple[str, str], list[Rating]]] = defaultdict(dict)
    for ratings in files:
        for one in ratings:
            if one.value is not None:
                by_scale[one.scale].setdefault((one.run, one.uid), []).append(one)
    return [_between(scale, answers) for scale, answers in by_scale.items()]


def _between(scale: str, answers: dict[tuple[str, str], list[Rating]]) -> RatingAgreement:
    units, alone, other = [], 0, 0
    for _, given in sorted(answers.items()):
        # The text that most raters saw; who saw another one rated something else.
        texts = [one.answer for one in given]
        common = max(sorted(set(texts)), key=texts.count)
        same = [one for one in given if one.answer == common]
        other += len(given) - len(same)
        alone += len(same) < 2
        units.append([float(one.value or 0) for one in same])
    notes = [f"{alone} answers were rated once and say nothing about agreement"] if alone else []
    notes += [f"{other} ratings are of another text of the same sample"] if other else []
    levels = LEVELS[:1] if scale == "good-bad" else LEVELS
    figures = {f"alpha/{level}": alpha(units, level) for level in levels}
    pairs = [unit for unit in units if len(unit) > 1]
    figures["equal"] = proportion(len(set(unit)) == 1 for unit in pairs)
    names = dict.fromkeys(one.rater for given in answers.values() for one in given)
    return RatingAgreement(scale, tuple(names), figures, tuple(notes))


def agreement_with_metric(
    ratings: Sequence[Rating], metric: str, *, bertscore_model: str = ""
) -> list[RatingAgreement]:
    """Rank correlations of one rater's ratings with a metric, for each scale.

    Raises:
        UsageError: There is no such metric, or it cannot be had here.
    """
    scores: dict[tuple[str, str], float] = {}
    missing, definition = [], ""
    for name in dict.fromkeys(one.run for one in ratings):
        try:
            run = Run.open(name)
            lines = run.predictions()
        except RecordError:
            missing.append(name)
            continue
        wanted = {one.uid for one in ratings if one.run == name}
        task = str(run.config.get("task") or "")
        asked = [line for line in lines if line.get("uid") in wanted]
        found, definition = answer_scores(asked, metric, task=task, bertscore_model=bertscore_model)
        scores |= {(name, uid): value for uid, value in found.items()}
    out = []
    for scale in dict.fromkeys(one.scale for one in ratings):
        given = [one for one in ratings if one.scale == scale and one.value is not None]
        both = [one for one in given if (one.run, one.uid) in scores]
        first = [float(one.value or 0) for one in both]
        second = [scores[one.run, one.uid] for one in both]
        notes = [f"{metric}: {definition}"] if definition else []
        if len(both) < len(given):
            notes.append(f"{len(given) - len(both)} rated answers have no value of {metric}")
        notes += [f"run {name} is not here" for name in missing]
        figures = {
            "kendall": correlation(first, second, "kendall"),
            "spearman": correlation(first, second, "spearman"),
        }
        names = dict.fromkeys(one.rater for one in given)
        out.append(RatingAgreement(scale, (*names, metric), figures, tuple(notes)))
    return out
