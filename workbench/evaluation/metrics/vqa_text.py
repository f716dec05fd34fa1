"""The official normalisation of VQA answers, and the official accuracy of one answer.

Follows the last version of VQA's evaluation script (Antol et al. 2015; `vqaEval.py`), whose tables
are `vqa_rules.json`, quirks included: a comma between digits makes all marks go instead of become
spaces, at most 32 periods go, "somebody'd" loses its apostrophe, and answers are normalised only
where people's answers differ. Tests hold both functions to values that the script gave.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

_PERIOD = re.compile(r"\.(?!\d)")
# The script passes a flag (re.UNICODE, 32) where the count stands.
_PERIODS = 32
_DIGIT_COMMA = re.compile(r"\d,\d")


@cache
def _rules() -> dict[str, Any]:
    file = Path(__file__).with_name("vqa_rules.json")
    return json.loads(file.read_text(encoding="utf-8"))


def normalize_answer(text: str) -> str:
    """An answer as the official script compares it: punctuation, numbers, articles, contractions.

    Args:
        text: As it was said.
    """
    rules, out = _rules(), _one_line(text)
    text = out
    digit_comma = bool(_DIGIT_COMMA.search(text))
    for mark in rules["punctuation"]:
        loose = f"{mark} " in text or f" {mark}" in text or digit_comma
        out = out.replace(mark, "" if loose else " ")
    out = _PERIOD.sub("", out, count=_PERIODS)
    words = [rules["numbers"].get(word, word) for word in out.lower().split()]
    words = [word for word in words if word not in rules["articles"]]
    return " ".join(rules["contractions"].get(word, word) for word in words)


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def exact_match(answer: str | None, accepted: Sequence[str]) -> bool:
    """Whether the normalised answer is one of the accepted ones; an empty one never is.

    Both sides are always normalised: this is `accuracy`, which is not the official figure.
    """
    if not answer:
        return False
    said = normalize_answer(answer)
    return any(said == normalize_answer(reference) for reference in accepted)


def vqa_accuracy(answer: str | None, answers: Sequence[str]) -> float:
    """The official accuracy: min(matches / 3, 1), averaged over leaving each person out once.

    Where all people gave the same answer nothing is normalised, the model's answer neither: "Yes"
    is then not "yes". People are left out by position: the script compares dicts, which VQA's
    `answer_id` tells apart, so equal answers of two people are two answers.

    Args:
        answer: The model's, raw; `None` for an unparsed one.
        answers: All people's, usually ten.
    """
    if answer is None or not answers:
        return 0.0
    said, people = _one_line(answer), [_one_line(other) for other in answers]
    if len(set(people)) > 1:
        said, people = normalize_answer(said), [normalize_answer(other) for other in people]
    hits = [other == said for other in people]
    total = sum(hits)
    return sum(min((total - hit) / 3, 1.0) for hit in hits) / len(hits)
