"""What an answer says of places, read and judged: one record for sessions, runs and what is shown.

Guarantee: the one rule for a prediction's line, a session's record and a replay. A record of
another version reads as far as it is understood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sessions.errors import WbError
from workbench.grounding.conventions import units_asked
from workbench.grounding.gold import gold_of
from workbench.grounding.judging import JudgedRegions, judge
from workbench.grounding.reading import read_regions
from workbench.grounding.region import Region, regions_of, words_of
from workbench.sample import Answer, CoordinateFrame, Message, Sample

VERSION = 1


@dataclass(frozen=True)
class AnsweredRegions:
    """One answer's places.

    Attributes:
        regions: In the answer's order, in pixels of the image as it is shown.
        gold: Those that are right, empty where nothing says it.
        problems: What was left out or changed while they were read.
        judged: Against the gold, `None` without.
        images: How many images they may lie in.
    """

    regions: tuple[Region, ...] = ()
    gold: tuple[Region, ...] = ()
    problems: tuple[str, ...] = ()
    judged: JudgedRegions | None = None
    images: int = 1

    @property
    def label(self) -> str | None:
        """The places in words, `None` where the answer has none: it is unparsed."""
        return words_of(self.regions, self.images) if self.regions else None

    @property
    def overlap_words(self) -> str:
        """`IoU 0.71`, or where a point lies; empty where nothing was judged."""
        if self.judged is None or not self.regions:
            return ""
        if self.judged.iou is not None:
            return f"IoU {self.judged.iou:.2f}"
        if self.judged.distance is not None:
            return f"{self.judged.distance:.0f} pixels off"
        if self.judged.pointing is None:
            return ""
        return "in the box" if self.judged.pointing == 1 else "not in the box"

    @property
    def lines(self) -> list[str]:
        """One for each place: `[12, 40, 96, 131] the cat`."""
        return [
            " ".join(word for word in (words_of([one], self.images), one.name) if word)
            for one in self.regions
        ]

    def to_json(self) -> dict[str, Any]:
        """As records hold it."""
        out: dict[str, Any] = {"v": VERSION, "regions": [one.to_json() for one in self.regions]}
        if self.gold:
            out["gold"] = [one.to_json() for one in self.gold]
        if self.problems:
            out["problems"] = list(self.problems)
        if self.judged is not None:
            out["judged"] = self.judged.to_json()
            out["correct"] = self.judged.right
        return out


def answered_regions(
    answer: Answer,
    messages: Sequence[Message],
    gold: Sequence[Region] = (),
    template: str | None = None,
) -> AnsweredRegions:
    """Read an answer's places, in the images of the last turn that shows any, and judge them.

    Args:
        answer: With the frames of the prompt's images; where it has none (a server's model) its
            numbers are in the units that the template asked for, over the whole image, and without
            any the forms with units of their own are read alone.
        messages: The prompt.
        gold: The places that are right.
        template: The name of the template that asked for them.
    """
    shown = [message.images for message in messages if message.images]
    count = len(shown[-1]) if shown else 0
    frames = answer.frames[-count:] if count else ()
    if not frames and count and _may_write(answer.text):
        units = units_asked(template or "")
        frames = tuple(replace(frame, units=units) for frame in _sizes(shown[-1]))
    found = read_regions(answer.text, frames, asked=bool(gold))
    judged = judge(found.regions, gold) if gold else None
    return AnsweredRegions(found.regions, tuple(gold), found.problems, judged, max(1, count))


def typed_regions(text: str, sample: Sample, template: str) -> AnsweredRegions:
    """A text as the answer of no model, to a sample that a template asked about.

    Its numbers are in the units that the template asks for; where those are the model's matter,
    forms with units of their own are read alone, and it is told.
    """
    shown = (Message("user", sample.images),)
    return answered_regions(Answer(text), shown, gold_of(sample), template)


def recorded_regions(body: object, images: int = 1) -> AnsweredRegions | None:
    """From a record; `None` where it has none, or none that is understood."""
    if not isinstance(body, Mapping) or not isinstance(body.get("regions"), list):
        return None
    problems = body.get("problems")
    return AnsweredRegions(
        regions_of(body["regions"]),
        gold := regions_of(body.get("gold")),
        tuple(map(str, problems)) if isinstance(problems, list) else (),
        judge(regions_of(body["regions"]), gold) if gold else None,
        images,
    )


def _may_write(text: str) -> bool:
    """Whether it is worth to look how large the images are."""
    from workbench.grounding.forms import written_regions

    return bool(written_regions(text))


def _sizes(images: Sequence[Any]) -> tuple[CoordinateFrame, ...]:
    from workbench.images.decode import shown_size

    found = []
    for image in images:
        try:
            found.append(CoordinateFrame(shown_size(image)))
        except (WbError, OSError, ValueError):
            return ()
    return tuple(found)
