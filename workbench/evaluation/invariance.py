"""How often answers change when only the order or the wording did.

A flip is a sample whose label is another one in the variant, unparsed being a label of its own;
samples that failed in either run are left out. Circular accuracy (CircularEval of MMBench, Liu et
al. 2023): right in the run and in every order of its options.

Guarantee: standard library only; intervals are Wilson's, over clusters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.clusters import clusters_of
from sessions.compare import accuracy, compare_predictions, proportion
from sessions.estimate import Estimate
from sessions.verdict import is_judged, is_right

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Flips:
    """How a run's answers stand against those of a variant.

    Attributes:
        name: Of the variant.
        run: Its id.
        rate: The share of samples whose label is another one.
        fixed: Wrong in the run and right in the variant.
        broken: The other way round.
        accuracy: The variant's.
        difference: Its accuracy less the run's, with the paired test's p-value.
        uids: Of the samples that flip.
    """

    name: str
    run: str
    rate: Estimate
    fixed: int
    broken: int
    accuracy: Estimate
    difference: Estimate
    uids: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As `wb runs invariance --json` prints it."""
        return {
            "name": self.name,
            "run": self.run,
            "flip_rate": self.rate.to_json(),
            "fixed": self.fixed,
            "broken": self.broken,
            "accuracy": self.accuracy.to_json(),
            "difference": self.difference.to_json(),
            "uids": list(self.uids),
        }


def flips_of(name: str, run: str, lines: Sequence[Line], variant: Sequence[Line]) -> Flips:
    """The flips between a run's lines and a variant's, paired by UID."""
    others = {str(line["uid"]): line for line in variant if not line.get("error")}
    pairs = [
        (line, others[str(line["uid"])])
        for line in sorted(lines, key=lambda line: str(line["uid"]))
        if not line.get("error") and str(line["uid"]) in others
    ]
    changed = [a.get("label") != b.get("label") for a, b in pairs]
    paired = compare_predictions(lines, variant)
    return Flips(
        name,
        run,
        proportion(changed, clusters_of(a for a, _ in pairs)),
        paired.only_b,
        paired.only_a,
        paired.second,
        paired.difference,
        tuple(str(a["uid"]) for (a, _), each in zip(pairs, changed, strict=True) if each),
    )


def right_throughout(runs: Sequence[Iterable[Line]]) -> Estimate:
    """The share of samples that every one of some runs has right; a failed one is wrong.

    Args:
        runs: Lines of each, the plain run first; of the samples that all of them have.
    """
    tables = [{str(line["uid"]): line for line in lines if is_judged(line)} for lines in runs]
    shared = sorted(set(tables[0]).intersection(*tables[1:]))
    chosen = [tables[0][uid] for uid in shared]
    if len(tables) == 1:
        return accuracy(chosen)
    rights = [all(is_right(table[uid]) for table in tables) for uid in shared]
    return proportion(rights, clusters_of(chosen))
