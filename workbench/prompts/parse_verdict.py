"""Whether a label word in a clause is a verdict, a denial or a mere mention.

Guarantee: decides by the closed lists of `parse_words` alone; what they do not cover is a mention,
never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.prompts.parse_words import (
    AFTER_NO,
    BLOCKERS,
    DEGREES,
    FILLERS,
    FOLLOWERS,
    HEDGES,
    LEADS,
    LINKS,
    MODALS,
    NEGATORS,
    NOT_THIS,
    OBJECTS,
    PARTS,
    POSES,
    REASONS,
    RELATIONS,
    SCOPES,
    STARTS,
    SUBJECTS,
    VERBS,
)

_NOT_THIS = re.compile(rf"\b(?:{'|'.join(NOT_THIS)})(?: an?| the)?\s*$", re.I)
_MAKES_IT = re.compile(
    r"\bmak(?:es?|ing) (?:it|(?:the|this) (?:statement|sentence|claim|hypothesis))$"
)
_THERE_IS = re.compile(r"^there(?:'s| is)(?: clearly| definitely)? an?(?: clear| direct)?$")
_PICTURE = r"(?:image|picture|photo|photograph|drawing)"
_NO_RELATION = re.compile(r"^(?:there(?:'s| is) )?(?:no|without(?: an?| any)?)$")
_SHOWN = re.compile(
    rf"^(?:(?:it|this|the {_PICTURE}|this {_PICTURE}) (?:shows|depicts)|i (?:can )?see"
    rf"|(?:(?:it|this) is |it's )?(?:an?|the) {_PICTURE} of) an?$"
)


def split_words(text: str) -> list[str]:
    """The words of a text, folded."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.casefold())


def judge(before_text: str, word: str, after_text: str, *, bracket: bool = False) -> bool | None:
    """Judge one label word by its clause.

    Args:
        before_text: The clause up to the word.
        word: The label word as it stands there.
        after_text: The clause after it.
        bracket: Whether a bracket opens right after the word: what is in it is an aside.

    Returns:
        True for a verdict, False for a denial, `None` for a mention.
    """
    if _NOT_THIS.search(before_text):
        return False
    before, after = split_words(before_text), split_words(after_text)
    while after and after[0] == word.casefold():
        after.pop(0)  # "true true true"
    said = " ".join(before)
    if word.casefold() in RELATIONS and _NO_RELATION.match(said):
        return False
    if _THERE_IS.match(said):
        return True if not after or after[0] == "between" else None
    if _SHOWN.match(said):
        return True if not after or after[0] in FOLLOWERS | POSES else None
    reading = _by_what_precedes(before)
    if reading is None or not _may_go_on(word.casefold(), reading, before, after, bracket):
        return None
    return not reading.negated


class _Reading:
    """What precedes a label word: nothing but fillers (`opens`), or a subject; negated or not."""

    def __init__(self, *, opens: bool, negated: bool, linked: bool) -> None:
        self.opens, self.negated, self.linked = opens, negated, linked


def _by_what_precedes(before: Sequence[str]) -> _Reading | None:
    i, negated, linked, degree = len(before), False, False, False
    while i > 0:
        word = before[i - 1]
        degree = degree or word in DEGREES
        if word in NEGATORS:
            if degree:
                return None  # "not very offensive": how much, not whether
            negated = not negated
        elif word in HEDGES:
            return None
        elif word in LINKS:
            linked = True
        elif word not in FILLERS:
            break
        i -= 1
    rest = list(before[:i])
    if set(rest) & BLOCKERS or set(before) & {"if", "whether", "unless", "would", "could"}:
        return None
    while rest and rest[0] in LEADS and not (len(rest) == 1 and rest[0] in SUBJECTS):
        rest.pop(0)
    of_subject = bool(rest) and rest[0] in SUBJECTS and (linked or negated or len(rest) == 1)
    if rest and not of_subject and not _MAKES_IT.search(" ".join(rest)):
        return None
    return _Reading(opens=not rest, negated=negated, linked=linked)


def _may_go_on(
    word: str, reading: _Reading, before: Sequence[str], after: Sequence[str], bracket: bool
) -> bool:
    """Whether the clause can go on so after a verdict."""
    if not after or (bracket and (not before or reading.linked)):
        return True
    if after[0] in ("if", "unless", "when", "or") or {"if", "unless"} & set(after[:3]):
        return False
    if after[0] in SCOPES and PARTS & set(after[1:4]):
        return False
    if after[0] not in REASONS and MODALS & set(after[:3]):
        return False
    if word == "no":
        return after[0] in AFTER_NO
    if reading.negated and after[0] == "nor":
        return True
    allowed = STARTS if reading.opens and not before else FOLLOWERS
    return after[0] in allowed or (word in VERBS and after[0] in OBJECTS)
