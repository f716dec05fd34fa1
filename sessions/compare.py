"""Two runs over the same samples: pairing, flips, and whether the difference is real.

For: the bench, commands and reports, which all say the same because they all ask here.
Guarantee: standard library only; every figure is of the samples that both runs have and that can
be right or wrong (a sample that failed in one of them counts as wrong there, and as failed in
`Paired.failed`). Where samples come in clusters (see `sessions.clusters`) the interval and the
test are of clusters. Not for other metrics: see `workbench.evaluation.comparison`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.clusters import Clusters, clusters_of
from sessions.estimate import Estimate, undefined
from sessions.intervals import (
    clustered_wilson,
    design_effect,
    mcnemar_exact,
    paired_difference,
    sign_flips,
    student95,
    wilson,
)
from sessions.uid import by_number
from sessions.verdict import is_judged, is_right

MCNEMAR = "McNemar's exact test"
FLIPS = "McNemar's exact test over clusters (sign flips)"


def proportion(rights: Iterable[bool], clusters: Clusters | None = None) -> Estimate:
    """The share of right ones, with Wilson's interval, over clusters where there are some.

    Args:
        rights: One for each sample.
        clusters: Of the same samples; `None` or of no kind: each stands alone.
    """
    hits = [bool(right) for right in rights]
    n, right = len(hits), sum(hits)
    if not n:
        return undefined()
    if clusters is None or not clusters.kind:
        return Estimate(right / n, *wilson(right, n), n)
    if clusters.count < 2:
        return Estimate(right / n, n=n, cluster=clusters.kind, clusters=1, reason=ONE_CLUSTER)
    sums, sizes = totals(hits, clusters)
    low, high = clustered_wilson(sums, sizes)
    return Estimate(right / n, low, high, n, cluster=clusters.kind, clusters=clusters.count)


def accuracy(lines: Sequence[Mapping[str, Any]], clusters: Clusters | None = None) -> Estimate:
    """The share of right lines, a failed one being wrong; undefined where all of them failed.

    Args:
        lines: Of `predictions.jsonl`, each of a sample with a known target.
        clusters: Of the same lines; found here where not given.
    """
    if lines and all(line.get("error") for line in lines):
        return undefined("all samples failed", len(lines))
    return proportion(map(is_right, lines), clusters or clusters_of(lines))


def accuracy_of_counts(right: int, judged: int, failed: int = 0) -> Estimate:
    """The same from counts, where each sample stands alone.

    Args:
        right: Samples that are right.
        judged: Samples with a known target, the failed ones among them.
        failed: Those of them that could not be asked.
    """
    if judged and failed == judged:
        return undefined("all samples failed", judged)
    return Estimate(right / judged, *wilson(right, judged), judged) if judged else undefined()


ONE_CLUSTER = "one cluster says nothing of others: no interval"


def totals(values: Iterable[float], clusters: Clusters) -> tuple[list[float], list[int]]:
    """Sum and size of each cluster."""
    sums, sizes = [0.0] * clusters.count, [0] * clusters.count
    for value, cluster in zip(values, clusters.of, strict=True):
        sums[cluster] += value
        sizes[cluster] += 1
    return sums, sizes


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
        unjudged: Paired samples of which nothing says what is right: captions, no gold label.
        first, second: Accuracy of each run on the paired samples.
        difference: Accuracy of the second less that of the first; its `p_value` is of `test`.
        test: Which test: McNemar's exact one, over clusters where samples come in clusters.
        flips: In the order of their UIDs, whatever the order in which samples were answered.
    """

    both: int
    only_a: int
    only_b: int
    neither: int
    unpaired_a: int
    unpaired_b: int
    failed: int
    unjudged: int
    first: Estimate
    second: Estimate
    difference: Estimate
    test: str
    flips: tuple[Flip, ...]

    @property
    def n(self) -> int:
        """How many samples both runs have and can be right about."""
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def shared(self) -> int:
        """How many samples both runs have."""
        return self.n + self.unjudged

    @property
    def p_value(self) -> float | None:
        """Of `test`, two-sided; `None` without samples."""
        return self.difference.p_value

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
            **{name: getattr(self, name) for name in (*names, "unjudged")},
            "accuracy_a": self.first.value,
            "accuracy_b": self.second.value,
            "difference": self.difference.to_json(),
            "p_value": self.p_value,
            "test": self.test if self.n else None,
            "flips": flips,
        }


