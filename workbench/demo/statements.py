"""What can be said and asked about pictures of shapes, and whether it is true.

Guarantee: a statement's truth is independent of its text. Each is chosen because it holds in one
and fails in the other of two scenes that are exchangeable (an independent draw, the two pictures
swapped, or a mirror image), by a procedure that does not know which of the two is the sample's
scene. So P(true | text) = 1/2 exactly, and text alone gives chance.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace

from workbench.demo.shapes import COLORS, SHAPES, Picture, Shape

Scene = tuple[Picture, Picture]
SIDES = ("left", "right")
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
KINDS = ("existence", "count", "comparison", "spatial")


@dataclass(frozen=True)
class Noun:
    """A noun phrase: a colour, a kind, or both; `shape` when the kind is open."""

    color: str | None
    kind: str | None

    def words(self, plural: bool = False) -> str:
        """For example `red circles`."""
        noun = (self.kind or "shape") + ("s" if plural else "")
        return f"{self.color} {noun}" if self.color else noun

    def counted(self, n: int) -> str:
        """For example `two red circles`."""
        return f"{NUMBERS[n]} {self.words(plural=n != 1)}"

    def find(self, picture: Picture) -> tuple[Shape, ...]:
        """The shapes of a picture that the phrase names."""
        return picture.matching(self.color, self.kind)


@dataclass(frozen=True)
class Statement:
    """Something said of a pair of pictures.

    Attributes:
        kind: One of `KINDS`.
        form: The wording within the kind (`left`, `either`, `both`, `exactly`, `more`, ...).
        noun: What it is about.
        other: The second object of a spatial relation.
        side: Which picture, 0 left or 1 right, where it is about one.
        number: For counts.
    """

    kind: str
    form: str
    noun: Noun
    other: Noun | None = None
    side: int = 0
    number: int = 0

    def text(self) -> str:
        """The sentence."""
        where, noun = SIDES[self.side], self.noun
        if self.kind == "existence":
            return {
                "one": f"There is a {noun.words()} in the {where} image.",
                "either": f"At least one of the images has a {noun.words()}.",
                "both": f"Both images have a {noun.words()}.",
            }[self.form]
        if self.kind == "count":
            verb = "is" if self.number == 1 else "are"
            return f"There {verb} exactly {noun.counted(self.number)} in the {where} image."
        if self.kind == "comparison":
            if self.form == "same":
                return f"The two images have the same number of {noun.words(plural=True)}."
            return (
                f"The {where} image has {self.form} {noun.words(plural=True)} "
                f"than the {SIDES[1 - self.side]} image."
            )
        assert self.other is not None
        return f"In the {where} image, the {noun.words()} is {self.form} the {self.other.words()}."

    def holds(self, scene: Scene) -> bool:
        """Whether it is true of the scene."""
        counts = [len(self.noun.find(p)) for p in scene]
        if self.kind == "existence":
            return {
                "one": counts[self.side] > 0,
                "either": sum(counts) > 0,
                "both": min(counts) > 0,
            }[self.form]
        if self.kind == "count":
            return counts[self.side] == self.number
        if self.kind == "comparison":
            here, there = counts[self.side], counts[1 - self.side]
            return {"more": here > there, "fewer": here < there, "same": here == there}[self.form]
        assert self.other is not None
        a, b = self.noun.find(scene[self.side])[0], self.other.find(scene[self.side])[0]
        return {
            "above": a.cy < b.cy,
            "below": a.cy > b.cy,
            "left of": a.cx < b.cx,
            "right of": a.cx > b.cx,
        }[self.form]

    def explain(self, scene: Scene) -> str:
        """One line that says why it holds or fails."""
        noun, counts = self.noun, [len(self.noun.find(p)) for p in scene]
        if self.kind == "existence":
            if self.form == "one":
                article = "a" if counts[self.side] else "no"
                return f"The {SIDES[self.side]} image has {article} {noun.words()}."
            if not any(counts):
                return f"No image has a {noun.words()}."
            if all(counts):
                return f"Both images have a {noun.words()}."
            return f"Only the {SIDES[0 if counts[0] else 1]} image has a {noun.words()}."
        if self.kind == "count":
            return f"The {SIDES[self.side]} image has {noun.counted(counts[self.side])}."
        if self.kind == "comparison":
            return (
                f"The left image has {noun.counted(counts[0])} "
                f"and the right image has {NUMBERS[counts[1]]}."
            )
        assert self.other is not None
        true_form = self.form if self.holds(scene) else OPPOSITE[self.form]
        return f"The {noun.words()} is {true_form} the {self.other.words()}."

    def targets(self, scene: Scene) -> list[dict[str, int]]:
        """The objects that it names, as `{"image": i, "object": j}`."""
        nouns = [self.noun] + ([self.other] if self.other else [])
        one_sided = self.kind in ("count", "spatial") or self.form == "one"
        sides = (self.side,) if one_sided else (0, 1)
        return [
            {"image": i, "object": scene[i].shapes.index(shape)}
            for i in sides
            for noun in nouns
            for shape in noun.find(scene[i])
        ]


OPPOSITE = {"above": "below", "below": "above", "left of": "right of", "right of": "left of"}


def random_noun(rng: random.Random, scene: Scene | None = None) -> Noun:
    """A noun phrase about a shape of the scene, or about any shape."""
    shapes = [s for p in scene for s in p.shapes] if scene else []
    if shapes:
        shape = rng.choice(shapes)
        color, kind = shape.color, shape.kind
    else:
        color, kind = rng.choice(tuple(COLORS)), rng.choice(SHAPES)
    form = rng.random()
    if form < 0.6:
        return Noun(color, kind)
    return Noun(color, None) if form < 0.8 else Noun(None, kind)


def _propose(rng: random.Random, kind: str, scene: Scene) -> Statement:
    side = rng.randrange(2)
    if kind == "existence":
        form = rng.choices(("one", "either", "both"), weights=(6, 3, 1))[0]
        return Statement(kind, form, random_noun(rng, scene), side=side)
    if kind == "count":
        noun = Noun(None, None) if rng.random() < 0.25 else random_noun(rng, scene)
        if noun.color and noun.kind:  # two of the same colour and kind are rare: say less
            noun = rng.choice((Noun(noun.color, None), Noun(None, noun.kind)))
        found = len(noun.find(scene[side]))
        return Statement(kind, "exactly", noun, side=side, number=max(1, found))
    noun = Noun(None, None) if rng.random() < 0.4 else random_noun(rng, scene)
    if noun.color and noun.kind:
        noun = rng.choice((Noun(noun.color, None), Noun(None, noun.kind)))
    form = rng.choices(("more", "fewer", "same"), weights=(3, 2, 1))[0]
    return Statement(kind, form, noun, side=0 if form == "same" else side)


def _spatial(rng: random.Random, scene: Scene) -> Statement | None:
    """A relation between two shapes of one picture that are unmistakably apart on its axis."""
    side = rng.randrange(2)
    shapes = scene[side].shapes
    names = [s.name for s in shapes]
    unique = [s for s in shapes if names.count(s.name) == 1]
    horizontal = rng.random() < 0.5
    # The pairs are listed by name: in reading order, mirroring would change which one is drawn.
    unique.sort(key=lambda s: s.name)
    pairs = [
        (a, b)
        for a in unique
        for b in unique
        if a is not b and abs((a.cx - b.cx) if horizontal else (a.cy - b.cy)) >= 12
    ]
    if not pairs:
        return None
    a, b = rng.choice(pairs)
    form = rng.choice(("left of", "right of") if horizontal else ("above", "below"))
    return Statement("spatial", form, Noun(a.color, a.kind), Noun(b.color, b.kind), side=side)


def choose_statement(
    rng: random.Random, scene: Scene, contrast: Scene, kind: str | None = None
) -> Statement:
    """A statement that text alone cannot decide (see the module's guarantee).

    Args:
        rng: All randomness comes from here.
        scene: The sample's own scene.
        contrast: An independent draw from the same distribution.
        kind: One of `KINDS`; drawn when `None`.
    """
    drawn = kind or rng.choices(KINDS, weights=(4, 2, 2, 2))[0]
    if drawn == "spatial":
        for _ in range(8):
            statement = _spatial(rng, scene)
            if statement:
                return statement
        drawn = "existence"
    # Chosen before any attempt: a choice that knew of failed attempts would not be symmetric.
    other = contrast
    if drawn != "comparison" and rng.random() < 0.3:
        other = (scene[1], scene[0])
    for attempt in itertools.count():
        statement = _propose(rng, drawn, rng.choice((scene, other)))
        if statement.holds(scene) != statement.holds(other):
            return statement
        if attempt % 40 == 39:  # two scenes that agree on too much, one in a thousand
            drawn, other = "existence", contrast if other is not contrast else _empty(contrast)
    raise AssertionError("unreachable")


def _empty(scene: Scene) -> Scene:
    return replace(scene[0], shapes=()), replace(scene[1], shapes=())
