"""How large a difference a comparison can find, and how many tests were made.

Power of McNemar's test (Miettinen 1968; Connor 1987, Biometrics 43:207, formula 2): of n paired
samples of which a share `s` is right in one run alone, a difference d is found with chance
1 - beta where sqrt(n) * d = z(alpha/2) * sqrt(s) + z(beta) * sqrt(s - d^2). Several tests: Holm
(1979), Scandinavian Journal of Statistics 6:65.

Guarantee: standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

from sessions.clusters import Clusters, clusters_of
from sessions.compare import Paired, totals
from sessions.intervals import design_effect
from sessions.verdict import is_judged, is_right

POWER = 0.8
ALPHA = 0.05


@dataclass(frozen=True)
class Power:
    """What a comparison of accuracies could find.

    Attributes:
        n: Paired samples.
        discordant: The share that one of the runs alone has right.
        effect: Design effect: by how much clusters make n count for less.
        detectable: The smallest difference found with 80% power at 5%, `None` where none is.
        needed: Samples that the difference that was seen would take, `None` where there is none.
    """

    n: int
    discordant: float
    effect: float
    detectable: float | None
    needed: int | None

    def to_json(self) -> dict[str, Any]:
        """As `wb runs compare --json` prints it."""
        return asdict(self) | {"power": POWER, "alpha": ALPHA}


def samples_needed(difference: float, discordant: float, effect: float = 1.0) -> int | None:
    """Paired samples with which a difference is found with 80% power at two-sided 5%.

    Args:
        difference: Of two accuracies.
        discordant: The share that one run alone has right; at least the difference's size.
        effect: Design effect of clusters.
    """
    d = abs(difference)
    if d == 0:
        return None
    share = max(discordant, d)
    z_alpha, z_beta = NormalDist().inv_cdf(1 - ALPHA / 2), NormalDist().inv_cdf(POWER)
    root = z_alpha * math.sqrt(share) + z_beta * math.sqrt(share - d * d)
    return math.ceil(effect * (root / d) ** 2)


def detectable(n: int, discordant: float, effect: float = 1.0) -> float | None:
    """The smallest difference that n paired samples find with 80% power at two-sided 5%.

    Args:
        n: Paired samples.
        discordant: The share that one run alone has right; a difference is never larger than it,
            so that where it is small the share is taken to grow with the difference.
        effect: Design effect of clusters.

    Returns:
        `None` where even runs that differ in everything would not be told apart.
    """
    low, high = 0.0, 1.0
    most = samples_needed(1.0, discordant, effect)
    if n <= 0 or most is None or most > n:
        return None
    for _ in range(50):
        middle = (low + high) / 2
        needed = samples_needed(middle, discordant, effect)
        if needed is not None and needed <= n:
            high = middle
        else:
            low = middle
    return high


def power_of(paired: Paired, pairs: Sequence[tuple[Any, Any]]) -> Power | None:
    """What a comparison of two runs could find; `None` where nothing can be right or wrong.

    Args:
        paired: The comparison.
        pairs: Both runs' lines of each shared sample.
    """
    if not paired.n:
        return None
    judged = [(a, b) for a, b in pairs if is_judged(a) and is_judged(b)]
    changes = [int(is_right(b)) - int(is_right(a)) for a, b in judged]
    clusters = clusters_of({**a, **b} for a, b in judged)
    discordant = (paired.only_a + paired.only_b) / paired.n
    effect = _effect(changes, clusters)
    seen = paired.difference.value or 0.0
    return Power(
        paired.n,
        discordant,
        effect,
        detectable(paired.n, discordant, effect),
        samples_needed(seen, discordant, effect),
    )


def _effect(changes: Sequence[int], clusters: Clusters) -> float:
    if not clusters.kind or clusters.count < 2:
        return 1.0
    sums, sizes = totals(changes, clusters)
    return design_effect(sums, sizes, squares=sum(map(abs, changes)), low=-1.0)


def power_words(power: Power) -> str:
    """What a comparison could find, in a sentence."""
    words = f"{power.n:,} samples, of which {power.discordant:.1%} are right in one run alone, "
    if power.detectable is None:
        words += "are too few to find any difference with 80% power"
    else:
        words += f"find a difference of {power.detectable:.3f} with 80% power"
    if power.needed is None:
        return words
    return f"{words}; the one that was seen would take about {power.needed:,}"


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values adjusted for how many there are; those that are missing stay so.

    Below 5% after this, the chance that any of them is there by luck alone is at most 5%.
    """
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    out: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for place, (p, i) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - place) * p))
        out[i] = highest
    return out
