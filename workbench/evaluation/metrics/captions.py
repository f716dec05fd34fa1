"""BLEU-4 and ROUGE-L of captions against several references each, with bootstrap intervals.

BLEU is the corpus score of Papineni et al. (2002) as sacrebleu computes it (13a tokens, lower
case, exponential smoothing), in 0 to 1. ROUGE-L is the F1 of the longest common subsequence (Lin
2004) as the `rouge_score` package computes it (letters and digits, no stemming): the best of the
references, averaged over captions. Tests hold both to literal values of those packages.

Both packages are made for English. Here letters of every script count, and each character of a
script that is written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan) is a
token of its own, as sacrebleu's `zh` has it; what is ASCII scores as with the packages.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np

from sessions.clusters import Clusters
from sessions.estimate import Estimate
from workbench.evaluation.statistics import bootstrap, ratio

BLEU = "corpus BLEU-4 as sacrebleu: 13a tokens, lower case, exponential smoothing; 0 to 1"
ROUGE = "ROUGE-L F1 as rouge_score, without stemming: best reference, mean of captions; 0 to 1"

ORDER = 4
_13A = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
# Scripts without spaces: Thai, Lao, Tibetan, Burmese, Khmer, kana, Han with its extensions.
_UNSPACED = re.compile(
    "([\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff])"
)
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


def tokens_13a(text: str) -> list[str]:
    """Tokens as mteval-v13a cuts them, lower case."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, char in _ENTITIES:
        text = text.replace(entity, char)
    text = _UNSPACED.sub(r" \1 ", f" {text.lower()} ")
    for pattern, replacement in _13A:
        text = pattern.sub(replacement, text)
    return text.split()


def _ngrams(tokens: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(
        tuple(tokens[i : i + n]) for n in range(1, ORDER + 1) for i in range(len(tokens) - n + 1)
    )


def bleu_counts(answer: str, references: Sequence[str]) -> np.ndarray:
    """(10,) of one caption: matching 1- to 4-grams, all of them, its length, its reference's."""
    said = tokens_13a(answer)
    targets = [tokens_13a(reference) for reference in references]
    best: Counter[tuple[str, ...]] = Counter()
    for target in targets:
        best |= _ngrams(target)
    grams = _ngrams(said)
    matches, totals = np.zeros(ORDER), np.zeros(ORDER)
    for gram, count in grams.items():
        matches[len(gram) - 1] += min(count, best[gram])
        totals[len(gram) - 1] += count
    closest = min((abs(len(t) - len(said)), len(t)) for t in targets)[1] if targets else 0
    return np.concatenate([matches, totals, [len(said), closest]])


def bleu_score(sums: np.ndarray) -> np.ndarray:
    """(R,) corpus BLEU of (R, 10) summed counts."""
    matches, totals = sums[:, :ORDER], sums[:, ORDER : 2 * ORDER]
    said, wanted = sums[:, -2], sums[:, -1]
    misses = np.cumsum((matches == 0) & (totals > 0), axis=1)
    smoothed = np.where(matches > 0, matches, 1 / np.exp2(misses))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(smoothed / totals).mean(axis=1)
        brevity = np.where(said < wanted, np.exp(1 - wanted / said), 1.0)
        score = np.where((totals > 0).all(axis=1), np.exp(logs) * brevity, 0.0)
    # Nothing in common at all is 0, not a smoothed crumb.
    return np.where(matches[:, 0] == 0, 0.0, np.nan_to_num(score))


def bleu_features(answers: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """(n, 10) counts of n captions, which `bleu_score` takes summed."""
    rows = [bleu_counts(a, r) for a, r in zip(answers, references, strict=True)]
    return np.array(rows).reshape(len(rows), 2 * ORDER + 2)


def bleu4(
    answers: Sequence[str],
    references: Sequence[Sequence[str]],
    clusters: Clusters | None = None,
) -> Estimate:
    """Corpus BLEU-4 with a bootstrap interval over captions.

    Args:
        answers: One caption per image.
        references: All reference captions of each image.
        clusters: Of the images.
    """
    features = bleu_features(answers, references)
    return bootstrap(features, bleu_score, clusters=clusters, resamples=1_000)


def _words(text: str) -> list[str]:
    """Runs of letters, marks and digits, lower case; of scripts without spaces each character."""
    text = unicodedata.normalize("NFC", text.lower())
    kept = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in text)
    return _UNSPACED.sub(r" \1 ", kept).split()


def rouge_l_one(answer: str, references: Sequence[str]) -> float:
    """The best F1 of one caption against its references, 0 to 1."""
    said = _words(answer)
    return max((_lcs_f1(said, _words(reference)) for reference in references), default=0.0)


def _lcs_f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    if not said or not wanted:
        return 0.0
    row = [0] * (len(wanted) + 1)
    for word in said:
        diagonal = 0
        for j, other in enumerate(wanted, 1):
            diagonal, row[j] = (
                row[j],
                diagonal + 1 if word == other else max(row[j], row[j - 1]),
            )
    return 2 * row[-1] / (len(said) + len(wanted))


def rouge_features(answers: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """(n, 2): the F1 of each caption, and 1; `ratio` of their sums is the mean."""
    scores = [rouge_l_one(a, r) for a, r in zip(answers, references, strict=True)]
    return np.stack([np.array(scores, dtype=float), np.ones(len(scores))], axis=1)


def rouge_l(
    answers: Sequence[str],
    references: Sequence[Sequence[str]],
    clusters: Clusters | None = None,
) -> Estimate:
    """Mean ROUGE-L F1 with a bootstrap interval."""
    return bootstrap(rouge_features(answers, references), ratio, clusters=clusters)
