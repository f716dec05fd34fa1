"""Intervals and tests of right and wrong, alone and in clusters, by the standard library.

References: Wilson (1927) for one proportion; McNemar (1947) with the exact binomial tail; Newcombe
(1998), Statistics in Medicine 17:2635, method 10, for the difference of two paired proportions.
With clusters: the design effect of the linearised variance (Kish 1965) divides n, and Student's t
with one degree less than there are clusters takes the place of z (Korn and Graubard 1998; with
Wilson's interval Dean and Pagano 2015, Journal of Survey Statistics and Methodology 3:484).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Z95 = 1.959963984540054
# Exact where the expansion below is not: 1 to 4 degrees of freedom.
_T95 = (12.706204736, 4.302652730, 3.182446305, 2.776445105)
# Two pseudo-clusters of mean size, one all right and one all wrong, of this weight each: where
# nearly all clusters agree, their variance alone would say that nothing is uncertain. A quarter
# brings the coverage of proportions near 0 and 1 to what it should be (simulated in the tests).
_PSEUDO = 0.25
# Above so many steps the exact distribution gives way to the normal one.
_STEPS = 2_000_000


def wilson(right: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of `right` out of `n`; (0, 1) where nothing is known yet."""
    if n <= 0:
        return 0.0, 1.0
    p = right / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # At the ends the two terms are equal, but for rounding.
    low = 0.0 if right <= 0 else max(0.0, (centre - half) / scale)
    return low, 1.0 if right >= n else min(1.0, (centre + half) / scale)


def student95(degrees: int) -> float:
    """The two-sided 95% point of Student's t, by the Cornish-Fisher expansion from 5 degrees on."""
    if degrees <= len(_T95):
        return _T95[max(degrees, 1) - 1]
    z, v = Z95, float(degrees)
    z2 = z * z
    terms = (
        (z2 + 1) / 4,
        (5 * z2**2 + 16 * z2 + 3) / 96,
        (3 * z2**3 + 19 * z2**2 + 17 * z2 - 15) / 384,
        (79 * z2**4 + 776 * z2**3 + 1482 * z2**2 - 1920 * z2 - 945) / 92160,
    )
    return z + sum(z * term / v ** (i + 1) for i, term in enumerate(terms))


def clustered_wilson(sums: Sequence[float], sizes: Sequence[int]) -> tuple[float, float]:
    """Wilson's interval of a proportion whose samples come in clusters.

    Args:
        sums: Right ones of each cluster, at least two clusters.
        sizes: Samples of each.
    """
    n, right = sum(sizes), sum(sums)
    effect = design_effect(sums, sizes, squares=right, low=0.0)
    return wilson(right / effect, n / effect, student95(len(sizes) - 1))


