"""Which text metrics there are, by name, and all of them for a list of answers.

Guarantee: one place that front ends, evaluations and the callback of a training ask; each metric
follows the definition that it names; none touches the network. Metrics of other packages are
plug-ins of the kind `metric`: functions of the same form, each under its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from workbench.errors import PluginError
from workbench.evaluation.metrics.text import coco
from workbench.evaluation.metrics.text.coco import Tokens
from workbench.evaluation.metrics.text.scored import Scored, without_value
from workbench.plugins import Plugin, broken, find_plugin, import_plugin, plugin_names


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


Metric = Callable[[TextPairs], list[Scored]]
METRICS: dict[str, Metric] = {
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
    """What to say of names that are no metric, or a broken plug-in's; empty where all are fine."""
    problems, wrong = [], []
    for name in names:
        if name in METRICS or _of_evaluate(name):
            continue
        try:
            if not _plugged(name):
                wrong.append(name)
        except PluginError as error:
            problems.append(f"{error.message}; {error.hint}")
    if wrong:
        problems.insert(
            0,
            f"there is no metric {', '.join(map(repr, wrong))}; there are "
            f"{', '.join((*METRICS, *plugin_names('metric')))}, "
            "and evaluate:NAME for one of that library",
        )
    return "; ".join(problems)


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
        if _of_evaluate(name):
            scored += evaluate_metric(name[len(PREFIX) :], texts.answers, texts.references)
        elif name in METRICS:
            scored += METRICS[name](texts)
        elif plugged := _plugged(name):
            scored += _score(*plugged, texts)
    return scored


def _of_evaluate(name: str) -> bool:
    from workbench.evaluation.metrics.text.hf_evaluate import PREFIX

    return name.startswith(PREFIX) and name != PREFIX


def _plugged(name: str) -> tuple[Plugin, Metric] | None:
    """A plug-in's metric, `None` where there is none. Raises `PluginError` for a broken one."""
    if (plugin := find_plugin("metric", name)) is None:
        return None
    metric: Any = import_plugin(plugin)
    if not callable(metric):
        raise broken(plugin, f"{plugin.value} is {type(metric).__name__} and no function")
    return plugin, cast(Metric, metric)


def _score(plugin: Plugin, metric: Metric, texts: TextPairs) -> list[Scored]:
    """What a plug-in's metric gives; where its code fails there is no value, and why."""
    try:
        found = list(metric(texts))
        n = len(texts.answers)
        for one in found:
            if not isinstance(one, Scored) or (not one.reason and len(one.features) != n):
                raise TypeError(f"it gave {one!r:.80}, wanted Scored of {n} answers")
            one.estimate()
    except Exception as error:  # the figures of the run's other metrics stand
        reason = broken(plugin, f"{type(error).__name__}: {error}").message
        return [without_value(plugin.name, f"{plugin.package} {plugin.version}", reason)]
    return found
