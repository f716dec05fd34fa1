"""The official normalisation of VQA answers, and the VQA accuracy of one answer.

Follows the evaluation code of VQA (Antol et al. 2015), its quirks included: an apostrophe inside a
word becomes a space ("don't" -> "don t") while a lost one is put back ("dont" -> "don't"), and a
period goes unless a digit follows. Both sides of a comparison pass through it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBERS = {"none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4"} | {
    **{"five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10"}
}
_ARTICLES = frozenset({"a", "an", "the"})
_PUNCTUATION = (*";:/'[]\"()=+\\_><@`,?",)
_PERIOD = re.compile(r"\.(?!\d)")
_DIGIT_COMMA = re.compile(r"\d,\d")
# Those whose apostrophe can be lost without making another word ("well", "were" stay).
_SHORTENED = """
    ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's
    how'd how'll how's isn't it'd it'll ma'am mightn't might've mustn't must've needn't not've
    o'clock oughtn't shan't should've shouldn't somebody'll somebody's someone'd someone'll
    someone's something'd something'll that's there'd there're there's they'd they'll they're
    they've 'twas wasn't we've weren't what'll what're what's what've when's where'd where's
    where've who'd who'll who's who've why'll why're why's won't would've wouldn't y'all you'd
    you'll you're you've
"""
_CONTRACTIONS = {word.replace("'", ""): word for word in _SHORTENED.split()}


def normalize_answer(text: str) -> str:
    """An answer as the official evaluation compares it."""
    out = text = " ".join(re.split(r"[\n\t]", text)).strip()
    squeeze = bool(_DIGIT_COMMA.search(text))
    for mark in _PUNCTUATION:
        loose = f"{mark} " in text or f" {mark}" in text or squeeze
        out = out.replace(mark, "" if loose else " ")
    # The official code passes a flag where the count stands: at most 32 periods go.
    out = _PERIOD.sub("", out, count=32)
    words = [_NUMBERS.get(word, word) for word in out.lower().split()]
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def exact_match(answer: str | None, accepted: Sequence[str]) -> bool:
    """Whether the normalised answer is one of the accepted ones."""
    if not answer:
        return False
    said = normalize_answer(answer)
    return any(said == normalize_answer(reference) for reference in accepted)


def vqa_accuracy(answer: str | None, answers: Sequence[str]) -> float:
    """The share of humans who said it, forgiving: min(matches / 3, 1), leaving each human out once.

    Left out by position, not by comparing: equal answers of two people are two answers.

    Args:
        answer: The model's, raw.
        answers: All people's, usually ten.
    """
    if not answer or not answers:
        return 0.0
    said = normalize_answer(answer)
    hits = [normalize_answer(other) == said for other in answers]
    total = sum(hits)
    if len(hits) == 1:
        return float(hits[0])
    return sum(min((total - hit) / 3, 1.0) for hit in hits) / len(hits)
