"""Questions, captions and hypotheses about pictures of shapes.

Yes/no questions and the entailed or contradicted hypotheses are balanced as statements are (see
`statements.py`). A neutral hypothesis claims what no picture can show of a shape that is there,
so its text alone gives it away, as neutral hypotheses do in the field's data sets.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from workbench.demo.shapes import Picture
from workbench.demo.statements import (
    SIDES,
    Noun,
    Scene,
    choose_statement,
    random_noun,
)

QUESTION_KINDS = ("existence", "color", "shape", "count")
_EXISTENCE = (
    "Is there a {} in the image?",
    "Is there a {}?",
    "Does the image have a {}?",
    "Can you see a {}?",
)
_ABSENCE = ("Is there no {} in the image?", "Does the image have no {}?")
_COLOR = ("What color is the {}?", "What is the color of the {}?")
_SHAPE = ("What shape is the {} object?", "Which shape is {}?")
_COUNT = ("How many {} are there?", "How many {} are in the image?")
_UNSEEN = (
    "is made of paper",
    "is made of wood",
    "was drawn by a child",
    "is older than the others",
    "is heavy",
    "smells of paint",
    "was drawn first",
    "is warm",
)


@dataclass(frozen=True)
class DemoQuestion:
    """A question about one picture with its short answer."""

    text: str
    answer: str
    kind: str
    targets: list[dict[str, int]]


@dataclass(frozen=True)
class Hypothesis:
    """A sentence that the pair entails, contradicts or leaves open."""

    text: str
    label: str
    explanation: str
    kind: str
    targets: list[dict[str, int]]


def _unique(picture: Picture, by: str) -> list[int]:
    values = [getattr(s, by) for s in picture.shapes]
    return [i for i, v in enumerate(values) if values.count(v) == 1]


def make_question(
    rng: random.Random,
    picture: Picture,
    contrast: Picture,
    kind: str | None = None,
    *,
    absences: float = 0.2,
) -> DemoQuestion:
    """A question whose answer needs the picture.

    Args:
        rng: All randomness comes from here.
        picture: What is asked about.
        contrast: An independent picture, against which yes/no questions are balanced.
        kind: One of `QUESTION_KINDS`; drawn when `None`.
        absences: The share of yes/no questions that ask whether something is not there.
    """
    drawn = kind or rng.choices(QUESTION_KINDS, weights=(4, 2, 2, 2))[0]
    if drawn in ("color", "shape"):
        candidates = _unique(picture, "kind" if drawn == "color" else "color")
        if candidates:
            index = rng.choice(candidates)
            shape = picture.shapes[index]
            about, answer = (
                (shape.kind, shape.color) if drawn == "color" else (shape.color, shape.kind)
            )
            wording = rng.choice(_COLOR if drawn == "color" else _SHAPE)
            targets = [{"image": 0, "object": index}]
            return DemoQuestion(wording.format(about), answer, drawn, targets)
        drawn = "count"
    if drawn == "count":
        noun = Noun(None, None) if rng.random() < 0.3 else random_noun(rng, (picture, contrast))
        if noun.color and noun.kind:
            noun = rng.choice((Noun(noun.color, None), Noun(None, noun.kind)))
        text = rng.choice(_COUNT).format(noun.words(plural=True))
        found = noun.find(picture)
        return DemoQuestion(text, str(len(found)), drawn, _targets(picture, noun))
    return _yes_no(rng, picture, contrast, absences)


def _targets(picture: Picture, noun: Noun) -> list[dict[str, int]]:
    return [{"image": 0, "object": picture.shapes.index(s)} for s in noun.find(picture)]


def _yes_no(
    rng: random.Random, picture: Picture, contrast: Picture, absences: float
) -> DemoQuestion:
    while True:
        one = rng.choice((picture, contrast))
        noun = random_noun(rng, (one, one))
        there = bool(noun.find(picture))
        if there == bool(noun.find(contrast)):
            # Two pictures that agree on everything (one shape each, the same) do occur.
            if rng.random() < 0.05:
                contrast = Picture((), contrast.background)
            continue
        absence = rng.random() < absences
        text = rng.choice(_ABSENCE if absence else _EXISTENCE).format(noun.words())
        answer = "yes" if there != absence else "no"
        kind = "absence" if absence else "existence"
        return DemoQuestion(text, answer, kind, _targets(picture, noun))


def _listed(picture: Picture) -> str:
    names = [f"a {s.name}" for s in picture.shapes]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def make_caption(picture: Picture) -> tuple[str, ...]:
    """Captions that name every shape in reading order; the first is the one to learn."""
    listed = _listed(picture)
    return (
        f"{listed[0].upper()}{listed[1:]}.",
        f"The image shows {listed}.",
        f"There {'is' if len(picture.shapes) == 1 else 'are'} {listed} on a light background.",
    )


@dataclass(frozen=True)
class DemoPhrase:
    """A phrase about one picture and the objects that it names."""

    text: str
    kind: str
    targets: list[dict[str, int]]


def make_phrase(rng: random.Random, picture: Picture) -> DemoPhrase:
    """A phrase that names one shape (`the red circle`), or all that look alike (`every …`)."""
    name = rng.choice([shape.name for shape in picture.shapes])
    found = [number for number, shape in enumerate(picture.shapes) if shape.name == name]
    several = len(found) > 1
    return DemoPhrase(
        f"{'every' if several else 'the'} {name}",
        "several" if several else "one",
        [{"image": 0, "object": number} for number in found],
    )


def make_hypothesis(rng: random.Random, scene: Scene, contrast: Scene) -> Hypothesis:
    """A hypothesis about the pair: a third of each label."""
    if rng.random() < 1 / 3:
        side = rng.randrange(2)
        index = rng.randrange(len(scene[side].shapes))
        name, claim = scene[side].shapes[index].name, rng.choice(_UNSEEN)
        where = SIDES[side]
        return Hypothesis(
            f"The {name} in the {where} image {claim}.",
            "neutral",
            "The image does not show that.",
            "unseen",
            [{"image": side, "object": index}],
        )
    statement = choose_statement(rng, scene, contrast)
    label = "entailment" if statement.holds(scene) else "contradiction"
    return Hypothesis(
        statement.text(), label, statement.explain(scene), statement.kind, statement.targets(scene)
    )
