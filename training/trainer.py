"""`transformers.Trainer` for answers: loss on the answer alone, our order, our evaluation.

Guarantee: the loss is the mean over the answer tokens of all forwards of a step (not a mean of
means), computed on no other position: logits are made for the answers only. What is logged is the
mean over the steps since the last log, a stop between them or not. Not for deciding what is
trained: see `training.train`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Seq2SeqTrainingArguments,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from training.arguments import shared_arguments
from training.checkpoints import complete, writing
from training.collate import CLASSES, Collator
from training.finite import FiniteWatch
from training.halving import Halving
from training.joint import bare, class_loss, head_of, joint, with_prompt
from training.optimizers import choose_optimizer, trainer_name
from training.order import EpochOrder, PairIndices
from training.train_config import TrainConfig
from training.train_data import TrainSet
from training.whole import load_weights, save_weights
from workbench.models.batch import IGNORED
from workbench.models.head import load_weights as load_head
from workbench.models.head import write_head

# Which samples a batch is made of; taken out again before the model sees it.
_ITEMS = "items"


def answer_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    items: torch.Tensor | int | None,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """Cross-entropy of the answer tokens.

    Args:
        logits: (B, K, V), of the last K positions.
        labels: (B, L), L >= K; -100 where no answer is.
        items: Answer tokens of the whole step; those of `labels` where `None`.
        smoothing: Label smoothing.
    """
    width = logits.shape[1]
    targets = labels[:, labels.shape[1] - width + 1 :]
    total = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(),
        targets.flatten(),
        ignore_index=-100,
        reduction="sum",
        label_smoothing=smoothing,
    )
    count = (targets != -100).sum() if items is None else items
    return total / max(int(count), 1)


def positions_to_score(labels: torch.Tensor) -> int:
    """How many of the last positions hold every answer token and the one before it."""
    first = (labels != -100).any(dim=0).nonzero()
    start = int(first[0, 0]) if len(first) else labels.shape[1] - 1
    return labels.shape[1] - start + 1


class AnswerTrainer(Trainer):
    """See the module."""

    def __init__(
        self,
        *,
        data: TrainSet,
        collator: Collator,
        config: TrainConfig,
        evaluation: Callable[[], dict[str, float]] | None,
        watch: FiniteWatch,
        losses: dict[str, list[float]],
        run: str,
        pieces: int = 1,
        on_halved: Callable[[int, int, int], None] | None = None,
        **kwargs: Any,
    ) -> None:
        def collate(batch: Sequence[tuple[int, int]]) -> dict[str, torch.Tensor]:
            return collator(batch) | {_ITEMS: torch.tensor([*batch])}

        super().__init__(train_dataset=PairIndices(len(data)), data_collator=collate, **kwargs)
        self._data, self._config, self._evaluation = data, config, evaluation
        self._watch, self._run = watch, run
        # Of the steps since the last logged one, and of the step that is being taken.
        self.losses, self._step = losses, defaultdict[str, float](float)
        self._class_items = 0  # samples of the step that have a class
        self._on_halved = on_halved
        halving = Halving(collate, self._forget_step, self._tell_halved, pieces)
        self._halving = halving if on_halved is not None else None
        # The loss below is a sum over the step's answer tokens: Trainer must not divide again.
        self.model_accepts_loss_kwargs = True
        self.loss_is_scaled_for_ga = True
        self.can_return_loss = True

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        size = self._config.batch_size
        return EpochOrder(len(self._data), lambda epoch: self._data.order(epoch, size))

    def training_step(
        self,
        model: Any,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """One forward and backward; a loss that is not finite ends the training."""

        def once(inputs: dict[str, Any]) -> torch.Tensor:
            return self._once(model, inputs, num_items_in_batch)

        if self._halving is None:
            loss = once(inputs)
        else:
            pairs = [(epoch, index) for epoch, index in inputs[_ITEMS].tolist()]
            loss = self._halving.take(pairs, inputs, once)
            if self.accelerator.sync_gradients:
                self._halving.step_ends()
        if self.accelerator.sync_gradients:
            for name, total in self._step.items():
                self.losses.setdefault(name, []).append(total)
            self._step.clear()
        return loss

    def _once(
        self, model: Any, inputs: dict[str, Any], count: torch.Tensor | int | None
    ) -> torch.Tensor:
        inputs = dict(inputs)
        uids = [self._data.items[i].uid for _, i in inputs.pop(_ITEMS).tolist()]
        loss = super().training_step(model, inputs, count)
        value = float(loss)
        self._watch.loss(value, self.state.global_step + 1, uids)
        self._step["loss"] += value
        return loss

    def _forget_step(self) -> None:
        assert self.model is not None
        self.model.zero_grad()
        self._step.clear()

    def _tell_halved(self, pieces: int, size: int) -> None:
        assert self._on_halved is not None
        self._on_halved(self.state.global_step + 1, pieces, size)

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> Any:
        """As `Trainer` does, counting the samples of a step that have a class."""
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        found = [batch[CLASSES] for batch in batches if CLASSES in batch]
        self._class_items = sum(int((classes != IGNORED).sum()) for classes in found)
        return batches, items

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As `Trainer` does, with the loss of every step since the last log.

        `Trainer` forgets those before a resume, and its summary at the end divides what is left.
        """
        if "loss" in logs:
            for name, values in self.losses.items():
                if values:
                    logs[name] = sum(values) / len(values)
                    values.clear()
        super().log(logs, start_time)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        path = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        with writing(path, self._run):
            super()._save_checkpoint(model, trial)
            complete(path, self.losses, self._config.keep_checkpoints)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Adapters as PEFT saves them; of a model without one the weights that train."""
        inner, head, folder = bare(self.model), head_of(self.model), Path(str(output_dir))
        if hasattr(inner, "peft_config") and head is None:
            super()._save(output_dir, state_dict)
        elif hasattr(inner, "peft_config"):
            inner.save_pretrained(str(folder))
        elif self._config.method != "head":
            save_weights(inner, folder)
        if head is not None:
            folder.mkdir(parents=True, exist_ok=True)
            write_head(head, folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        inner, head = bare(self.model), head_of(self.model)
        if hasattr(inner, "peft_config"):
            super()._load_from_checkpoint(resume_from_checkpoint, bare(model or inner))
        elif self._config.method != "head":
            load_weights(inner, Path(resume_from_checkpoint))
        if head is not None:
            load_head(head, Path(resume_from_checkpoint))

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """See `answer_loss`; with a head the `joint` loss, its parts kept for the log."""
        inputs = dict(inputs)
        labels, classes = inputs.pop("labels"), inputs.pop(CLASSES, None)
        keep = positions_to_score(labels)
        if classes is not None:
            inputs = with_prompt(inputs, labels)
        outputs = model(**inputs, logits_to_keep=keep, use_cache=False)
        # A model that knows no `logits_to_keep` gives all positions.
        logits = outputs.logits[:, -keep:]
        loss = answer_loss(logits, labels, num_items_in_batch, self._config.label_smoothing)
        if classes is not None:
            of_class = class_loss(outputs.class_logits, classes, self._class_items)
            self._step["loss_text"] += float(loss.detach())
            self._step["loss_class"] += float(of_class.detach())
            loss = joint(loss, of_class, self._config.head_weight)
        return (loss, outputs) if return_outputs else loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Our own evaluation: answers are generated and read, besides the loss on gold ones."""
        metrics = self._evaluation() if self._evaluation else {}
        metrics = {f"eval_{name}": value for name, value in metrics.items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def arguments(
    config: TrainConfig,
    folder: Path,
    *,
    steps: int,
    on_cpu: bool,
    bf16: bool,
    seq2seq: bool = False,
) -> Any:
    """The `TrainingArguments` of a config.

    Args:
        config: What is wanted.
        folder: For the checkpoints.
        steps: In all.
        on_cpu: Keep off a GPU that there may be.
        bf16: Compute in bfloat16.
        seq2seq: For `Seq2SeqTrainer`, with `predict_with_generate`.
    """
    if seq2seq:
        kind: Any = partial(Seq2SeqTrainingArguments, predict_with_generate=True)
    else:
        kind = TrainingArguments
    return kind(
        **shared_arguments(config, folder, steps=steps, on_cpu=on_cpu),
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        **_checkpointing(config.activation_checkpointing),
        optim=trainer_name(choose_optimizer(config)),
        bf16=bf16,
    )


def _checkpointing(wanted: bool) -> dict[str, Any]:
    """The arguments of activation checkpointing, by the name that this `transformers` has."""
    known = {field.name for field in fields(TrainingArguments)}
    name = next(n for n in ("activation_checkpointing", "gradient_checkpointing") if n in known)
    # The reentrant way finds no gradient where a frozen layer comes first.
    return {name: wanted, f"{name}_kwargs": {"use_reentrant": False}}


class Hooks(TrainerCallback):
    """Passes what happens on: to the record, and back whether to stop.

    Attributes:
        on_begin: Called when everything is loaded, before the first step.
        on_figures: Called with (step, epoch, figures) whenever there are any.
        on_step: Called with (step, total).
        stop: Asked after each step: stop, after saving a checkpoint?
        out_of_time: Asked after each step: stop, as if it were the end?
        enough: Asked after each evaluation: stop, since there is no gain?
    """

    def __init__(
        self,
        *,
        on_begin: Callable[[], None],
        on_figures: Callable[[int, float, dict[str, float]], None],
        on_step: Callable[[int, int], None],
        stop: Callable[[], bool],
        out_of_time: Callable[[], bool],
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        self.on_begin, self.on_figures, self.on_step = on_begin, on_figures, on_step
        self.stop, self.out_of_time, self.enough = stop, out_of_time, enough

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """A checkpoint's weights are in the model."""
        self.on_begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """After an optimizer step."""
        self.on_step(state.global_step, state.max_steps)
        if self.stop():
            control.should_save = control.should_training_stop = True
            # A cancel is answered at once: no evaluation on the way out.
            control.should_evaluate = False
        elif self.out_of_time():
            control.should_save = control.should_training_stop = True
        return control

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """The checkpoint of this step is saved still."""
        if self.enough():
            control.should_training_stop = True
        return control

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """A cancelled epoch is not evaluated (a resume does that), nor saved twice."""
        if self.stop():
            # A wish to stop that came since the step ended has saved nothing yet.
            control.should_save = not control.should_training_stop
            control.should_evaluate, control.should_training_stop = False, True
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Loss, learning rate, evaluation."""
        figures = {k: float(v) for k, v in (logs or {}).items() if isinstance(v, (int, float))}
        self.on_figures(state.global_step, float(state.epoch or 0), figures)
