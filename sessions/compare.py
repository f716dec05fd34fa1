"""Two runs over the same samples: pairing, flips, and whether the difference is real.

For: the bench, commands and reports, which all say the same because they all ask here.
Guarantee: standard library only; every figure is of the samples that both runs have (a sample
that failed in one of them counts as wrong there, and as failed in `Paired.failed`).
Not for: metrics other than right or wrong, nor for more than two runs at once.

References: McNemar (1947) with the exact binomial tail; Wilson (1927) for one proportion;
Newcombe (1998), Statistics in Medicine 17:2635, method 10, for the difference of two paired ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Z95 = 1.959963984540054


def is_right(prediction: Mapping[str, Any]) -> bool:
    """Whether a line of `predictions.jsonl` counts as right.

    Its own word (`"correct"`) goes first, where the metric is not plain equality; an error or an
    unparsed answer is wrong.
    """
    if prediction.get("error"):
        return False
    if isinstance(prediction.get("correct"), bool):
        return prediction["correct"]
    label = prediction.get("label")
    return label is not None and label == prediction.get("target")


def wilson(right: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of `right` out of `n`; (0, 1) where nothing is known yet."""
    if n <= 0:
        return 0.0, 1.0
    p = right / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


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


def paired_difference(
    both: int, only_a: int, only_b: int, neither: int, z: float = Z95
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


def _phi(both: int, only_a: int, only_b: int, neither: int) -> float:
    """The correlation of right and wrong between the runs, corrected as method 10 wants."""
    sums = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    if sums == 0:
        return 0.0
    cross = both * neither - only_a * only_b
    n = both + only_a + only_b + neither
    if cross > 0:
        cross = max(cross - n / 2, 0.0)
    return cross / math.sqrt(sums)


@dataclass(frozen=True)
class Flip:
    """A sample that one run has right and the other wrong.

    Attributes:
        fixed: The second run has it right; otherwise the first had.
        before: The first run's line of `predictions.jsonl`; `after`: the second's.
    """

    uid: str
    fixed: bool
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True)
class Paired:
    """What two runs over the same samples say about each other.

    Attributes:
        both, only_a, only_b, neither: The four counts; they sum to `n`.
        unpaired_a: Samples of the first run that the second does not have; `unpaired_b`: the
            other way round.
        failed: Paired samples that have an error in at least one of the runs.
        difference: Accuracy of the second less that of the first, with `low` and `high` (95%).
        p_value: McNemar's exact test, two-sided.
        flips: In the order of the first run.
    """

    both: int
    only_a: int
    only_b: int
    neither: int
    unpaired_a: int
    unpaired_b: int
    failed: int
    difference: float
    low: float
    high: float
    p_value: float
    flips: tuple[Flip, ...]

    @property
    def n(self) -> int:
        """How many samples both runs have."""
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def accuracy_a(self) -> float:
        """Accuracy of the first run on the paired samples, 0 without any."""
        return (self.both + self.only_a) / self.n if self.n else 0.0

    @property
    def accuracy_b(self) -> float:
        """Accuracy of the second run on the paired samples, 0 without any."""
        return (self.both + self.only_b) / self.n if self.n else 0.0

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints; a flip by its UID, direction and both labels."""
        flips = [
            {
                "uid": f.uid,
                "fixed": f.fixed,
                "before": f.before.get("label"),
                "after": f.after.get("label"),
                "target": f.after.get("target"),
            }
            for f in self.flips
        ]
        names = ("both", "only_a", "only_b", "neither", "unpaired_a", "unpaired_b", "failed")
        return {
            "n": self.n,
            **{name: getattr(self, name) for name in names},
            "accuracy_a": self.accuracy_a,
            "accuracy_b": self.accuracy_b,
            "difference": {"value": self.difference, "low": self.low, "high": self.high},
            "p_value": self.p_value,
            "flips": flips,
        }


def compare_predictions(
    first: Iterable[Mapping[str, Any]], second: Iterable[Mapping[str, Any]]
) -> Paired:
    """Pair two runs' predictions by UID.

    Where a run holds a UID twice (it was resumed, or asked again), its last line counts.
    """
    a = {str(line["uid"]): line for line in first if "uid" in line}
    b = {str(line["uid"]): line for line in second if "uid" in line}
    cells = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    flips, failed = [], 0
    for uid, before in a.items():
        after = b.get(uid)
        if after is None:
            continue
        right = (is_right(before), is_right(after))
        cells[right] += 1
        failed += bool(before.get("error") or after.get("error"))
        if right[0] != right[1]:
            flips.append(Flip(uid, right[1], before, after))
    both, only_a = cells[True, True], cells[True, False]
    only_b, neither = cells[False, True], cells[False, False]
    difference, low, high = paired_difference(both, only_a, only_b, neither)
    paired = both + only_a + only_b + neither
    return Paired(
        both=both,
        only_a=only_a,
        only_b=only_b,
        neither=neither,
        unpaired_a=len(a) - paired,
        unpaired_b=len(b) - paired,
        failed=failed,
        difference=difference,
        low=low,
        high=high,
        p_value=mcnemar_exact(only_a, only_b),
        flips=tuple(flips),
    )
