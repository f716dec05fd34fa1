"""A metric of each answer alone: what ratings of single answers are held against.

Guarantee: the functions that make a run's figures make these too; an answer without references has
no value. A metric of a whole corpus (BLEU) is taken of each answer as a corpus of one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sessions.verdict import is_judged, is_right
from workbench.errors import UsageError
from workbench.evaluation.metrics.text.registry import TextPairs, score_texts, unknown

CORRECT = "correct"
_HINTS = {
    "bertscore": "name a model that is here by --bertscore-model FOLDER, or fetch the usual one: "
    "hf download roberta-large"
}


def answer_scores(
    lines: Sequence[Mapping[str, Any]], metric: str, *, task: str = "", bertscore_model: str = ""
) -> tuple[dict[str, float], str]:
    """UID -> score, and what was scored in words.

    Args:
        lines: Of `predictions.jsonl`; those that failed are left out.
        metric: `correct` (1 for a right answer), or a text metric's name.
        task: Of the run; of captions the caption is scored, elsewhere the explanation.
        bertscore_model: A folder or a cached hub id.

    Raises:
        UsageError: There is no such metric, or it cannot be had here.
    """
    answered = [line for line in lines if not line.get("error")]
    if metric == CORRECT:
        judged = [line for line in answered if is_judged(line)]
        return {str(x["uid"]): float(is_right(x)) for x in judged}, "right answers as 1"
    if problem := unknown((metric,)):
        raise UsageError(f"--metric: {problem}, or {CORRECT}")
    rows = [row for line in answered if (row := _texts(line, task))]
    if not rows:
        return {}, "no answer has a reference"
    pairs = TextPairs([row[1] for row in rows], [row[2] for row in rows], bertscore_model)
    scored = score_texts(pairs, (metric,))[-1]
    if scored.reason:
        raise UsageError(f"--metric {metric}: {scored.reason}", hint=_HINTS.get(metric, ""))
    if scored.value_alone is not None:
        raise UsageError(f"--metric {metric} has a value of the whole run alone")
    values = [float(scored.score(row[None])[0]) for row in scored.features]
    found = {row[0]: value for row, value in zip(rows, values, strict=True) if math.isfinite(value)}
    return found, scored.definition


def _texts(line: Mapping[str, Any], task: str) -> tuple[str, str, list[str]] | None:
    if task == "caption":
        references = list(line.get("references") or ()) or [line.get("target") or ""]
        text = str(line.get("label") or "")
    else:
        references = list(line.get("explanations") or ())
        text = str(line.get("explanation") or "")
    references = [str(one) for one in references if one]
    return (str(line["uid"]), text, references) if references else None
