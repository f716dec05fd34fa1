"""What tells that two texts are the same, or nearly.

Two texts are the same where their words are, case and spacing aside, role by role. How alike two
others are is the cosine of their TF-IDF over pieces of 3 to 5 characters, which run over the spaces
between words: a wrong letter costs little, another order of the words costs something. The weights
are scikit-learn's (`TfidfVectorizer(analyzer="char", ngram_range=(3, 5))`). They come of the texts
that are compared, so a similarity is one among these texts.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NEAR = 0.95
"""From this cosine on two texts count as nearly the same; measured in docs/datasets.md."""
RECURS = 3
"""A text beside so many different pictures says nothing of any; measured in docs/datasets.md."""
_MOST = 20_000  # characters of a text that are compared


def text_key(texts: Mapping[str, str]) -> bytes:
    """What two samples of the same texts share; empty without any text.

    Args:
        texts: By role, as of a `Sample`.
    """
    said = sorted((role, words_of(text)) for role, text in texts.items())
    if not any(text for _, text in said):
        return b""
    return hashlib.blake2b(repr(said).encode(), digest_size=16).digest()


def words_of(text: str) -> str:
    """A text without case, its words a space apart."""
    return " ".join(text.casefold().split())


def tf_idf(texts: Sequence[str]) -> csr_matrix:
    """The texts as rows whose dot products are cosines.

    Args:
        texts: As they are; compared by `words_of`.

    Returns:
        (n, pieces) sparse float32, each row of length 1; a text without words is a row of zeros.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    counts = [_pieces(words_of(text)[:_MOST]) for text in texts]
    spread = Counter(chain.from_iterable(counts))
    column = {piece: number for number, piece in enumerate(spread)}
    weight = {p: math.log((1 + len(texts)) / (1 + df)) + 1 for p, df in spread.items()}
    starts = np.cumsum([0, *map(len, counts)])
    columns = np.fromiter((column[p] for each in counts for p in each), np.int32, starts[-1])
    values = np.fromiter(
        (n * weight[p] for each in counts for p, n in each.items()), np.float64, starts[-1]
    )
    rows = csr_matrix((values, columns, starts), (len(texts), max(1, len(column))))
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(1)).ravel())
    rows.data /= np.repeat(np.where(length > 0, length, 1), np.diff(rows.indptr))
    rows.data = rows.data.astype(np.float32)
    return rows


def _pieces(words: str) -> Counter[str]:
    """Each piece of 3 to 5 characters of a text between two spaces, and how often it is there."""
    padded = f" {words} " if words else ""
    return Counter(
        padded[at : at + size] for size in range(3, 6) for at in range(len(padded) - size + 1)
    )
