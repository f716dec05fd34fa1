"""What samples can be put in order by: the columns of a run's predictions.

Guarantee: what a line does not say is no value, never a zero, and stands last whichever way the
order goes. Equal values keep the order that they came in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sessions.uid import by_number
from workbench.errors import UnknownName
from workbench.reports.prediction import in_order, read_prediction

Value = float | str | None
_VERDICTS = ("right", "wrong", "unparsed", "failed")
CONFIDENCE = "confidence"
"""The probability of the most likely label among the labels that were scored."""


def columns_of(lines: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Value]]:
    """Column -> UID -> value, of columns that any line has.

    `verdict` (right, wrong, unparsed, failed), `answer` (the label that was read), `answer length`
    (characters), `confidence`, then each number that the lines record, one inside an object as
    `timing.total_s`.
    """
    found: dict[str, dict[str, Value]] = {}
    for line in lines:
        if not isinstance(line.get("uid"), str):
            continue
        said = read_prediction(line)
        own: dict[str, Value] = {
            "verdict": _VERDICTS.index(said.verdict) if said.verdict in _VERDICTS else None,
            "answer": said.label,
            "answer length": float(len(said.text)) if not said.error else None,
            CONFIDENCE: _confidence(said.scores) if said.scores else None,
            **_numbers(line),
        }
        for name, value in own.items():
            if value is not None:
                found.setdefault(name, {})[said.uid] = value
    return found


def sorted_lines(
    lines: Iterable[Mapping[str, Any]], column: str, descending: bool = False
) -> list[tuple[Mapping[str, Any], Value]]:
    """A run's lines with their values of a column, in its order; equal ones in that of UIDs.

    Args:
        lines: As `predictions.jsonl` has them, all of the run.
        column: `label` (the gold label), or one of `columns_of`.
        descending: The greatest first; what has no value stands last all the same.

    Raises:
        UnknownName: No line has such a column.
    """
    ordered = in_order(line for line in lines if isinstance(line.get("uid"), str))
    gold = {str(line["uid"]): read_prediction(line).target for line in ordered}
    columns = {"label": gold, **columns_of(ordered)}
    if column not in columns:
        raise UnknownName(
            f"the samples of this run have no {column!r} to sort by",
            hint=f"there are {', '.join(columns)}",
            about="--sort",
        )
    values = [columns[column].get(str(line["uid"])) for line in ordered]
    return [(ordered[place], values[place]) for place in order_of(values, descending)]


def order_of(values: Sequence[Value], descending: bool = False) -> list[int]:
    """The places of values in order, those without a value last.

    Args:
        values: Of one column: numbers, or texts, which are compared without case, numbers in
            them by their value.
        descending: The greatest first.
    """
    known = [place for place, value in enumerate(values) if not _undefined(value)]
    last = [place for place, value in enumerate(values) if _undefined(value)]
    known.sort(key=lambda place: _key(values[place]), reverse=descending)
    return known + last


def _undefined(value: Value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _key(value: Value) -> Any:
    return by_number(value.casefold()) if isinstance(value, str) else value


def _confidence(scores: Mapping[str, float]) -> float:
    from workbench.evaluation.metrics.calibration import probabilities  # with numpy

    return max(probabilities(scores).values())


def _numbers(line: Mapping[str, Any], before: str = "") -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in line.items():
        if isinstance(value, bool) or name in ("scores", "head", "v"):
            continue
        if isinstance(value, (int, float)):
            found[f"{before}{name}"] = float(value)
        elif isinstance(value, Mapping) and not before:
            found |= _numbers(value, f"{name}.")
    return found
