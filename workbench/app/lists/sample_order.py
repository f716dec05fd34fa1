"""What lists of samples can be sorted by: one offer for Explore's list and for a run's samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.app.widgets.choice import Choice

if TYPE_CHECKING:
    from workbench.reports.prediction_columns import Value


@dataclass(frozen=True)
class SampleOrder:
    """What a list is sorted by.

    Attributes:
        column: Of the samples, such as `label`, or of a run.
        descending: The greatest first.
        of_run: The run that the column is of, empty for a column of the samples.
    """

    column: str
    descending: bool = False
    of_run: str = ""

    @property
    def words(self) -> str:
        """`label ↑`."""
        return f"{self.column} {'↓' if self.descending else '↑'}"


def order_choices(
    of_samples: Mapping[str, str], run_id: str, columns: Mapping[str, Mapping[str, Value]]
) -> list[Choice]:
    """Each column upwards and downwards, the order of the data first.

    Args:
        of_samples: Columns of the samples, with what each is.
        run_id: Of the run that has the others.
        columns: As `workbench.reports.prediction_columns` has them.
    """
    choices = [Choice("as it comes", "the order of the data", SampleOrder(""))]
    offers = [(name, about, "") for name, about in of_samples.items()]
    offers += [(name, f"of the run, {len(of):,} samples", run_id) for name, of in columns.items()]
    for name, about, of_run in offers:
        for down, first in ((False, "least first"), (True, "most first")):
            order = SampleOrder(name, down, of_run)
            choices.append(Choice(order.words, f"{first} · {about}", order))
    return choices
