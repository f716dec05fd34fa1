"""Boxes and points on their way to the screen: an answer's, and those that are right.

Guarantee: a plain value that two frames are compared by; imports nothing heavy before it draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from workbench.grounding.answered import AnsweredRegions
from workbench.grounding.drawing import ANSWER, ANSWER_SIGN, GOLD, GOLD_SIGN, marks_of
from workbench.grounding.region import Region, words_of
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.widgets.frames import ShownPicture

_MOST = 3  # of the legend's places; the others are counted


@dataclass(frozen=True)
class ShownPlaces:
    """What is drawn over the images of one sample.

    Attributes:
        answered: Of the answer in view, `None` without one that has places.
        gold: The places that are right.
    """

    answered: AnsweredRegions | None = None
    gold: tuple[Region, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.gold or (self.answered is not None and self.answered.regions))

    def caption(self) -> Text:
        """What stands below one of several answers: a line for each part of the legend."""
        line = self.legend(between="\n")
        if self.answered is None or self.answered.regions or not self.gold:
            return line
        none = Text("no box or point can be read from it", Style(dim=True))
        return none + Text("\n") + line if line else none

    def on(self, pictures: Sequence[ShownPicture]) -> tuple[ShownPicture, ...]:
        """The pictures with these places to draw. For workers."""
        sizes = [one.image.size if one.image is not None else (1, 1) for one in pictures]
        marks = marks_of(self.answered, self.gold, sizes)
        return tuple(replace(one, marks=own) for one, own in zip(pictures, marks, strict=True))

    def legend(self, key: str = "", between: str = "   ") -> Text:
        """`━ answer [12, 40, 96, 131] the cat  IoU 0.71   ╍ gold [10, 38, 99, 130]   o hides`.

        Args:
            key: Hides what is drawn; empty where none does.
            between: Stands between the parts; an end of line puts each on its own.
        """
        line = Text(no_wrap=True, overflow="ellipsis")
        if self.answered is not None and self.answered.regions:
            line.append(f"{ANSWER_SIGN} answer ", _style(ANSWER))
            lines = self.answered.lines
            line.append(clean(" ".join(lines[:_MOST]), newlines=False))
            line.append(f" and {len(lines) - _MOST} more" if len(lines) > _MOST else "")
            if words := self.answered.overlap_words:
                line.append(f"  {words}", Style(bold=True))
            line.append(between)
        if self.gold:
            images = self.answered.images if self.answered is not None else 1
            line.append(f"{GOLD_SIGN} gold ", _style(GOLD))
            line.append(words_of(self.gold[:_MOST], images))
            more = len(self.gold) - _MOST
            line.append(f" and {more} more" if more > 0 else "")
            line.append(between)
        if key and line.plain:
            line.append(f"{key} hides{between}", Style(dim=True))
        for problem in self.answered.problems if self.answered is not None else ():
            line.append(f"{clean(problem, newlines=False)}{between}", Style(italic=True))
        line.rstrip()
        return line


def _style(colour: tuple[int, int, int]) -> Style:
    return Style(color="rgb({},{},{})".format(*colour), bold=True)
