"""The evaluation inside a training: the loss on gold answers, and answers generated and read.

Guarantee: the same samples every time, drawn by the seed; answers are generated and read as
`wb run-eval` does. Not for the final word on an adapter: evaluate that with `wb run-eval`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.collate import CLASSES, Collator
from training.joint import class_loss, classes_of, head_of, with_prompt
from training.reading import refuse_unreached
from training.train_config import TrainConfig
from training.train_data import TrainItem, TrainSet, choose_templates
from training.trainer import answer_loss, positions_to_score
from workbench.errors import DataError
from workbench.evaluation.batch import ask_batch
from workbench.evaluation.config import EvalConfig
from workbench.evaluation.lines import Prompter
from workbench.evaluation.metrics.of_run import compute_metrics
from workbench.evaluation.metrics.texts import USUAL, TextWish
from workbench.evaluation.prepared import PreparedEvaluation
from workbench.inference.decoding import Decoding
from workbench.models.batch import IGNORED
from workbench.models.box_writer import box_writer
from workbench.sample import Sample

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.models.base import LoadedModel
    from workbench.prompts.template import Template

# The figure that says which of two adapters is better, the first that there is.
HEADLINES = ("accuracy", "vqa_accuracy", "bleu4")


def headlines(config: TrainConfig) -> tuple[str, ...]:
    """The same, for a config: where the class alone is trained, it is the head's accuracy."""
    alone = config.has_head and config.head_weight == 1
    return ("head_accuracy", *HEADLINES) if alone else HEADLINES


@dataclass
class DevSet:
    """What a training is evaluated on, ready to be asked again and again."""

    config: TrainConfig
    evaluation: PreparedEvaluation
    samples: list[Sample]
    collator: Collator
    items: int

    def figures(
        self, model: Any, folder: Path, step: int, stop: Callable[[], bool]
    ) -> dict[str, Any]:
        """`{"loss", "document"}`, with a head `loss_text` and `loss_class` too.

        The answers go into `folder`. Stopped: an empty `document`.
        """
        was_training = model.training
        model.eval()
        try:
            losses = self._losses(model)
            lines: list[dict[str, Any]] = []
            size = self.config.eval_batch_size
            for start in range(0, len(self.samples), size):
                if stop():
                    return {**losses, "document": {}}
                lines += ask_batch(self.evaluation, self.samples[start : start + size])
        finally:
            model.train(was_training)
        self._write(folder, step, lines)
        source = self.evaluation.source
        wish = TextWish(self.config.eval_metrics or USUAL.metrics, self.config.bertscore_model)
        document = compute_metrics(lines, task=source.task, labels=source.labels, wish=wish)
        # Speed beside a training says nothing about the model.
        document["metrics"].pop("tokens_per_s", None)
        return {**losses, "document": document}

    def _losses(self, model: Any) -> dict[str, float]:
        import torch

        from workbench.models.base import LoadedModel

        loaded = self.evaluation.loaded
        assert isinstance(loaded, LoadedModel)
        device, head = loaded.device, head_of(model) is not None
        total, count, total_class, with_class = 0.0, 0, 0.0, 0
        with torch.no_grad():
            for start in range(0, self.items, self.config.eval_batch_size):
                stop = min(start + self.config.eval_batch_size, self.items)
                inputs = self.collator([(0, i) for i in range(start, stop)])
                labels, classes = inputs.pop("labels"), inputs.pop(CLASSES, None)
                n = int((labels != -100).sum())
                keep = positions_to_score(labels)
                inputs = with_prompt(inputs, labels) if head else inputs
                inputs = {key: value.to(device) for key, value in inputs.items()}
                out = model(**inputs, logits_to_keep=keep, use_cache=False)
                total += float(answer_loss(out.logits[:, -keep:], labels.to(device), n)) * n
                count += n
                if head and classes is not None and (k := int((classes != IGNORED).sum())):
                    total_class += float(class_loss(out.class_logits, classes)) * k
                    with_class += k
        text, of_class = total / max(count, 1), total_class / max(with_class, 1)
        if not head:
            return {"loss": text}
        weight = self.config.head_weight
        both = (1 - weight) * text + weight * of_class
        return {"loss": both, "loss_text": text} | ({"loss_class": of_class} if with_class else {})

    def _write(self, folder: Path, step: int, lines: list[dict[str, Any]]) -> None:
        from sessions.atomic import atomic_write
        from sessions.json_line import to_line

        folder.mkdir(parents=True, exist_ok=True)
        data = b"".join(to_line({"v": 1, **line}) for line in lines)
        atomic_write(folder / f"{step:08d}.jsonl", data)


