"""METEOR by nltk: with WordNet's synonyms where WordNet is installed, else under another name.

Guarantee: a figure called `meteor` always had WordNet; without it the figure is called
`meteor_exact_stem` and says so. nltk follows Lavie and Agarwal (2007): alpha 0.9, beta 3,
gamma 0.5, the best of the references; it looks synonyms up by the stems that its second stage left
(`automobil` has none). COCO's Java program has other parameters and paraphrases,
so that published COCO figures are some points higher.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.evaluation.metrics.text.coco import Tokens
from workbench.evaluation.metrics.text.scored import Scored, averaged


class _NoSynonyms:
    """In place of WordNet: no word has a synonym."""

    def synsets(self, word: str) -> list[Any]:
        return []


def wordnet() -> Any | None:
    """WordNet as nltk reads it; `None` where it is not installed."""
    from nltk.corpus import wordnet as corpus

    try:
        corpus.ensure_loaded()
    except (LookupError, OSError):  # none, or one that is not complete
        return None
    return corpus


def meteor(answers: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Scored:
    """Mean METEOR over answers.

    Args:
        answers: Tokens of one text per image, lower case.
        references: Tokens of all references of each, at least one.
    """
    from nltk.translate.meteor_score import meteor_score

    synonyms = wordnet()
    reader: Any = synonyms or _NoSynonyms()
    scores = [
        meteor_score([list(x) for x in refs], list(answer), wordnet=reader)
        for answer, refs in zip(answers, references, strict=True)
    ]
    if synonyms is None:
        return averaged(
            "meteor_exact_stem",
            "mean METEOR of nltk without WordNet: exact and stem matches alone",
            scores,
        )
    return averaged(
        "meteor", "mean METEOR of nltk with WordNet (alpha 0.9, beta 3, gamma 0.5)", scores
    )
