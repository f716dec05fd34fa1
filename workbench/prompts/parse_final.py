"""Where an answer says its last word: a tag, a box, a field of JSON, a heading.

Guarantee: what stands before a last word is reasoning and is not read; what follows a heading is
read with it, so that an answer which takes its last word back is seen to do so. The text keeps its
length, so that a place in it is the same place in the answer. Not for judging what it says.
"""

from __future__ import annotations

import re

_FIELDS = r"(?:final[_ ]answer|answer|label|verdict|prediction|classification|judge?ment|result)"
# The strongest first: a tag or a box holds the answer and nothing else.
_HOLDERS = (
    re.compile(r"<(?P<tag>final_answer|answer)>(?P<said>.*?)(?:</(?P=tag)>|$)", re.S | re.I),
    re.compile(r"\\boxed\s*\{(?P<said>(?:[^{}]|\{[^{}]*\})*)\}"),
    re.compile(rf"[\"']{_FIELDS}[\"']\s*:\s*(?P<said>\"(?:[^\"\\]|\\.)*\"|\w+)", re.I),
)
_LEAD = r"(?:^|(?<=[.!?;\n*#]))[ \t*_#>`-]*"
_HEADINGS = (
    re.compile(
        rf"{_LEAD}(?:(?:so|therefore|thus|hence),? )?(?:(?:my|the) )?final (?:answer|verdict|label)"
        r"[*_]*\s*(?:[:=–—-]|\n|is\b)",
        re.I | re.M,
    ),
    re.compile(
        rf"(?:{_LEAD}|(?<=[,;] ))(?:(?:but|so|and) )?(?:overall|(?:in )?conclusion|to conclude)"
        r"[*_]*\s*[:,=–—-]",
        re.I | re.M,
    ),
    re.compile(rf"{_LEAD}(?:the )?(?:correct )?answer[*_]*\s*[:=]", re.I | re.M),
)


def last_words(text: str) -> list[str]:
    """The answer with all but its last word blanked, the most explicit reading first.

    Empty where no part of the answer is marked as its last word. Where a reading names no label,
    the next is asked.
    """
    found = []
    for pattern in _HOLDERS:
        spans = [match.span("said") for match in pattern.finditer(text)]
        if spans and (pattern is not _HOLDERS[2] or text.lstrip(" `jsonJSON\n").startswith("{")):
            found.append(_only(text, spans))
    for pattern in _HEADINGS:
        match = pattern.search(text)
        if match:
            found.append(_only(text, [(match.start(), len(text))]))
    return found


def _only(text: str, spans: list[tuple[int, int]]) -> str:
    """The spans alone, each on a line of its own, everything else blank."""
    kept = [" "] * len(text)
    for start, end in spans:
        kept[start:end] = text[start:end]
        if start:
            kept[start - 1] = "\n"
        if end < len(text):
            kept[end] = "\n"
    return "".join(kept)