def paired_lines(
    first: Iterable[Mapping[str, Any]], second: Iterable[Mapping[str, Any]]
) -> tuple[list[tuple[str, Mapping[str, Any], Mapping[str, Any]]], int, int]:
    """Both runs' lines of each UID that both have, in the first's order, and how many are left out.

    Where a run holds a UID twice (it was resumed, or asked again), its last line counts.
    """
    a = {str(line["uid"]): line for line in first if "uid" in line}
    b = {str(line["uid"]): line for line in second if "uid" in line}
    pairs = [(uid, before, b[uid]) for uid, before in a.items() if uid in b]
    return pairs, len(a) - len(pairs), len(b) - len(pairs)


def compare_predictions(
    first: Iterable[Mapping[str, Any]], second: Iterable[Mapping[str, Any]]
) -> Paired:
    """Pair two runs' predictions by UID."""
    pairs, unpaired_a, unpaired_b = paired_lines(first, second)
    judged = [pair for pair in pairs if is_judged(pair[1]) and is_judged(pair[2])]
    rights = [(is_right(before), is_right(after)) for _, before, after in judged]
    flips = [
        Flip(uid, now, before, after)
        for (uid, before, after), (was, now) in zip(judged, rights, strict=True)
        if was != now
    ]
    # The second run is the newer one as a rule: older lines do not name their images.
    clusters = clusters_of({**before, **after} for _, before, after in judged)
    first_accuracy = accuracy([before for _, before, _ in judged], clusters)
    second_accuracy = accuracy([after for _, _, after in judged], clusters)
    return Paired(
        both=rights.count((True, True)),
        only_a=rights.count((True, False)),
        only_b=rights.count((False, True)),
        neither=rights.count((False, False)),
        unpaired_a=unpaired_a,
        unpaired_b=unpaired_b,
        failed=sum(bool(before.get("error") or after.get("error")) for _, before, after in pairs),
        unjudged=len(pairs) - len(judged),
        first=first_accuracy,
        second=second_accuracy,
        difference=_difference(rights, clusters)
        if first_accuracy.value is not None and second_accuracy.value is not None
        else undefined(first_accuracy.reason or second_accuracy.reason, len(judged)),
        test=FLIPS if clusters.kind else MCNEMAR,
        flips=tuple(sorted(flips, key=lambda flip: by_number(flip.uid))),
    )


def _difference(rights: list[tuple[bool, bool]], clusters: Clusters) -> Estimate:
    n = len(rights)
    if not n:
        return undefined("no sample that both runs have can be right or wrong")
    cells = [rights.count(c) for c in ((True, True), (True, False), (False, True), (False, False))]
    if not clusters.kind:
        value, low, high = paired_difference(*cells)
        return Estimate(value, low, high, n, mcnemar_exact(cells[1], cells[2]))
    sums, sizes = totals([int(b) - int(a) for a, b in rights], clusters)
    value, kind, count = sum(sums) / n, clusters.kind, clusters.count
    p_value = sign_flips(int(s) for s in sums)
    if count < 2:
        return Estimate(
            value, n=n, p_value=p_value, cluster=kind, clusters=count, reason=ONE_CLUSTER
        )
    effect = design_effect(sums, sizes, squares=cells[1] + cells[2], low=-1.0)
    _, low, high = paired_difference(*(cell / effect for cell in cells), z=student95(count - 1))
    return Estimate(value, low, high, n, p_value, cluster=kind, clusters=count)
