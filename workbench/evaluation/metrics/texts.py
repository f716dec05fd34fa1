"""The text metrics of captions and of explanations, from the lines of a run.

The metrics themselves, with the definition that each follows, are in `.text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.clusters import clusters_of
from sessions.estimate import Estimate
from sessions.verdict import is_right
from workbench.evaluation.metrics.text.registry import DEFAULT, TextPairs, score_texts

Line = Mapping[str, Any]


@dataclass(frozen=True)
class TextWish:
    """Which text metrics are wanted.

    Attributes:
        metrics: Names of `workbench.evaluation.metrics.text.registry`.
        bertscore_model: A folder or a hub id for BERTScore; empty: its usual one.
    """

    metrics: tuple[str, ...] = DEFAULT
    bertscore_model: str = ""

    @classmethod
    def named(cls, metrics: object, bertscore_model: object = "") -> TextWish:
        """Of names by commas, as flags and records say them; the usual ones of an empty text."""
        names = tuple(filter(None, map(str.strip, str(metrics or "").split(","))))
        return cls(names or DEFAULT, str(bertscore_model or ""))


USUAL = TextWish()


def caption_figures(answered: Sequence[Line], wish: TextWish) -> dict[str, Estimate]:
    """Of captions that were answered, against their references."""
    lines = [line for line in answered if line.get("references") or line.get("target")]
    if not lines:
        return {}
    texts = [str(line.get("label") or "") for line in lines]
    references = [list(line.get("references") or [line["target"]]) for line in lines]
    return _figures(lines, texts, references, wish)


def explanation_figures(answered: Sequence[Line], wish: TextWish) -> dict[str, Estimate]:
    """Of explanations; none where the model was not asked for any, or the data has none."""
    lines = [line for line in answered if line.get("explanations")]
    if not any(str(line.get("explanation") or "").strip() for line in lines):
        return {}
    found: dict[str, Estimate] = {}
    for name, part in (
        ("explanation", lines),
        ("explanation_right", [line for line in lines if is_right(line)]),
    ):
        texts = [str(line.get("explanation") or "") for line in part]
        figures = _figures(part, texts, [list(line["explanations"]) for line in part], wish)
        found |= {f"{name}/{key}": estimate for key, estimate in figures.items()}
    return found


def _figures(
    lines: Sequence[Line],
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
    wish: TextWish,
) -> dict[str, Estimate]:
    scored = score_texts(TextPairs(texts, references, wish.bertscore_model), wish.metrics)
    clusters = clusters_of(lines)
    return {one.name: one.estimate(clusters) for one in scored}
