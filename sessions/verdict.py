"""What an answer counts as, in a run or in a session: the one rule of commands, bench and notebook.

Guarantee: standard library only. A caption, or a sample without a gold label, is neither right nor
wrong. Not for reading answers: the line's `label` is what was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sessions.records import PromptRecord

Verdict = Literal["right", "wrong", "unparsed", "failed", "none"]


# A run's errors.
ERRORS: tuple[Verdict, ...] = ("wrong", "unparsed", "failed")


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
    return verdict(line) in ERRORS


def is_truncated(line: Mapping[str, Any]) -> bool:
    """Whether the answer was cut off at the limit of new tokens."""
    return not line.get("error") and line.get("finish_reason") == "length"


def answer_verdict(record: PromptRecord) -> Verdict:
    """What a prompt's answer counts as, in the words of a prediction.

    `none` where nothing says what is right, or where a label was not asked for: free text is judged
    only where one can be read from its answer. A label is right where it is the sample's own,
    letter by letter, as in an evaluation; boxes are right where they overlap the gold ones enough,
    which was told when they were read.
    """
    if record.error:
        return "failed"
    if record.grounding is not None and "correct" in record.grounding:
        line = {"label": record.label, "target": record.target}
        return verdict(line | {"correct": record.grounding["correct"]})
    if record.target is None or record.words == {}:
        return "none"
    if record.label is None:
        return "unparsed" if record.template else "none"
    return "right" if record.label == record.target else "wrong"


def answer_right(record: PromptRecord) -> bool | None:
    """Whether an answer is the sample's label; `None` where it is not judged."""
    found = answer_verdict(record)
    return None if found in ("failed", "none") else found == "right"
