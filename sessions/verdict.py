"""What a line of `predictions.jsonl` counts as: the one rule of commands, bench and notebook.

Guarantee: standard library only. A caption, or a sample without a gold label, is neither right nor
wrong. Not for reading answers: the line's `label` is what was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Verdict = Literal["right", "wrong", "unparsed", "failed", "none"]


def verdict(line: Mapping[str, Any]) -> Verdict:
    """`failed` (not asked), `none` (nothing says what is right), `unparsed`, `wrong` or `right`.

    The line's own word (`correct`) goes first, where the metric is not plain equality; a line of
    an older version without it is right where label and target are equal.
    """
    if line.get("error"):
        return "failed"
    label, target, correct = line.get("label"), line.get("target"), line.get("correct")
    if ("correct" in line and correct is None) or (target is None and correct is None):
        return "none"
    right = correct if isinstance(correct, bool) else label is not None and label == target
    if right:
        return "right"
    return "unparsed" if label is None else "wrong"


def is_right(line: Mapping[str, Any]) -> bool:
    """Whether a line counts as right; a failed or unparsed one does not."""
    return verdict(line) == "right"


def is_judged(line: Mapping[str, Any]) -> bool:
    """Whether something says what is right, of a failed line too."""
    return line.get("target") is not None and line.get("correct", False) is not None


def is_error(line: Mapping[str, Any]) -> bool:
    """Whether a line belongs among a run's errors: wrong, unparsed or failed."""
    return verdict(line) in ("wrong", "unparsed", "failed")


def is_truncated(line: Mapping[str, Any]) -> bool:
    """Whether the answer was cut off at the limit of new tokens."""
    return not line.get("error") and line.get("finish_reason") == "length"
