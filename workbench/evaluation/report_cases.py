"""Samples that a report shows with their pictures: wrong, failed and flipped ones.

Guarantee: a sample whose data are not at hand keeps its place, and why is said there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sessions.compare import Flip
from sessions.errors import WbError
from sessions.estimate import NONE
from sessions.verdict import verdict
from workbench.evaluation.metrics.calibration import probabilities
from workbench.evaluation.metrics.label_scores import best_label
from workbench.grounding.answered import AnsweredRegions, recorded_regions
from workbench.sample import Sample

if TYPE_CHECKING:
    from PIL import Image

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """A sample that went wrong.

    Attributes:
        what: `wrong`, `unparsed` or `failed`.
        confidence: In the label that was answered, where labels were scored.
        sample: Its pictures and texts; `None` where the data are not at hand.
        missing: Why not.
        places: Boxes and points of the answer, with their gold.
        maps: Its pictures under the heat of its answer's first token, where they were made.
        no_maps: Why they could not be made.
    """

    uid: str
    what: str
    target: str
    label: str
    text: str
    confidence: float | None
    sample: Sample | None
    missing: str
    places: AnsweredRegions | None = None
    maps: tuple[Image.Image, ...] = ()
    no_maps: str = ""


@dataclass(frozen=True)
class FlippedCase:
    """A sample that one run has right and the other wrong.

    Attributes:
        fixed: The second run has it right; otherwise the first had.
        first: Label and text of the first run's answer; `second`: of the other's.
        answered: Whether each of the two was answered at all.
        heat: The pictures under the heat of each answer's first token, where they were made.
        places: Boxes and points of each answer, with their gold.
    """

    uid: str
    fixed: bool
    target: str
    first: tuple[str, str]
    second: tuple[str, str]
    answered: tuple[bool, bool]
    sample: Sample | None
    missing: str
    heat: tuple[tuple[Image.Image, ...], ...] = ((), ())
    places: tuple[AnsweredRegions | None, AnsweredRegions | None] = (None, None)


def worst_of(lines: Sequence[Line], most: int) -> list[Case]:
    """Wrong ones by falling confidence, then unparsed ones."""
    wrong = [line for line in lines if verdict(line) in ("wrong", "unparsed")]
    wrong.sort(key=lambda x: (verdict(x) == "unparsed", -(_confidence(x) or 0.0), x["uid"]))
    return [_case(line) for line in wrong[:most]]


def failed_of(lines: Sequence[Line], most: int) -> list[Case]:
    """Those that could not be asked."""
    return [_case(line) for line in lines if verdict(line) == "failed"][:most]


def flipped_of(flips: Sequence[Flip], most: int) -> list[FlippedCase]:
    """Broken ones first, so many of both kinds as there is room for."""
    broken = [flip for flip in flips if not flip.fixed]
    fixed = [flip for flip in flips if flip.fixed]
    room = max(most - len(fixed), most // 2)
    chosen = broken[:room]
    return [_flipped(flip) for flip in [*chosen, *fixed[: most - len(chosen)]]]


def _flipped(flip: Flip) -> FlippedCase:
    sample, missing = _sample(flip.uid)
    return FlippedCase(
        flip.uid,
        flip.fixed,
        str(flip.after.get("target")),
        _said(flip.before),
        _said(flip.after),
        (verdict(flip.before) != "failed", verdict(flip.after) != "failed"),
        sample,
        missing,
        places=(_places(flip.before), _places(flip.after)),
    )


def _places(line: Line) -> AnsweredRegions | None:
    return recorded_regions(line.get("grounding"), len(line.get("images") or (0,)))


def _confidence(line: Line) -> float | None:
    scores = line.get("scores")
    if not scores or not all(isinstance(value, (int, float)) for value in scores.values()):
        return None
    label = line.get("label")
    chosen = label if isinstance(label, str) and label in scores else best_label(scores)
    return probabilities(scores).get(chosen)


def _said(line: Line) -> tuple[str, str]:
    """What it counts as, and the text or the error."""
    error = line.get("error")
    text = error.get("message", "") if isinstance(error, Mapping) else line.get("text") or ""
    what = verdict(line)
    unread = what if what in ("unparsed", "failed") else NONE
    return str(line.get("label") or unread), str(text)


def _sample(uid: str) -> tuple[Sample | None, str]:
    from workbench.data.source import get_sample

    try:
        return get_sample(uid), ""
    except (WbError, OSError, ValueError) as error:
        return None, error.message if isinstance(error, WbError) else str(error)


def _case(line: Line) -> Case:
    uid = str(line["uid"])
    sample, missing = _sample(uid)
    label, text = _said(line)
    target = str(line.get("target"))
    confidence, places = _confidence(line), _places(line)
    return Case(uid, verdict(line), target, label, text, confidence, sample, missing, places)
