"""Which words an answer may say a label in: the template's own, and what they plainly mean.

Guarantee: a word is added only where the template's words leave no doubt what it stands for, and
never takes the place of one of them. Not for judging: see `parse_verdict`.

| the template's words | read besides |
|---|---|
| yes and no, or true and false, or correct and incorrect | the other pairs |
| yes and no for labels with names of their own | those names |
| entails, contradicts | is entailed, is contradicted |
| offensive or hateful, and not | harmless, inoffensive, benign |
| names of things | their regular plural |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from workbench.prompts.parse_words import RELATIONS

_YES, _NO = ("yes", "true", "correct"), ("no", "false", "incorrect")
POLES = frozenset((*_YES, *_NO))
# Read only where said of the statement: "right" is a side as often, "wrong" a way to write.
_SAID_OF = (("right", "accurate"), ("wrong", "inaccurate", "untrue"))
_HARMFUL = frozenset({"hateful", "offensive", "toxic", "harmful"})
_HARMLESS = ("harmless", "inoffensive", "innocuous", "benign")
_PARTICIPLES = {"entails": "entailed", "contradicts": "contradicted"}


@dataclass(frozen=True)
class Term:
    """One word that stands for a label.

    Attributes:
        label: In the dataset's spelling.
        kind: `own` (the template's), `judges` (true, correct, wrong … of a statement), `answers`
            (yes, no), `name`, `opposite` (harmless), `participle` or `plural`.
    """

    label: str
    kind: str = "own"


def fold(word: str) -> str:
    """A word as it is looked up: "Not_Offensive" is "not offensive"."""
    return " ".join(re.split(r"[\s_-]+", word.casefold()))


def terms(words: Mapping[str, str]) -> dict[str, Term]:
    """Word, folded -> what it stands for.

    Args:
        words: Answer word -> label, as the template gives them.
    """
    found = {fold(word): Term(label) for word, label in words.items()}
    own = dict(found)
    poles = _poles(own)
    if poles:
        for pole, common, rare in zip(poles, (_YES, _NO), _SAID_OF, strict=True):
            for word in (*common, *rare):
                kind = "answers" if word in ("yes", "no") else "judges"
                found.setdefault(word, Term(pole, kind))
    if set(own) <= {*_YES, *_NO}:
        for label in {term.label for term in own.values()}:
            if len(label) > 2:
                found.setdefault(fold(label), Term(label, "name"))
    if harmless := _harmless(found):
        for word in _HARMLESS:
            found.setdefault(word, Term(harmless, "opposite"))
    if poles:
        return found
    for word, term in own.items():
        if word in _PARTICIPLES:
            found.setdefault(_PARTICIPLES[word], Term(term.label, "participle"))
        elif len(own) > 1 and word not in RELATIONS and (plural := _plural(word)):
            found.setdefault(plural, Term(term.label, "plural"))
    return found


def _poles(own: Mapping[str, Term]) -> tuple[str, str] | None:
    """The label that yes stands for and the one of no, where the words are such a pair."""
    yes = {own[word].label for word in _YES if word in own}
    no = {own[word].label for word in _NO if word in own}
    paired = set(own) <= {*_YES, *_NO} and len(yes) == len(no) == 1 and yes != no
    return (yes.pop(), no.pop()) if paired else None


def _harmless(found: Mapping[str, Term]) -> str:
    """The label of what is not offensive, where one of two labels is; empty where none is."""
    labels = {term.label for term in found.values()}
    bad = {found[word].label for word in _HARMFUL if word in found}
    return (labels - bad).pop() if len(bad) == 1 and len(labels) == 2 else ""


def _plural(word: str) -> str:
    if len(word) < 3 or not word[-1].isalpha() or word.endswith(("s", "x")):
        return ""
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("ch", "sh")) else "s")
