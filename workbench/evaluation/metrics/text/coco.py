"""BLEU-1 to 4, ROUGE-L and CIDEr as the COCO caption evaluation defines them.

Equal to `pycocoevalcap` 1.2 on the same tokens; tests hold each to values that it printed. BLEU is
that of Papineni et al. (2002) over the whole corpus, with the closest reference length and without
smoothing. ROUGE-L is Lin's (2004) F measure with beta 1.2, from the best precision and the best
recall over the references. CIDEr is CIDEr-D of Vedantam et al. (2015): n-grams up to 4, clipped,
with a Gaussian penalty on length (sigma 6), times 10; document frequencies come from the
references of these very images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from workbench.evaluation.metrics.text.scored import Scored, averaged, without_value

ORDER = 4
_BETA = 1.2
_SIGMA = 6.0
# As pycocoevalcap has them: they keep a score of no match at 0.
_TINY, _SMALL = 1e-15, 1e-9

Tokens = Sequence[str]
Gram = tuple[str, ...]


def ngrams(tokens: Tokens, order: int = ORDER) -> Counter[Gram]:
    """Counts of all n-grams of 1 to `order` tokens."""
    return Counter(
        tuple(tokens[i : i + n]) for n in range(1, order + 1) for i in range(len(tokens) - n + 1)
    )


def bleu(answers: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> list[Scored]:
    """Corpus BLEU-1 to BLEU-4.

    Args:
        answers: Tokens of one caption per image.
        references: Tokens of all reference captions of each image, at least one.
    """
    pairs = zip(answers, references, strict=True)
    rows = np.array([_bleu_row(a, r) for a, r in pairs]).reshape(-1, 2 * ORDER + 2)

    def score(order: int, sums: np.ndarray) -> np.ndarray:
        matches, totals = sums[:, :order], sums[:, ORDER : ORDER + order]
        said, wanted = sums[:, -2], sums[:, -1]
        precision = np.prod((matches + _TINY) / (totals + _SMALL), axis=1) ** (1 / order)
        ratio = (said + _TINY) / (wanted + _SMALL)
        return precision * np.where(ratio < 1, np.exp(1 - 1 / ratio), 1.0)

    return [
        Scored(
            f"coco_bleu{order}",
            f"corpus BLEU-{order} of pycocoevalcap (PTB tokens, closest length, no smoothing)",
            rows,
            lambda sums, order=order: score(order, sums),
        )
        for order in range(1, ORDER + 1)
    ]


def _bleu_row(answer: Tokens, references: Sequence[Tokens]) -> list[float]:
    """Matching 1- to 4-grams, all of them, length of the answer, closest reference's length."""
    best: Counter[Gram] = Counter()
    for reference in references:
        best |= ngrams(reference)
    matches = [0.0] * ORDER
    for gram, count in ngrams(answer).items():
        matches[len(gram) - 1] += min(count, best[gram])
    totals = [float(max(0, len(answer) - n + 1)) for n in range(1, ORDER + 1)]
    closest = min((abs(len(r) - len(answer)), len(r)) for r in references)[1]
    return [*matches, *totals, float(len(answer)), float(closest)]


def rouge_l(answers: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Scored:
    """Mean ROUGE-L; see `bleu` for the arguments."""
    scores = [_rouge_l(a, r) for a, r in zip(answers, references, strict=True)]
    definition = "mean ROUGE-L of pycocoevalcap (PTB tokens, beta 1.2, best of the references)"
    return averaged("coco_rouge_l", definition, scores)


def _rouge_l(answer: Tokens, references: Sequence[Tokens]) -> float:
    # pycocoevalcap splits an empty text into one empty token.
    said = list(answer) or [""]
    wanted = [list(reference) or [""] for reference in references]
    common = [common_length(said, reference) for reference in wanted]
    precision = max(n / len(said) for n in common)
    recall = max(n / len(r) for n, r in zip(common, wanted, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def common_length(first: Tokens, second: Tokens) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for token in first:
        diagonal = 0
        for j, other in enumerate(second, 1):
            better = diagonal + 1 if token == other else max(row[j], row[j - 1])
            diagonal, row[j] = row[j], better
    return row[-1]


def cider(answers: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Scored:
    """Mean CIDEr-D; see `bleu` for the arguments.

    Document frequencies stay those of all images when answers are resampled. With one image alone
    every n-gram is in each document, and nothing is known: undefined.
    """
    name, definition = "cider", "CIDEr-D of pycocoevalcap (PTB tokens, n = 1-4, sigma 6, times 10)"
    if len(answers) < 2:
        why = "CIDEr weighs n-grams over at least 2 images"
        return without_value(name, definition, why, len(answers))
    frequency: Counter[Gram] = Counter()
    counted = [[ngrams(reference) for reference in refs] for refs in references]
    for refs in counted:
        frequency.update({gram for reference in refs for gram in reference})
    idf = {gram: np.log(len(answers)) - np.log(max(1.0, n)) for gram, n in frequency.items()}
    rare = float(np.log(len(answers)))

    def weigh(counts: Counter[Gram]) -> tuple[list[dict[Gram, float]], list[float], int]:
        vectors: list[dict[Gram, float]] = [{} for _ in range(ORDER)]
        for gram, count in counts.items():
            vectors[len(gram) - 1][gram] = count * float(idf.get(gram, rare))
        norms = [float(np.sqrt(sum(x * x for x in v.values()))) for v in vectors]
        # pycocoevalcap counts the bigrams as the length.
        return vectors, norms, sum(n for gram, n in counts.items() if len(gram) == 2)

    scores = []
    for answer, refs in zip(answers, counted, strict=True):
        vectors, norms, length = weigh(ngrams(answer))
        total = 0.0
        for reference in refs:
            others, other_norms, other_length = weigh(reference)
            penalty = float(np.exp(-((length - other_length) ** 2) / (2 * _SIGMA**2)))
            for n in range(ORDER):
                if norms[n] and other_norms[n]:
                    other = others[n]
                    dot = sum(
                        min(x, other.get(gram, 0.0)) * other.get(gram, 0.0)
                        for gram, x in vectors[n].items()
                    )
                    total += penalty * dot / (norms[n] * other_norms[n])
        scores.append(10 * total / ORDER / len(refs))
    return averaged(name, definition, scores)
