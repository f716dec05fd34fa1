"""The samples that are most like one: by text, by pixels, or by a model's image features.

Guarantee: the one rule of which samples are duplicates, for the commands, the bench and notebooks:
a picture of the same bytes or pixels is a duplicate for sure; one whose correlation is at least
`pictures.NEAR` is nearly one, and so is a text whose cosine is at least `texts.NEAR`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from workbench.errors import UsageError
from workbench.similar import pictures, texts
from workbench.similar.scan import Compared, Scan

By = Literal["image", "pixels", "text"]
BY: dict[By, str] = {
    "image": "cosine of the model's image features",
    "pixels": "correlation of the pictures at 16 × 16 pixels",
    "text": "cosine of the texts' TF-IDF",
}
Match = Literal["same file", "same pixels", "near", ""]
TOP = 20


@dataclass(frozen=True)
class InCommon:
    """What two samples share.

    Attributes:
        picture: Of any picture of each: `same file`, `same pixels`, `near`, or nothing.
        text: `same`, `near`, or nothing.
        counts: Whether that makes one a duplicate of the other; see `counts`.
    """

    picture: Match = ""
    text: Literal["same", "near", ""] = ""
    counts: bool = False

    def words(self) -> str:
        """`same file, near text`; empty where nothing is shared."""
        picture = f"{self.picture} picture" if self.picture == "near" else self.picture
        text = f"{self.text} text" if self.text else ""
        return ", ".join(filter(None, (picture, text)))


@dataclass(frozen=True)
class Neighbour:
    """One sample that is like another.

    Attributes:
        similarity: By the measure that was asked for; -1 to 1, 1 for the same.
        in_common: What makes it a duplicate.
        leak: It is a duplicate in another split.
    """

    sample: Compared
    similarity: float
    in_common: InCommon
    leak: bool

    def to_json(self) -> dict[str, Any]:
        """A flat object; similarity to six digits."""
        return {
            "uid": self.sample.uid,
            "split": self.sample.split,
            "similarity": round(self.similarity, 6),
            "label": self.sample.label,
            "text": self.sample.text,
            "picture": self.in_common.picture or None,
            "same_text": self.in_common.text or None,
            "leak": self.leak,
        }


@dataclass(frozen=True)
class Neighbours:
    """The samples that are most like one, best first.

    Attributes:
        by: What they are compared by.
        scanned: `Scan.to_json()`: what was compared.
        scanned_words: The same in words.
        undefined: Samples for which that is not defined: no text, no picture that can be read.
        problem: Why the measure is defined for none, empty where it is.
    """

    of: Compared
    by: By
    found: tuple[Neighbour, ...]
    scanned: dict[str, Any]
    scanned_words: str = ""
    undefined: int = 0
    problem: str = ""

    @property
    def leaks(self) -> int:
        """How many of those found are duplicates in another split."""
        return sum(one.leak for one in self.found)

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "uid": self.of.uid,
            "by": self.by,
            "measure": BY[self.by],
            "near": {"pixels": pictures.NEAR, "text": texts.NEAR},
            **self.scanned,
            "undefined": self.undefined,
            "problem": self.problem or None,
            "neighbours": [one.to_json() for one in self.found],
        }


def measure_of(typed: str) -> By:
    """What was typed, as a measure. Raises `UsageError` where it is none."""
    if typed not in BY:
        raise UsageError(f"by wants {', '.join(BY)}, got {typed!r}", kind="bad_knob")
    return typed


def neighbours(scan: Scan, uid: str, by: By, top: int = TOP) -> Neighbours:
    """The samples of a scan that are most like one of them.

    Args:
        scan: With pictures, and with features where `by` is `image`.
        uid: Of a sample of the scan.
        by: What they are compared by.
        top: At most so many.

    Raises:
        UsageError: `by` is no measure, or of what was not looked at.
    """
    import numpy as np

    by = measure_of(by)
    own = scan.by_uid[uid]
    sample, compared = scan.samples[own], (scan.to_json(), scan.scanned_words)
    things, rows = _measure(scan, by)
    if not things.of[own]:
        return Neighbours(sample, by, (), *compared, problem=_why_none(scan, own, by))
    alike = things.alike(rows, things.of[own])
    alike[own] = np.nan
    undefined = int(np.isnan(alike).sum()) - 1
    order = np.argsort(-np.nan_to_num(alike, nan=-np.inf), kind="stable")[:top]
    found = []
    for place in order:
        value = float(alike[place])
        if math.isnan(value):
            continue
        other = scan.samples[place]
        common = shared(scan, own, int(place))
        leak = common.counts and other.split != sample.split
        # A measure that compares rounded numbers may say a hair more than 1.
        found.append(Neighbour(other, max(-1.0, min(1.0, value)), common, leak))
    problem = "" if found else _why_none(scan, own, by)
    return Neighbours(sample, by, tuple(found), *compared, undefined, problem)


def _measure(scan: Scan, by: By):  # noqa: ANN202 - things, and their rows
    if by == "text":
        return scan.texts, scan.text_rows
    return scan.pictures, scan.pixel_rows if by == "pixels" else scan.feature_rows


def _why_none(scan: Scan, own: int, by: By) -> str:
    sample = scan.samples[own]
    if by == "text":
        return "no other sample has a text" if sample.text_key else "this sample has no text"
    if not sample.pictures:
        return "this sample has no picture"
    if not any(sample.pictures):
        return "the pictures of this sample cannot be read"
    if by == "image" and scan.features is not None:
        for picture in filter(None, sample.pictures):
            if why := scan.features.problems.get(picture.sha256):
                return why
    return "no other sample has a picture that it can be compared with"


def shared(scan: Scan, one: int, other: int) -> InCommon:
    """What two samples of a scan share, by their places."""
    first, second = scan.samples[one], scan.samples[other]
    picture: Match = ""
    mine, theirs = (list(filter(None, each.pictures)) for each in (first, second))
    if {p.sha256 for p in mine} & {p.sha256 for p in theirs}:
        picture = "same file"
    elif {p.pixels for p in mine} & {p.pixels for p in theirs}:
        picture = "same pixels"
    elif mine and theirs and _pixels_near(scan, one, other):
        picture = "near"
    text: Literal["same", "near", ""] = ""
    if first.text_key and first.text_key == second.text_key:
        text = "same"
    elif first.text_key and second.text_key and _text_near(scan, one, other):
        text = "near"
    return InCommon(picture, text, counts(scan, picture, text, first, second))


def counts(scan: Scan, picture: str, text: str, first: Compared, second: Compared) -> bool:
    """Whether what two samples share makes one a duplicate of the other.

    A picture does. A text that is the same does, unless it recurs, as questions do and a text that
    many different pictures share (`Scan.recurring`); one that is nearly the same only where there
    are no pictures, which could differ.
    """
    if picture or not text:
        return bool(picture)
    if text == "near":
        return not (first.images or second.images)
    recurs = first.text_key in scan.recurring or (first.texts_recur and second.texts_recur)
    return not recurs


def _pixels_near(scan: Scan, one: int, other: int) -> bool:
    rows = scan.pixel_rows
    mine, theirs = (list(scan.pictures.of[place]) for place in (one, other))
    return bool((rows[mine] @ rows[theirs].T >= pictures.NEAR).any())  # a NaN is not


def _text_near(scan: Scan, one: int, other: int) -> bool:
    rows = scan.text_rows
    (mine,), (theirs,) = scan.texts.of[one], scan.texts.of[other]
    return float((rows[mine] @ rows[theirs].T).toarray()[0, 0]) >= texts.NEAR