def design_effect(
    sums: Sequence[float], sizes: Sequence[int], *, squares: float, low: float
) -> float:
    """How many times the variance of a mean is that of independent samples; at least 1.

    Args:
        sums: Sum of each cluster's values, which lie between `low` and 1.
        sizes: Samples of each cluster.
        squares: Sum of the squares of all values.
        low: 0 for right and wrong, -1 for the difference of two runs.
    """
    n, count = sum(sizes), len(sizes)
    size = n / count  # of a pseudo-cluster
    weight, total = count + 2 * _PSEUDO, n + 2 * _PSEUDO * size
    mean = (sum(sums) + _PSEUDO * size * (1 + low)) / total
    between = sum((s - mean * m) ** 2 for s, m in zip(sums, sizes, strict=True))
    between += _PSEUDO * size**2 * ((1 - mean) ** 2 + (low - mean) ** 2)
    clustered = between * weight / (weight - 1) / total**2
    alone = (squares + _PSEUDO * size * (1 + low * low)) / total - mean * mean
    return max(1.0, clustered * total / alone) if alone > 0 else 1.0


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Two-sided exact p of McNemar's test.

    Args:
        only_a: Samples that the first run alone has right.
        only_b: Samples that the second run alone has right.

    Returns:
        The chance of a split at least this uneven of the discordant samples, were both runs
        equally good; 1 where there are none.
    """
    n, small = only_a + only_b, min(only_a, only_b)
    if n == 0 or only_a == only_b:
        return 1.0
    # The binomial tail from its largest term down: what lies 45 nats below adds nothing.
    log_term = math.lgamma(n + 1) - math.lgamma(small + 1) - math.lgamma(n - small + 1)
    log_term -= n * math.log(2)
    term = share = 1.0
    for k in range(small, 0, -1):
        term *= k / (n - k + 1)
        share += term
        if term < 1e-20:
            break
    return min(1.0, 2 * math.exp(log_term) * share)


def sign_flips(differences: Iterable[int]) -> float:
    """Two-sided p of flipping the runs of whole clusters: McNemar's exact test where each is one.

    Were both runs equally good, each cluster's difference could as well have the other sign. Of
    all assignments of signs the share whose sum is at least as far from 0, by convolution; by the
    normal distribution where that would take too long.

    Args:
        differences: Right ones of the second run less those of the first, of each cluster.
    """
    counts: dict[int, int] = {}
    total = 0
    for difference in differences:
        total += difference
        if difference:
            counts[abs(difference)] = counts.get(abs(difference), 0) + 1
    if total == 0:
        return 1.0
    spread = {0: 1.0}
    for size, count in sorted(counts.items()):
        if len(spread) * count > _STEPS:
            variance = sum(size * size * count for size, count in counts.items())
            return math.erfc(abs(total) / math.sqrt(2 * variance))
        chances = [
            math.exp(
                math.lgamma(count + 1)
                - math.lgamma(k + 1)
                - math.lgamma(count - k + 1)
                - count * math.log(2)
            )
            for k in range(count + 1)
        ]
        wider: dict[int, float] = {}
        for at, chance in spread.items():
            for k, share in enumerate(chances):
                place = at + size * (2 * k - count)
                wider[place] = wider.get(place, 0.0) + chance * share
        spread = wider
    return min(1.0, sum(chance for at, chance in spread.items() if abs(at) >= abs(total)))


def paired_difference(
    both: float, only_a: float, only_b: float, neither: float, z: float = Z95
) -> tuple[float, float, float]:
    """Accuracy of the second run less that of the first, with its interval.

    Args:
        both: Samples that both have right.
        only_a: Right in the first alone.
        only_b: Right in the second alone.
        neither: Wrong in both.
        z: Width of the interval in standard deviations.

    Returns:
        (difference, low, high), each in -1..1; (0, -1, 1) without samples.
    """
    n = both + only_a + only_b + neither
    if n == 0:
        return 0.0, -1.0, 1.0
    a, b = (both + only_a) / n, (both + only_b) / n
    low_a, high_a = wilson(both + only_a, n, z)
    low_b, high_b = wilson(both + only_b, n, z)
    phi = _phi(both, only_a, only_b, neither)
    down, up = (b - low_b, high_a - a), (high_b - b, a - low_a)
    diff = b - a
    low = diff - math.sqrt(max(0.0, down[0] ** 2 - 2 * phi * down[0] * down[1] + down[1] ** 2))
    high = diff + math.sqrt(max(0.0, up[0] ** 2 - 2 * phi * up[0] * up[1] + up[1] ** 2))
    return diff, max(-1.0, low), min(1.0, high)


def _phi(both: float, only_a: float, only_b: float, neither: float) -> float:
    """The correlation of right and wrong between the runs, corrected as method 10 wants."""
    sums = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    if sums == 0:
        return 0.0
    cross = both * neither - only_a * only_b
    n = both + only_a + only_b + neither
    if cross > 0:
        cross = max(cross - n / 2, 0.0)
    return cross / math.sqrt(sums)
