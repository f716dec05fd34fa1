"""The figures of label scores: how often the best one is right, and how true the odds are.

Guarantee: from the lines of a run alone. Probabilities are the softmax of the total
log-likelihoods over the labels of a sample: what the model would say if it had to say one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sessions.clusters import clusters_of
from sessions.compare import proportion
from sessions.errors import RecordError
from sessions.estimate import Estimate
from workbench.evaluation.metrics.calibration import (
    BINS,
    Bin,
    brier,
    calibration_error,
    equal_mass,
    equal_width,
    probabilities,
    reliability,
)
from workbench.evaluation.statistics import auroc

Line = Mapping[str, Any]


def best_label(scores: Mapping[str, float]) -> str:
    """The likeliest label, the first of several."""
    return max(scores, key=lambda label: scores[label])


def disagrees(line: Line) -> bool:
    """Whether what was said and what was scored best are two labels; unparsed is none."""
    if not _scored(line) or line.get("error") or line.get("answered_by") == "score":
        return False
    return line.get("label") != best_label(line["scores"])


def score_figures(
    lines: Sequence[Line], labels: Sequence[str], positive: str | None
) -> tuple[dict[str, Estimate], dict[str, Any]]:
    """Figures by name, and `{"disagree", "reliability"}` where there is something to count.

    Args:
        lines: Answered ones.
        labels: The dataset's closed set, empty where samples have their own.
        positive: The label whose scores give the AUROC.
    """
    told = [line for line in lines if _scored(line)]
    if not told:
        return {}, {}
    out: dict[str, Estimate] = {}
    extra: dict[str, Any] = {}
    said = [line for line in told if line.get("answered_by") != "score"]
    if said:
        apart = [disagrees(line) for line in said]
        extra["disagree"] = sum(apart)
        out["agreement"] = replace(
            proportion([not each for each in apart], clusters_of(said)),
            definition="the label that was said is the one scored best",
        )
    known = [line for line in told if line.get("target") in line["scores"]]
    if not known:
        return out, extra
    clusters = clusters_of(known)
    if said:
        right = [best_label(line["scores"]) == line["target"] for line in known]
        out["accuracy_by_scores"] = proportion(right, clusters)
    names = list(labels) or sorted({label for line in known for label in line["scores"]})
    if len(names) == 2 and all(set(line["scores"]) == set(names) for line in known):
        truth = positive if positive in names else positive_label(names)
        other = next(name for name in names if name != truth)
        margins = [line["scores"][truth] - line["scores"][other] for line in known]
        out["auroc"] = auroc(margins, [line["target"] == truth for line in known], clusters)
    found = calibration(known)
    out["ece"] = found.error
    out["ece_adaptive"] = calibration(known, adaptive=True).error
    out["brier"] = found.brier
    extra["reliability"] = [one.to_json() for one in found.bins]
    return out, extra


@dataclass(frozen=True)
class Calibration:
    """How true a run's probabilities are.

    Attributes:
        error: The expected calibration error.
        brier: The Brier score.
        bins: Of the reliability diagram.
    """

    error: Estimate
    brier: Estimate
    bins: tuple[Bin, ...]


def calibration(lines: Sequence[Line], *, bins: int = BINS, adaptive: bool = False) -> Calibration:
    """Confidence against accuracy, of the samples that have label scores and a known target.

    Args:
        lines: Of `predictions.jsonl`.
        bins: How many.
        adaptive: Of equally many samples rather than of equal width.

    Raises:
        RecordError: No sample has both.
    """
    known = [line for line in lines if _scored(line) and line.get("target") in line["scores"]]
    if not known:
        raise RecordError(
            "no sample has label scores and a known label",
            hint="make a run with: wb run-eval --answer score (or both)",
            kind="no_scores",
        )
    # In the order of the UIDs: no interval depends on the order of the lines.
    known.sort(key=lambda line: str(line["uid"]))
    odds = [probabilities(line["scores"]) for line in known]
    confidence = [max(each.values()) for each in odds]
    right = [best_label(line["scores"]) == line["target"] for line in known]
    clusters = clusters_of(known)
    edges = equal_mass(confidence, bins) if adaptive else equal_width(bins)
    how = "equally many samples" if adaptive else "equal width"
    return Calibration(
        replace(
            calibration_error(confidence, right, clusters, edges=edges),
            definition=f"{len(edges) - 1} bins of {how}",
        ),
        brier(odds, [str(line["target"]) for line in known], clusters),
        tuple(reliability(confidence, right, edges)),
    )


def _scored(line: Line) -> bool:
    """Whether it has a number for each label."""
    scores = line.get("scores")
    return bool(scores) and all(isinstance(value, (int, float)) for value in scores.values())


def positive_label(labels: Sequence[str]) -> str:
    """Which of two labels is the positive one: true, yes, 1, hateful …, else the second."""
    known = ("true", "yes", "1", "hateful", "offensive", "positive")
    return next((label for label in labels if label.casefold() in known), labels[-1])
