"""The modality ledger as two tables: for `wb runs ledger` and the report in each of its forms.

Guarantee: the words and the digits are the same wherever the ledger is printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sessions.estimate import NONE
from sessions.ids import short_id
from workbench.evaluation.comparison import p_words

if TYPE_CHECKING:
    from workbench.evaluation.ledger import Ledger

NEED_HEAD = ("right answers need", "without image", "without text", "n", "share", "95%", "by luck")
ASKED_HEAD = ("asked", "accuracy", "95%", "change", "95%", "p", "run")
_WITHOUT = {
    "image and text": ("wrong", "wrong"),
    "text alone": ("right", "wrong"),
    "image alone": ("wrong", "right"),
    "neither": ("right", "right"),
}


def need_rows(told: Ledger) -> Iterator[tuple[str, ...]]:
    """What right answers need, a row each; see `NEED_HEAD`."""
    for part in told.parts:
        luck = NONE if part.luck is None else f"{part.luck:.3f}"
        share = (part.share.words(3), part.share.interval())
        yield (part.name, *_WITHOUT[part.name], f"{part.count:,}", *share, luck)


def asked_rows(told: Ledger) -> Iterator[tuple[str, ...]]:
    """The run, its controls, and the most frequent label; see `ASKED_HEAD`."""
    yield ("as it is", told.accuracy.words(3), told.accuracy.interval(), "", "", "", "")
    for control in told.controls:
        by = control.difference
        yield (
            control.name,
            control.accuracy.words(3),
            control.accuracy.interval(),
            by.words(3, "+"),
            by.interval(3, "+"),
            p_words(by.p_value),
            short_id(control.run),
        )
    commonest = told.commonest
    yield ("most frequent label", commonest.words(3), commonest.interval(), "", "", "", "")


def over_words(told: Ledger) -> list[str]:
    """Over how many samples and clusters it is, and what is left out."""
    over = f"over {told.accuracy.n:,} samples" + (" that all have" if told.left_out else "")
    words = [", ".join(word for word in (over, told.accuracy.note) if word)]
    if told.left_out:
        words.append(f"left out, since they failed or are missing in one run: {told.left_out:,}")
    if told.missing:
        words.append(f"no ledger without the control {' and '.join(told.missing)}")
    return words
