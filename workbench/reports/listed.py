"""Which samples of a run a list shows, and in which order: of `wb runs show`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.verdict import is_error
from workbench.reports.prediction import in_order
from workbench.reports.prediction_columns import Value, sorted_lines


@dataclass(frozen=True)
class ListedSamples:
    """Samples of a run in the order in which they are listed.

    Attributes:
        lines: As `predictions.jsonl` has them.
        column: What they are in order by, empty for their UIDs.
        values: Of the column, one for each line; empty without a column.
    """

    lines: Sequence[Mapping[str, Any]]
    column: str = ""
    values: Sequence[Value] = ()


def listed(
    lines: Iterable[Mapping[str, Any]],
    *,
    errors: bool = False,
    disagree: bool = False,
    sort: str | None = None,
    descending: bool = False,
) -> ListedSamples:
    """Samples of a run in the order of UIDs, or of a column.

    Args:
        lines: As `predictions.jsonl` has them, all of the run.
        errors: Only those that are wrong, unparsed or failed.
        disagree: Only those whose text and scores disagree.
        sort: A column of `sorted_lines`.
        descending: The greatest first.

    Raises:
        UnknownName: No line has such a column.
    """

    def wanted(line: Mapping[str, Any]) -> bool:
        if not disagree:
            return not errors or is_error(line)
        from workbench.evaluation.metrics.label_scores import disagrees  # with numpy

        return disagrees(line)

    if sort is None:
        return ListedSamples(in_order(filter(wanted, lines)))
    found = [pair for pair in sorted_lines(lines, sort, descending) if wanted(pair[0])]
    return ListedSamples([line for line, _ in found], sort, [value for _, value in found])