@dataclass(frozen=True)
class Looked:
    """What of a dev set needs no model.

    Attributes:
        source: Where it is drawn from.
        template: How it is asked.
        samples: Drawn by the seed, each with a label.
    """

    source: Source
    template: Template
    samples: tuple[Sample, ...]


def look_at_dev(config: TrainConfig, leave_out: Collection[str] = ()) -> Looked | None:
    """The samples of a config's dev set, `None` where it names none.

    Args:
        config: See there.
        leave_out: UIDs that it must not have.

    Raises:
        UnknownName: There is no such dataset.
        DataError: None of its samples can be used, or one cannot be had now.
    """
    if not config.eval:
        return None
    from workbench.data.source import open_source

    source = open_source(config.eval)
    names = [name for name in config.templates if _fits(name, source)]
    template = choose_templates(names, [source], config.spec)[0][0]
    samples = _draw(source, config, leave_out)
    for sample in samples:
        refuse_unreached(sample)
    usable = tuple(s for s in samples if s.error is None and s.label is not None)
    if not usable:
        raise DataError(
            f"no sample of {config.eval} can be evaluated on", hint="does it have labels?"
        )
    return Looked(source, template, usable)


def open_dev(config: TrainConfig, loaded: LoadedModel, looked: Looked) -> DevSet:
    """The dev set, ready to be asked.

    Args:
        config: See there.
        loaded: With the adapter that is trained.
        looked: Its samples.
    """
    source, usable = looked.source, list(looked.samples)
    write = box_writer(config.spec)
    data = TrainSet([source], [[looked.template]], seed=config.seed, write=write)
    for sample in usable:
        size = (len(sample.images), 0)
        place = source.ordinal(sample.uid)
        data.items.append(TrainItem(0, place, sample.uid, size, 1, sample.label or ""))
    decoding = Decoding(max_new_tokens=config.eval_new_tokens, top_logprobs=0)
    evaluation = PreparedEvaluation(
        EvalConfig(dataset=config.eval, spec=config.spec, decoding=decoding),
        source,
        loaded,
        Prompter(looked.template, source.task, tuple(source.labels)),
        len(usable),
    )
    # The words of the prompts are short: they are asked in order of length to pad little.
    usable.sort(key=lambda s: (len(s.images), sum(map(len, s.texts.values()))))
    data.items.sort(key=lambda item: item.uid)
    classes = classes_of(loaded.own_head.labels) if loaded.own_head is not None else None
    collator = Collator(loaded, data, cache_mb=config.cache_mb // 4, classes=classes)
    return DevSet(config, evaluation, usable, collator, len(data.items))


def _fits(name: str, source: Source) -> bool:
    from workbench.prompts.pool import find_templates

    return any(template.task == source.task for template in find_templates(name))


def _draw(source: Source, config: TrainConfig, leave_out: Collection[str]) -> list[Sample]:
    """`eval_samples` of them, or all; of a stream the first."""
    n = source.length if source.length is not None else config.eval_samples
    if not n:
        return []
    places = range(n)
    if leave_out:
        places = [i for i in places if source.uid_at(i) not in leave_out]
    wanted = min(len(places), config.eval_samples or len(places))
    order = random.Random(f"dev:{config.seed}").sample(places, wanted)
    return [replace(source.at(i)) for i in sorted(order)]
