"""Distinct-1 and distinct-2: how varied a model's answers are (Li et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.evaluation.metrics.text.coco import Tokens
from workbench.evaluation.metrics.text.scored import Scored, without_interval, without_value


def distinct(answers: Sequence[Tokens], order: int) -> Scored:
    """Different n-grams over all n-grams of all answers.

    A set of answers has it and no single answer does: there is no interval, since a resample
    repeats answers and so lowers the figure by itself.

    Args:
        answers: Tokens of each answer.
        order: n.
    """
    name = f"distinct{order}"
    definition = f"different {order}-grams over all {order}-grams of the answers (PTB tokens)"
    grams = [
        tuple(tokens[i : i + order]) for tokens in answers for i in range(len(tokens) - order + 1)
    ]
    if not grams:
        return without_value(name, definition, f"no answer has {order} tokens", len(answers))
    return without_interval(name, definition, len(set(grams)) / len(grams), len(answers))
