"""What is set aside before an answer is read: markup, reasoning blocks, quotations, idioms.

Guarantee: everything is replaced by as many spaces, so that a place in the flat text is the same
place in the answer. Not for judging: see `parse_verdict`.
"""

from __future__ import annotations

import re
import unicodedata

THINK = re.compile(r"<think>.*?(?:</think>|$)", re.S | re.I)
TAG = re.compile(
    r"</?[A-Za-z][^<>\n]{0,40}>|<\|[^|<>\n]{1,40}\|>|\[/?INST\]|\\boxed|\\text(?:bf|it)?"
    r"|\\[nrt](?![a-z])"
)
_LIST = re.compile(r"(?m)^\s*(?:\(?(?:[A-Da-d]|\d{1,2})[).:]|[-*+>•])\s+")
_MARKS = str.maketrans(dict.fromkeys('*_`#~"“”„«»‹›()[]{}<>', " ") | {"’": "'", "‘": "'", "|": ","})
_LOOSE_QUOTE = re.compile(r"(?<![^\W\d_])'|'(?![^\W\d_])")
# "the statement 'no dog is black' is false": three quoted words or more are not the answer's own.
_QUOTED = re.compile(
    r"(?i)(?<=\b)(?:statement|sentence|hypothesis|claim|text|caption|premise|question)"
    r"(?: that)?[:,]?\s+(?P<said>\"[^\"\n]+\"|“[^”\n]+”|«[^»\n]+»|['‘][^'’\n]+['’](?!\w))"
)
_QUOTED_SUBJECT = re.compile(
    r"(?m)(?:^|(?<=[.!?] ))(?P<said>\"[^\"\n]+\"|“[^”\n]+”|«[^»\n]+»)(?=\s+(?:is|was|isn't)\b)"
)
_VERSUS = re.compile(r"\bvs\.", re.I)
# What negates without a word of negation; each is written over by "not".
_ANYTHING_BUT = re.compile(r"\b(?:anything but|far from|in no way|by no means|not at all)\b", re.I)
# "not only offensive but cruel" affirms; "no doubt" is no "no".
_NOT_ONLY = re.compile(r"\bnot (?:only|just|merely)\b", re.I)
_NO_DOUBT = re.compile(
    r"\b(?:(?:there is|there's) )?(?:no (?:doubt|question)|without (?:a |any )?doubt)\b"
    r"(?: that\b)?|\bof course\b|\bin my (?:opinion|view)\b|\b(?:to|for) me\b",
    re.I,
)
_NO_TRUTH = re.compile(
    r"\bthere(?:'s| is) no truth (?:to|in) (?:it|this|that|(?:the|this) (?:claim|statement))\b",
    re.I,
)
_BROKEN_LINE = re.compile(r"(?<=\bnot)\n")
_AT_ALL = re.compile(r"\bat all\b", re.I)


def normal(text: str) -> str:
    """The answer in NFKC, without the invisible characters that some models emit at the edges."""
    return unicodedata.normalize("NFKC", text).strip("\u200b\u2060\ufeff")


def blank(pattern: re.Pattern[str], text: str, word: str = "") -> str:
    """Write spaces (and `word` first) over each match, so that places in the text stay the same."""

    def over(match: re.Match[str]) -> str:
        spaces = re.sub(r"[^\n]", " ", match[0])
        return word + spaces[len(word) :]

    return pattern.sub(over, text)


def flat_text(base: str, *, letters: bool = False) -> str:
    """The answer with all that is no verdict of its own written over; as long as `base`.

    Args:
        base: The answer, normal.
        letters: Whether the labels are letters or digits, so that "B)" is an answer and no list.
    """
    flat = _BROKEN_LINE.sub(" ", base)
    for pattern in (THINK, TAG) if letters else (THINK, TAG, _LIST):
        flat = blank(pattern, flat)
    flat = _LETTERED.sub(r"\g<letter>,", flat) if letters else blank(_CHOICE, flat)
    flat = _QUOTED.sub(_without_quotation, flat)
    flat = _QUOTED_SUBJECT.sub(_without_quotation, flat)
    flat = blank(_LOOSE_QUOTE, flat.translate(_MARKS))
    for pattern, word in (
        *((_NO_TRUTH, "false"), (_VERSUS, "vs"), (_NO_DOUBT, ""), (_NOT_ONLY, "")),
        *((_ANYTHING_BUT, "not"), (_AT_ALL, "")),
    ):
        flat = blank(pattern, flat, word)
    return flat


# "(c) contradiction" where the labels are words; "B) green" where they are letters.
_CHOICE = re.compile(r"(?:(?<=[\s:])|^)(?:\((?:[A-Da-d]|[1-9])\)|[A-Da-d][.)])(?=\s+\w)")
_LETTERED = re.compile(
    r"(?<![\w.])(?P<letter>[A-Z])[).:](?=\s+(?!(?:is|was|and|or|would|can|could)\b)\w)"
)


def _without_quotation(match: re.Match[str]) -> str:
    said = match["said"]
    if len(re.findall(r"\w+", said)) < 3:
        return match[0]
    # A subject stays in its place, so that what is said of it has one.
    return match[0][: -len(said)] + ("it" if said == match[0] else "  ") + " " * (len(said) - 2)
