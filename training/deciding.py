"""Which figures an evaluation in a training can be decided by, told before anything is loaded.

Guarantee: the names are those that the evaluation itself makes: its figures are worked out of lines
that answer the dev set by its gold answers, so that no second list says which task has which. Not
for what the figures are (`workbench.evaluation.metrics`) or which is better (`training.best`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from training.best import decides, score_of
from training.train_config import TrainConfig
from workbench.errors import UsageError
from workbench.evaluation.lines import Prompter, answer_line
from workbench.evaluation.metrics.of_run import compute_metrics
from workbench.evaluation.metrics.text.registry import METRICS
from workbench.evaluation.metrics.texts import USUAL, TextWish
from workbench.grounding.answered import AnsweredRegions
from workbench.grounding.gold import gold_of
from workbench.grounding.judging import judge
from workbench.sample import Answer, Sample

if TYPE_CHECKING:
    from training.train_eval import Looked

# Metrics that load a model: that they are asked for says that they are there.
_LOADING = frozenset({"bertscore"})


def refuse_figure(config: TrainConfig, dev: Looked | None, labels: Sequence[str] = ()) -> None:
    """Refuse a `best_by`, and so what `early_stopping` counts by, that the dev set cannot have.

    Args:
        config: See there.
        dev: What it is evaluated on.
        labels: The classes of its head, empty without one.

    Raises:
        UsageError: There is no such figure; the message lists those that there are.
    """
    name = config.best_by
    if not name or dev is None:
        return
    found = figures_there(config, dev, labels)
    if score_of(name, dict.fromkeys(found, 0.0)) is not None:
        return
    near = difflib.get_close_matches(name, found, n=1)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    counted = ", which 'early_stopping' counts by," if config.early_stopping.patience else ""
    raise UsageError(
        f"'best_by' {name!r}{counted} is no figure of {config.eval} ({dev.source.task}), which has "
        f"{', '.join(found)}{meant}",
        hint=f"take one of them, or leave best_by out: {_usual(config, found)} decides then",
        kind="bad_config",
    )


def check_figure(config: TrainConfig) -> None:
    """As `refuse_figure`, of a config whose data are not open yet. Raises as opening them does."""
    if not config.best_by:
        return
    from training.joint import labels_of
    from training.train_eval import look_at_dev
    from workbench.data.source import open_source

    sources = [open_source(name) for name in config.train]
    labels = labels_of(config, sources) if config.has_head else ()
    refuse_figure(config, look_at_dev(config), labels)


def figures_there(config: TrainConfig, dev: Looked, labels: Sequence[str] = ()) -> tuple[str, ...]:
    """The figures that an evaluation on `dev` has and that one can be better by.

    Args:
        config: Its `eval_metrics` and its head.
        dev: What is evaluated on.
        labels: The classes of its head, empty without one.
    """
    source = dev.source
    prompter = Prompter(dev.template, source.task, tuple(source.labels))
    head = {label: 1 / len(labels) for label in labels} or None
    lines = [_as_gold(prompter, sample, head) for sample in dev.samples]
    asked = config.eval_metrics or USUAL.metrics
    wish = TextWish(tuple(name for name in asked if name in METRICS and name not in _LOADING))
    made = compute_metrics(lines, task=source.task, labels=source.labels, wish=wish)
    metrics: Mapping[str, Mapping[str, Any]] = made["metrics"]
    found = [name for name, row in metrics.items() if row["value"] is not None]
    for name in _LOADING.intersection(asked):
        found += [f"{place}{name}" for place in _places(source.task, lines)]
    found += [] if source.task == "caption" else ["unparsed"]
    found += ["loss", *(("loss_text", "loss_class") if labels else ())]
    return tuple(name for name in found if decides(name))


def _usual(config: TrainConfig, found: Sequence[str]) -> str:
    """What decides where the config names nothing."""
    from training.train_eval import headlines

    return next((name for name in headlines(config) if name in found), "loss")


def _places(task: str, lines: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What stands before the name of a text metric in each of its figures."""
    if task == "caption":
        return ("",)
    told = any(line.get("explanations") and line["explanation"].strip() for line in lines)
    return ("explanation/", "explanation_right/") if told else ()


def _as_gold(
    prompter: Prompter, sample: Sample, head: Mapping[str, float] | None
) -> dict[str, Any]:
    """The line of a sample that is answered as it should be; its pictures say nothing here."""
    if prompter.task == "grounding":
        return _places_as_gold(prompter, sample)
    bare = replace(sample, images=())
    gold = Answer(text=prompter.template.gold_answer(sample), head=head)
    return answer_line(prompter, bare, gold, share_s=0.0)


def _places_as_gold(prompter: Prompter, sample: Sample) -> dict[str, Any]:
    """The line of a sample whose answer is its gold, whatever coordinates it is in."""
    gold = gold_of(sample)
    line = answer_line(prompter, replace(sample, images=()), Answer(text=""), share_s=0.0)
    places = AnsweredRegions(gold, gold, judged=judge(gold, gold) if gold else None)
    right = places.judged.right if places.judged is not None else None
    return line | {"label": places.label, "correct": right, "grounding": places.to_json()}
