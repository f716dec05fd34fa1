"""Counts over the predictions of a run that is still being read: what is known of it so far.

Guarantee: the verdicts are those of `sessions.verdict`, the figures those of `sessions.compare`
and `sessions.label_figures`, so that they say what the run's own will say at its end.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from sessions.compare import accuracy_of_counts
from sessions.estimate import Estimate
from sessions.label_figures import label_figures
from sessions.verdict import ERRORS, Verdict


class Judged(Protocol):
    """What is counted of a prediction."""

    @property
    def target(self) -> str | None:
        """The gold label."""
        ...

    @property
    def label(self) -> str | None:
        """What was read from the answer."""
        ...

    @property
    def verdict(self) -> Verdict:
        """As `sessions.verdict` has it."""
        ...

    @property
    def judged(self) -> bool:
        """Whether something says what is right."""
        ...

    @property
    def placed(self) -> bool:
        """Whether its label is boxes or points, which are no classes."""
        ...


Cell = tuple[str, str | None]


def cell_of(row: Judged) -> Cell | None:
    """(target, what it was read as) of a prediction; `None` of one that stands in no cell.

    What is right in another spelling than the target's is read as the target, as in a run's own
    confusion matrix.
    """
    if row.verdict in ("failed", "none") or row.placed:
        return None
    target = row.target or ""
    return target, target if row.verdict == "right" else row.label


@dataclass
class Tally:
    """Counts over the predictions read so far.

    Attributes:
        cells: (target, label) -> count, of those that did not fail; label `None` is unparsed.
    """

    n: int = 0
    judged: int = 0
    right: int = 0
    errors: int = 0
    unparsed: int = 0
    failed: int = 0
    judged_failed: int = 0
    cells: Counter[Cell] = field(default_factory=Counter)

    def count(self, row: Judged, by: int = 1) -> None:
        """Count a row in, or with -1 out again."""
        self.n += by
        self.judged += by * row.judged
        self.right += by * (row.verdict == "right")
        self.errors += by * (row.verdict in ERRORS)
        self.failed += by * (row.verdict == "failed")
        self.judged_failed += by * (row.judged and row.verdict == "failed")
        self.unparsed += by * (row.verdict == "unparsed")
        cell = cell_of(row)
        if cell is not None:
            self.cells[cell] += by

    @property
    def accuracy(self) -> Estimate:
        """Share of right ones of those that can be judged; what failed counts as wrong.

        With Wilson's interval, as if each sample stood alone: the run's own, once it has ended,
        is over its clusters.
        """
        return accuracy_of_counts(self.right, self.judged, self.judged_failed)

    def labels(self, limit: int = 12) -> list[str]:
        """The labels of the matrix: targets by count, then what was only ever predicted."""
        targets: Counter[str] = Counter()
        said: Counter[str] = Counter()
        for (target, label), count in self.cells.items():
            if count > 0:
                targets[target] += count
                if label is not None:
                    said[label] += count
        ordered = sorted(targets, key=lambda t: (-targets[t], t))
        ordered += sorted((s for s in said if s not in targets), key=lambda s: (-said[s], s))
        return sorted(ordered) if len(ordered) <= limit else ordered[:limit]

    def per_label(self, labels: list[str]) -> list[tuple[str, int, *tuple[float | None, ...]]]:
        """(label, n, precision, recall, F1) of each; `None` where undefined."""
        said: Counter[str | None] = Counter()
        targets: Counter[str] = Counter()
        for (target, label), count in self.cells.items():
            said[label] += count
            targets[target] += count
        return [
            (
                label,
                targets[label],
                *label_figures(self.cells[label, label], targets[label], said[label]),
            )
            for label in labels
        ]
