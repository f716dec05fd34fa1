"""Which of a training's evaluations is better, by which figure; when there have been enough.

Guarantee: torch-free; a figure that is undefined decides nothing and is no zero; the same history
gives the same decision, so that a resumed training stops where a whole one does. Not for making
figures: see `workbench.evaluation.metrics.of_run`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

# The figures of an evaluation inside a training that more of is better. It scores no labels, so
# that there is neither AUROC nor calibration of them.
_MORE = (
    *("accuracy", "accuracy_answered", "vqa_accuracy", "macro_f1"),
    *("consistency", "consistency_answered"),
    *("head_accuracy", "head_macro_f1", "head_auroc", "head_text_agreement", "text_accuracy"),
    *("bleu4", "rouge_l", "coco_bleu1", "coco_bleu2", "coco_bleu3", "coco_bleu4"),
    *("coco_rouge_l", "cider", "meteor", "bertscore", "distinct1", "distinct2"),
    *("iou", "accuracy_iou75", "pointing", "box_precision", "box_recall", "box_f1"),
)
# And those that less of is better.
_LESS = ("loss", "loss_text", "loss_class", "unparsed", "point_distance")


def refuse_unknown(name: str) -> str:
    """What to say of a figure that no evaluation has; empty where one may."""
    known = (*_MORE, *_LESS)
    # `explanation/cider` is the figure of a part, `accuracy/yes-no` that of a kind.
    if not name or decides(name):
        return ""
    near = difflib.get_close_matches(name, known, n=1)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return (
        f"'best_by' wants a figure of an evaluation, such as {', '.join(known)}, got {name!r}"
        + meant
    )


def decides(name: str) -> bool:
    """Whether of two values of a figure it is known which is the better one."""
    return any(part in _MORE or part in _LESS for part in _parts(name))


def less_is_better(name: str) -> bool:
    """Whether the smaller of two values is the better one."""
    return any(part in _LESS for part in _parts(name))


def score_of(name: str, figures: Mapping[str, float]) -> float | None:
    """A figure so that more is better; `None` where it is undefined.

    Args:
        name: Of the figure; one that has a suffix may be named without (`meteor`).
        figures: By name, undefined ones left out.
    """
    found = name if name in figures else ""
    if not found:
        longer = [other for other in figures if other.startswith(f"{name}_")]
        found = longer[0] if len(longer) == 1 else ""
    if not found:
        return None
    return -figures[found] if less_is_better(name) else figures[found]


def headline(
    best_by: str, usual: Sequence[str], figures: Mapping[str, float]
) -> tuple[str, float | None]:
    """Which figure decides, and its score: the one that is asked for, else the first there is.

    Args:
        best_by: Of the config; may be empty.
        usual: What decides where nothing is asked for, in order; the loss after them.
        figures: By name, undefined ones left out, `loss` among them.
    """
    name = best_by or next((n for n in usual if n in figures), "loss")
    return name, score_of(name, figures)


def is_better(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether an evaluation beats another one, each `{"score", "loss"}`.

    A defined score beats an undefined one; of equal scores (accuracies are coarse), and where both
    are undefined, the lower loss decides.
    """
    if not old:
        return True
    if (new["score"] is None) != (old["score"] is None):
        return old["score"] is None
    if new["score"] is None:
        return new["loss"] < old["loss"]
    return (new["score"], -new["loss"]) > (old["score"], -old["loss"])


def evaluations_without_gain(scores: Sequence[float | None], min_delta: float) -> int:
    """How many of the last evaluations have not beaten the best before them by `min_delta`.

    Args:
        scores: Of all evaluations in their order, more is better; an undefined one is no gain.
        min_delta: What an evaluation has to gain; with 0 anything above the best is a gain.
    """
    best: float | None = None
    since = 0
    for score in scores:
        gained = score is not None and (best is None or score > best + min_delta)
        since = 0 if gained else since + 1
        best = score if gained else best
    return since


def _parts(name: str) -> list[str]:
    """Of `explanation/meteor_exact_stem` both words, without what says which METEOR it is."""
    return ["meteor" if part.startswith("meteor_") else part for part in name.split("/")]
