"""Any metric of the `evaluate` library, from a folder or from what the hub's cache holds.

A metric of that library is a Python file that runs: it is loaded only if it is named
(`evaluate:NAME`), and only from this machine. Guarantee: whatever it does wrong becomes the reason
of an undefined figure and ends no evaluation.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.evaluation.metrics.text.scored import Scored, without_interval, without_value

PREFIX = "evaluate:"


def evaluate_metric(
    name: str, answers: Sequence[str], references: Sequence[Sequence[str]]
) -> list[Scored]:
    """The figures of one metric of `evaluate`.

    Args:
        name: What stands behind `evaluate:`: a folder with its script, or a metric's name.
        answers: One text each.
        references: All references of each.

    Returns:
        One figure per number that the metric returns, without an interval; one undefined figure
        with the reason if it cannot be loaded or computed.
    """
    label = PREFIX + Path(name).name
    definition = f"{Path(name).name} of the evaluate library"
    try:
        found = _compute(name, answers, references)
    except Exception as error:  # a stranger's script may raise anything
        said = str(error).strip().splitlines() or [""]
        return [without_value(label, definition, f"{type(error).__name__}: {said[0][:300]}")]
    figures = []
    for key, value in found.items():
        if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)):
            continue
        own = label if len(found) == 1 else f"{label}/{key}"
        number = float(value)
        if not math.isfinite(number):
            figures.append(without_value(own, definition, f"it gave {number}"))
            continue
        figures.append(without_interval(own, definition, number, len(answers)))
    return figures or [without_value(label, definition, "it gave no number")]


def _compute(
    name: str, answers: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, Any]:
    os.environ.setdefault("HF_EVALUATE_OFFLINE", "1")
    import evaluate

    metric = evaluate.load(str(Path(name).expanduser()) if Path(name).exists() else name)
    lists = [list(refs) for refs in references]
    try:
        found = metric.compute(predictions=list(answers), references=lists)
    except (ValueError, TypeError):
        # Metrics of one reference each refuse lists.
        found = metric.compute(predictions=list(answers), references=[refs[0] for refs in lists])
    return found or {}
