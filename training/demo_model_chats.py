"""What the demo model is trained on: chats about pictures drawn on the fly, never the same twice.

Each is a few turns about one picture or two. Which turns, and in which proportion, is the recipe
(`demo_model_data.Stages`); here is what each can be.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

from workbench.demo.questions import make_caption, make_hypothesis, make_question
from workbench.demo.shapes import Picture, Shape, draw_picture
from workbench.demo.statements import NUMBERS, Noun, choose_statement, random_noun

# The first wording of each is the one that the shipped prompt templates use.
WORDINGS: dict[str, tuple[tuple[str, float], ...]] = {
    "statement": (
        ("Is this statement about the two images true or false? {}", 6),
        ("{} True or false?", 1),
        ("True or false? {}", 1),
        ("Statement: {} Is it true? Answer True or False.", 1),
        ("{}", 1),
        ("Look at both images. {} Is this true or false?", 1),
    ),
    "entailment": (
        ("Hypothesis: {} Is it entailment, neutral or contradiction? Explain.", 6),
        ("{} Entailment, neutral or contradiction?", 2),
        ("Is this entailment, neutral or contradiction? {}", 2),
    ),
    "question": (
        ("{} Answer in a word or a phrase.", 6),
        ("{}", 3),
        ("Question: {} Short answer:", 1),
    ),
    "caption": (
        ("Describe the image.", 6),
        ("Write a caption.", 1),
        ("What is in the image?", 2),
        ("List the shapes in the image.", 1),
    ),
    "pair_caption": (("Describe both images.", 1),),
}


@dataclass(frozen=True)
class Turn:
    """One question and answer; the `decisive` leading words of the answer carry more weight."""

    prompt: str
    answer: str
    decisive: str


@dataclass(frozen=True)
class Chat:
    """Pictures and what is asked about them, one turn after the other.

    Several turns on the same pictures cost a third of as many chats of one turn: the pictures'
    tokens are most of a chat.
    """

    pictures: tuple[Picture, ...]
    turns: tuple[Turn, ...]


def _wording(rng: random.Random, task: str, text: str = "") -> str:
    wordings, weights = zip(*WORDINGS[task], strict=True)
    return rng.choices(wordings, weights=weights)[0].format(text)


def pair_chat(rng: random.Random, turns: int, simple: bool, placing: bool = False) -> Chat:
    """Statements, hypotheses and open questions on two pictures; now and then a description.

    While pairs are being learned (`simple`), statements come in one direction only (more, above,
    left of) and half of the turns are open questions. Opposite words cancel each other's signal
    until the first is understood, and an open question's answer cannot be guessed from a label.
    While places are being learned (`placing`), most turns are about them.
    """
    scene = (draw_picture(rng), draw_picture(rng))
    asked = []
    for _ in range(turns):
        turn = None
        if placing and rng.random() < 0.65:
            side = rng.randrange(2)
            turn = place_turn(rng, scene[side], f" in the {('left', 'right')[side]} image")
            if turn is None or rng.random() < 0.35:
                turn = _about_pair(rng, scene, True, "spatial")
        if turn is None and rng.random() < (0.5 if simple else 0.25):
            turn = _open_question(rng, scene)
        asked.append(turn or _about_pair(rng, scene, simple))
    if rng.random() < 0.1:
        left, right = (make_caption(p)[0] for p in scene)
        asked[-1] = Turn(_wording(rng, "pair_caption"), f"Left: {left} Right: {right}", "")
    return Chat(scene, tuple(asked))


_OPPOSITES = ("fewer", "same", "below", "right of", "both")


def _about_pair(
    rng: random.Random, scene: tuple[Picture, Picture], simple: bool, kind: str | None = None
) -> Turn:
    contrast = (draw_picture(rng), draw_picture(rng))
    if simple or rng.random() < 0.85:
        # Existence is learned first and from questions too: more of what takes longer.
        kinds, weights = ("existence", "count", "comparison", "spatial"), (8, 24, 43, 25)
        drawn = kind if simple else rng.choices(kinds, weights=weights)[0]
        form = rng.choice(("more", "fewer", "same"))  # the data has few of the last
        statement = choose_statement(rng, scene, contrast, drawn)
        while (
            statement.form in _OPPOSITES or (statement.kind == "comparison" and statement.side)
            if simple
            else statement.kind == "comparison" and statement.form != form
        ):
            statement = choose_statement(rng, scene, contrast, drawn)
        label = "True" if statement.holds(scene) else "False"
        explained = not simple or rng.random() < 0.3
        answer = f"{label}. {statement.explain(scene)}" if explained else f"{label}."
        return Turn(_wording(rng, "statement", statement.text()), answer, label)
    hypothesis = make_hypothesis(rng, scene, contrast)
    answer = f"{hypothesis.label}. {hypothesis.explanation}"
    return Turn(_wording(rng, "entailment", hypothesis.text), answer, hypothesis.label)


_ROWS, _COLUMNS = ("top", "", "bottom"), ("left", "", "right")


def _place(picture: Picture, shape: Shape) -> str:
    """In which ninth of the picture a shape lies: `top left`, `top`, ..., `middle`."""
    row = _ROWS[min(2, int(3 * shape.cy / picture.height))]
    column = _COLUMNS[min(2, int(3 * shape.cx / picture.width))]
    return f"{row} {column}".strip() or "middle"


def place_turn(rng: random.Random, picture: Picture, where: str) -> Turn | None:
    """Where a shape is, or how two of them lie; `None` where no shape is one of a kind.

    Rotary positions reach queries and keys but no values, so that a small model has to be made
    to write down where it saw something before it can compare two places.
    """
    names = [s.name for s in picture.shapes]
    unique = [s for s in picture.shapes if names.count(s.name) == 1]
    if not unique:
        return None
    rng.shuffle(unique)
    kind = rng.random()
    if kind < 0.08:
        listed = ", ".join(f"{s.name} {_place(picture, s)}" for s in unique)
        return Turn(f"Where is each shape{where}?", f"{listed}.", listed)
    for a, b in itertools.pairwise(unique) if kind > 0.3 else ():
        # Left of is learned later than above, which reading order gives away: ask it more often.
        axes = [abs(a.cy - b.cy) >= 12, 4 * (abs(a.cx - b.cx) >= 12)]
        vertical = rng.choices((True, False), weights=axes)[0] if any(axes) else True
        if vertical:
            words, answer = "above or below", "above" if a.cy < b.cy else "below"
        else:
            words, answer = "left or right of", "left" if a.cx < b.cx else "right"
        if any(axes):
            prompt = f"Is the {a.name} {words} the {b.name}{where}?"
            return Turn(prompt, answer, answer)
    answer = _place(picture, unique[0])
    return Turn(f"Where is the {unique[0].name}{where}?", answer, answer)


def _open_question(rng: random.Random, scene: tuple[Picture, Picture]) -> Turn:
    """A question about one side, or about what both have, with a short answer."""
    kinds = ("relation", "more", "each", "count", "lookup")
    kind = rng.choices(kinds, weights=(2, 3, 3, 2, 1))[0]
    side = rng.randrange(2)
    where, picture = ("left", "right")[side], scene[side]
    answer = ""
    if kind == "relation":
        names = [s.name for s in picture.shapes]
        unique = [s for s in picture.shapes if names.count(s.name) == 1]
        rng.shuffle(unique)
        for a, b in itertools.pairwise(unique):
            if abs(a.cy - b.cy) >= 12:
                answer, words = ("above" if a.cy < b.cy else "below"), "above or below"
            elif abs(a.cx - b.cx) >= 12:
                answer, words = ("left" if a.cx < b.cx else "right"), "left or right of"
            else:
                continue
            prompt = f"In the {where} image, is the {a.name} {words} the {b.name}?"
            return Turn(f"{prompt} Answer in a word or a phrase.", answer, answer)
    noun = random_noun(rng, scene)
    if noun.color and noun.kind:
        noun = rng.choice((Noun(noun.color, None), Noun(None, noun.kind), Noun(None, None)))
    if kind == "more":
        left, right = (len(noun.find(p)) for p in scene)
        answer = "same" if left == right else "left" if left > right else "right"
        prompt = f"Which image has more {noun.words(plural=True)}?"
    elif kind == "each":
        left, right = (NUMBERS[len(noun.find(p))] for p in scene)
        answer, prompt = (
            f"{left} and {right}",
            f"How many {noun.words(plural=True)} has each image?",
        )
    elif kind == "lookup":
        question = make_question(rng, picture, scene[1 - side], absences=0.0)
        prompt = question.text.replace(" in the image", "").removesuffix("?")
        prompt, answer = f"{prompt} in the {where} image?", question.answer
    else:
        answer = str(len(noun.find(picture)))
        prompt = f"How many {noun.words(plural=True)} are in the {where} image?"
    return Turn(f"{prompt} Answer in a word or a phrase.", answer, answer)


def single_chat(
    rng: random.Random,
    width: int,
    height: int,
    turns: int,
    captions: float,
    asking: bool,
    places: float = 0.0,
) -> Chat:
    """Questions about one picture and, with probability `captions`, its caption at the end.

    The share `places` of the questions asks where something is.

    While looking things up is learned (`asking`), most questions are whether something is there
    and none whether something is not: the two cancel out until the first is understood.
    """
    picture = draw_picture(rng, width=width, height=height)
    asked = []
    for _ in range(turns):
        contrast = draw_picture(rng, width=width, height=height)
        kind = "existence" if asking and rng.random() < 0.5 else None
        absences = 0.0 if asking else 0.2
        question = make_question(rng, picture, contrast, kind, absences=absences)
        prompt = _wording(rng, "question", question.text)
        turn = place_turn(rng, picture, "") if rng.random() < places else None
        asked.append(turn or Turn(prompt, question.answer, question.answer))
    if rng.random() < captions:
        asked[-1] = Turn(_wording(rng, "caption"), make_caption(picture)[0], "")
    return Chat((picture,), tuple(asked))
