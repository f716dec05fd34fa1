"""Figures of a classification head beside those of the text, over the same samples.

- `head_accuracy`: the head's likeliest class is right, by the rule of the task; a failed sample
  counts as wrong, as in `accuracy`. A label that is none of the head's classes can never be right.
- `text_accuracy`: the same of the label that was read from the text; `accuracy` once more, so that
  the two stand side by side; not where labels were answered by their scores.
- `head_text_agreement`: both say the same label; an answer that was not parsed agrees with none.
- `head_macro_f1`: the mean F1 of the labels that occur.
- `head_auroc`: of two classes, by the probability of the positive one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sessions.clusters import clusters_of
from sessions.compare import accuracy, proportion
from sessions.estimate import Estimate
from workbench.evaluation.metrics.correctness import is_correct, macro_f1
from workbench.evaluation.metrics.label_scores import best_label, positive_label
from workbench.evaluation.statistics import auroc

Line = Mapping[str, Any]


def head_label(line: Line) -> str | None:
    """The head's likeliest class, `None` where it said nothing."""
    said = line.get("head")
    return best_label(said) if said else None


def head_metrics(
    lines: Sequence[Line], task: str, positive: str | None = None
) -> dict[str, Estimate]:
    """The figures of a run whose model has a head, `{}` of any other.

    Args:
        lines: One for each sample, failed ones too.
        task: Of the dataset.
        positive: The label whose probability gives the AUROC; for two classes it can be told.
    """
    said = [line for line in lines if line.get("head")]
    known = [line for line in lines if line.get("target") is not None]
    if not said or not known:
        return {}
    right = [
        bool(is_correct(task, head_label(line), line["target"], line.get("references") or ()))
        for line in known
    ]
    out = {
        "head_accuracy": proportion(right, clusters_of(known)),
        "head_text_agreement": replace(
            proportion([head_label(line) == line.get("label") for line in said], clusters_of(said)),
            definition="the same label by head and text; unparsed text agrees with none",
        ),
    }
    if not any(line.get("answered_by") == "score" for line in known):
        out["text_accuracy"] = accuracy(known)
    judged = [line for line in said if line.get("target") is not None]
    if task != "question" and judged:
        targets = [str(line["target"]) for line in judged]
        labels = [head_label(line) for line in judged]
        out["head_macro_f1"] = macro_f1(targets, labels, clusters_of(judged))
    names = list(said[0]["head"])
    if len(names) == 2 and judged:
        truth = positive if positive in names else positive_label(names)
        scores = [line["head"].get(truth, 0.0) for line in judged]
        out["head_auroc"] = auroc(
            scores, [line["target"] == truth for line in judged], clusters_of(judged)
        )
    return out
