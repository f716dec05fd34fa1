"""The explanation in an answer: what is left of it beside the verdict.

Guarantee: a piece of the answer as it stands, without the headings, marks and special tokens at
its edges; empty where nothing is left. Not for judging: see `parse_verdict`.
"""

from __future__ import annotations

import re

from workbench.prompts.parse_marks import TAG, THINK, blank
from workbench.prompts.parse_words import VERBS

_HEADING = r"(?:because|since|explanations?|reason|reasoning|rationale|justification|why)"
_OPENING = re.compile(rf"^{_HEADING}\b[\s:,*_\"=–—-]*", re.I)
_TITLE = re.compile(rf"^[\s*_#]*{_HEADING}[*_]*\s*:[\s*_]*", re.I)
# "contradicts the image, since the man sits": the object is part of the verdict.
_OBJECT = re.compile(r"^[^.!?\n]*?(?:\b(?:because|since|as)\b\s*|(?=[.!?\n]|$))", re.I)
_CONCLUSION = re.compile(r"[,;:]?\s*(?:so|therefore|thus|hence)?\s*(?:the|it)?[^,;:]*$")


def reason_of(answer: str, start: int, end: int, *, alone: bool) -> str:
    """What follows the verdict; what precedes it where nothing follows.

    Args:
        answer: In its normal form.
        start: Where the first verdict begins.
        end: Where it ends.
        alone: Whether it is the only one.
    """
    text = blank(TAG, blank(THINK, answer))
    lead, after = text[:start], text[end:]
    if text[start:end].casefold() in VERBS:
        after = _OBJECT.sub("", after, count=1)
    after = _OPENING.sub("", re.sub(r"^[\s\W]+", "", after))
    if (re.search(r"\w", after) and alone) or re.search(r"\w{2,}\W+\w{2,}", after):
        return _trimmed(after, text)
    sentence_start = max(lead.rfind(ch) for ch in ".!?\n") + 1
    before = _TITLE.sub("", lead[:sentence_start].strip())
    return before.strip() or _TITLE.sub("", _CONCLUSION.sub("", lead)).strip()


def _trimmed(text: str, answer: str) -> str:
    """Without what was opened before it: the end of a JSON object, a bracket, bold."""
    text = text.strip()
    if answer.lstrip(" `jsonJSON\n").startswith("{"):
        text = text.rstrip("\"'}` \n")
    if text.endswith((")", "]")) and text.count("(") + text.count("[") == 0:
        text = text[:-1]
    if text.endswith("**") and text.count("**") == 1:
        text = text[:-2]
    return text.strip()
