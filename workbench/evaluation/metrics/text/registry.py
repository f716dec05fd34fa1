"""Which text metrics there are, by name, and all of them for a list of answers.

Guarantee: one place that front ends, evaluations and the callback of a training ask; each metric
follows the definition that it names; none touches the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from workbench.evaluation.metrics.text import coco
from workbench.evaluation.metrics.text.coco import Tokens
from workbench.evaluation.metrics.text.scored import Scored


@dataclass(frozen=True)
class TextPairs:
    """What is compared.

    Attributes:
        answers: One text each.
        references: All references of each, at least one.
        bertscore_model: A folder or a hub id for BERTScore; empty: its usual one.
    """

    answers: Sequence[str]
    references: Sequence[Sequence[str]]
    bertscore_model: str = ""
    said: list[Tokens] = field(init=False, repr=False)
    wanted: list[list[Tokens]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from workbench.evaluation.metrics.text.ptb import ptb_tokens

        object.__setattr__(self, "said", [ptb_tokens(text) for text in self.answers])
        object.__setattr__(
            self, "wanted", [[ptb_tokens(text) for text in refs] for refs in self.references]
        )


def _meteor(texts: TextPairs) -> list[Scored]:
    from workbench.evaluation.metrics.text.meteor import meteor

    return [meteor(texts.said, texts.wanted)]


def _bertscore(texts: TextPairs) -> list[Scored]:
    from workbench.evaluation.metrics.text.bertscore import bertscore

    return [bertscore(texts.answers, texts.references, model=texts.bertscore_model)]


def _distinct(texts: TextPairs) -> list[Scored]:
    from workbench.evaluation.metrics.text.distinct import distinct

    return [distinct(texts.said, order) for order in (1, 2)]


METRICS: dict[str, Callable[[TextPairs], list[Scored]]] = {
    "coco_bleu": lambda texts: coco.bleu(texts.said, texts.wanted),
    "coco_rouge_l": lambda texts: [coco.rouge_l(texts.said, texts.wanted)],
    "cider": lambda texts: [coco.cider(texts.said, texts.wanted)],
    "meteor": _meteor,
    "bertscore": _bertscore,
    "distinct": _distinct,
}
# What costs a model's forward passes is asked for by name.
DEFAULT = ("coco_bleu", "coco_rouge_l", "cider", "meteor", "distinct")


def unknown(names: Sequence[str]) -> str:
    """What to say of names that are no metric; empty where all are."""
    from workbench.evaluation.metrics.text.hf_evaluate import PREFIX

    wrong = [n for n in names if n not in METRICS and not (n.startswith(PREFIX) and n != PREFIX)]
    if not wrong:
        return ""
    return (
        f"there is no metric {', '.join(map(repr, wrong))}; there are {', '.join(METRICS)}, "
        "and evaluate:NAME for one of that library"
    )


def score_texts(texts: TextPairs, names: Sequence[str] = DEFAULT) -> list[Scored]:
    """The metrics of these names, in their order.

    Raises:
        ValueError: A name is no metric.
    """
    from workbench.evaluation.metrics.text.hf_evaluate import PREFIX, evaluate_metric

    if problem := unknown(names):
        raise ValueError(problem)
    scored: list[Scored] = []
    for name in names:
        if name.startswith(PREFIX):
            scored += evaluate_metric(name[len(PREFIX) :], texts.answers, texts.references)
        else:
            scored += METRICS[name](texts)
    return scored
