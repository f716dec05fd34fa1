"""Whether a label word in a clause is a verdict, a denial or a mere mention.

Guarantee: decides by the closed lists of `parse_words` alone; what they do not cover is a mention,
never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.prompts.parse_contents import judge_content
from workbench.prompts.parse_terms import POLES
from workbench.prompts.parse_words import (
    ADJECTIVES,
    AFTER_NO,
    BE,
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
    SAID_ALONE,
    SAID_GOES_ON,
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
    rf"^(?:(?:it|this|the {_PICTURE}|this {_PICTURE}) (?:clearly )?"
    r"(?:shows|depicts|features|(?:appears|seems) to (?:show|depict))|i (?:can )?see"
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
    while len(before) > 1 and before[-1] in ADJECTIVES:
        before.pop()  # "a small brown dog"
    said = " ".join(before)
    if before[-1:] == ["as"] and after[:1] == ["as"]:
        return None  # "as true as it is false"
    if word.casefold() in RELATIONS and _NO_RELATION.match(said):
        return False
    if after and _FITS.match(" ".join(after)) and not _more_than_the_label(before):
        return True
    if word.casefold() not in POLES and (content := judge_content(said, after)) is not None:
        return content
    if _THERE_IS.match(said):
        return True if not after or after[0] == "between" else None
    if _SHOWN.match(said):
        return True if not after or after[0] in FOLLOWERS | POSES else None
    reading = _by_what_precedes(before)
    if reading is not None and reading.negated and _TWICE.search(f"{said} {word.casefold()}"):
        return None
    if reading is None or not _may_go_on(word.casefold(), reading, before, after, bracket):
        return None
    return not reading.negated


# "not not hateful", "it's not a no": nobody can be sure.
_TWICE = re.compile(r"\b(?:not|n't) not |\ba (?:yes|no)$")
# "B is correct", "neutral is the right label".
_FITS = re.compile(
    r"^(?:fits|matches|applies)(?: best| better| well)?$"
    r"|^is (?:definitely |clearly )?(?:correct|right"
    r"|(?:the|my) (?:(?:correct|right|best|final|most fitting) )?"
    r"(?:answer|label|choice|option|verdict|class))$"
)
_NAMED = re.compile(
    r"^(?:so |thus |therefore )?(?:the )?(?:correct )?(?:label|option|answer|choice)?$"
)


def _more_than_the_label(before: Sequence[str]) -> bool:
    """Whether more than "the label" precedes a label that is the subject of its clause."""
    return not _NAMED.match(" ".join(before))


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
            if degree or negated:
                return None  # "not very offensive": how much, not whether; "not not": who knows
            negated = True
        elif word in HEDGES and before[i - 2 : i] != ["most", "likely"]:
            return None
        elif word in LINKS:
            linked = True
        elif word not in FILLERS and word not in HEDGES:
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
    if (
        after[0] in ("if", "unless", "when")
        or (after[0] == "or" and not reading.negated)
        or {"if", "unless"} & set(after[:3])
    ):
        return False
    if after[0] in SCOPES and PARTS & set(after[1:4]):
        return False
    if after[0] not in REASONS and MODALS & set(after[:3]):
        return False
    if word == "no":
        return after[0] in AFTER_NO
    if reading.negated and after[0] in ("nor", "or"):
        return True
    allowed = STARTS if reading.opens and not before else FOLLOWERS
    return after[0] in allowed or (word in VERBS and after[0] in OBJECTS)


_SAID_OF = re.compile(
    r"^(?:(?:i|we) (?:think|believe|say)(?: that)? )?"
    r"(?:it|this|that|you|(?:the|this|that|your) (?:statement|sentence|claim|assertion|answer))"
    r"(?:(?:'s| is| was| are| seems| appears)(?: to be)?|'re)? ?(?:n[o']t|isn't|wasn't)?"
)
_COUNTED = re.compile(r"\b(?:two|three|four|five|six|several|some|many|multiple|\d+)\s*$", re.I)


def judge_added(
    kind: str, before: str, word: str, after: str, *, bracket: bool = False
) -> bool | None:
    """Judge a word that the template does not have itself; stricter, since it was not asked for.

    Args:
        kind: See `parse_terms.Term`.
        before: As in `judge`, with the three that follow.
        word: The word.
        after: What follows it.
        bracket: Whether a bracket opens after it.
    """
    follows = split_words(after)
    if kind == "opposite":
        return judge(before, word, after, bracket=bracket)
    if kind == "plural":
        return judge(_COUNTED.sub("a ", before), word, after, bracket=bracket)
    if kind == "participle":
        said = split_words(before)
        if not set(said) & BE or not (not follows or follows[0] in ("by", "nor", "from")):
            return None
        return judge(before, word, "nor" if follows[:1] == ["nor"] else "", bracket=bracket)
    if follows and follows[0] not in SAID_GOES_ON and not bracket:
        return None
    if word.casefold() not in SAID_ALONE and not _SAID_OF.match(" ".join(split_words(before))):
        return None
    return judge(before, word, after, bracket=bracket)
