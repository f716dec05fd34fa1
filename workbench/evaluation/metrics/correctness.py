"""Whether an answer is right, by its task, and the F1 of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sessions.clusters import Clusters
from sessions.estimate import Estimate
from workbench.evaluation.metrics.vqa_text import exact_match
from workbench.evaluation.statistics import bootstrap, ratio

# So many answers are those of people, weighed by `vqa_accuracy`; fewer are all accepted ones.
PEOPLE = 10


def is_correct(
    task: str, label: str | None, target: str | None, accepted: Sequence[str]
) -> bool | None:
    """Whether an answer counts as right; `None` where that cannot be said (no target, a caption).

    Args:
        task: Of the sample.
        label: What was read from the answer, `None` for unparsed.
        target: The sample's label.
        accepted: All accepted answers; `target` alone where empty.
    """
    if task == "caption" or target is None:
        return None
    if label is None:
        return False
    if task == "question":
        # People's ten answers are weighed by `vqa_accuracy`; the exact match is of the first.
        return exact_match(label, [target] if len(accepted) >= PEOPLE else [target, *accepted])
    return label == target


def macro_f1(
    targets: Sequence[str], said: Sequence[str | None], clusters: Clusters | None
) -> Estimate:
    """The mean F1 of the labels that occur among `targets`.

    Args:
        targets: One label at least.
        said: What was said of each, `None` for nothing; another label than any target's is wrong.
        clusters: Which samples belong together.
    """
    names = sorted(set(targets))
    place = {name: number for number, name in enumerate(names)}
    features = np.zeros((len(targets), 3, len(names)))  # wanted, said and right, by label
    for row, (target, label) in enumerate(zip(targets, said, strict=True)):
        features[row, 0, place[target]] = 1
        if label in place:
            features[row, 1, place[label]] = 1
        features[row, 2, place[target]] = label == target

    def score(sums: np.ndarray) -> np.ndarray:  # (R, 3 * labels) -> (R,)
        wanted, said, right = np.split(sums, 3, axis=1)
        f1 = 2 * right / np.maximum(wanted + said, 1)
        return ratio(np.stack([(f1 * (wanted > 0)).sum(axis=1), (wanted > 0).sum(axis=1)], axis=1))

    found = bootstrap(features.reshape(len(targets), -1), score, clusters=clusters)
    return replace(found, definition="mean F1 of the labels that occur")
