"""What a training will take, before it begins: memory and time, of a few batches of its own.

Guarantee: forward and backward are those of the training itself (`AnswerTrainer.training_step`); no
weight is changed and nothing is left on the disk. Not for what evaluation takes, nor for the
optimizer's own time.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from training.finite import FiniteWatch
from training.optimizers import choose_optimizer, state_bytes
from training.trainer import AnswerTrainer, arguments
from workbench.models.memory import free_bytes

if TYPE_CHECKING:
    from training.prepared import Training

Batch = Sequence[tuple[int, int]]
_TIMED = 3


def measure(training: Training) -> dict[str, Any]:
    """`{"memory", "time"}` of a training, in bytes and seconds.

    The longest batch of the first epoch tells the activations: on a GPU by the allocator's peak,
    on a CPU by the tensors that autograd keeps, each storage once and without the weights. (With
    `activation_checkpointing` what one layer computes again comes on top there.) Two batches more
    tell the time. What does not fit while it is measured has `activations: None`.
    """
    model, device = training.model, training.loaded.device
    trained = [p for p in model.parameters() if p.requires_grad]
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    gradients = sum(p.numel() * p.element_size() for p in trained)
    optimizer = choose_optimizer(training.config)
    states = sum(state_bytes(optimizer, p.numel(), p.element_size()) for p in trained)
    free = free_bytes(device)
    activations, seconds = _measured(training, gradients)
    rest = gradients + states + (activations or 0)
    fits = None if free is None else activations is not None and rest <= free
    per_step = seconds * training.config.gradient_accumulation if seconds is not None else None
    return {
        "memory": {
            "weights": weights,
            "gradients": gradients,
            "optimizer": states,
            "activations": activations,
            "total": weights + rest if activations is not None else None,
            # The weights are there already.
            "free": free,
            "fits": fits,
            "device": str(device),
        },
        "time": {
            "seconds_per_step": per_step,
            "seconds": per_step * training.steps if per_step is not None else None,
        },
    }


def _measured(training: Training, gradients: int) -> tuple[int | None, float | None]:
    """Bytes of the activations of the longest batch, and seconds of a usual one."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = _trainer(training, Path(folder))
        longest, *usual = _batches(training)
        try:
            kept = _activations(training, trainer, longest, gradients)
            seconds = [_timed(training, trainer, batch) for batch in usual or [longest]]
        except torch.OutOfMemoryError:
            return None, None
        finally:
            training.model.zero_grad()
    return kept, statistics.median(seconds)


def _trainer(training: Training, folder: Path) -> AnswerTrainer:
    config, on_cpu = training.config, training.loaded.device.type == "cpu"
    bf16 = not on_cpu and training.loaded.base.dtype == torch.bfloat16
    if config.activation_checkpointing:
        training.model.gradient_checkpointing_enable({"use_reentrant": False})
    return AnswerTrainer(
        data=training.data,
        collator=training.collator,
        config=config,
        evaluation=None,
        watch=FiniteWatch(folder, config.learning_rate),
        losses={},
        run="",
        model=training.model,
        eval_dataset=[] if config.eval else None,
        args=arguments(config, folder, steps=training.steps, on_cpu=on_cpu, bf16=bf16),
    )


def _batches(training: Training) -> list[Batch]:
    """The longest batch of the first epoch, and a few as they come."""
    size = training.config.batch_size
    order = training.data.order(0, size)
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    items = training.data.items

    def length(batch: list[int]) -> tuple[int, int]:
        images, letters = zip(*(items[i].size for i in batch), strict=True)
        return (sum(images), max(letters) * len(batch))

    chosen = [max(batches, key=length), *batches[: _TIMED - 1]]
    return [[(0, index) for index in batch] for batch in chosen]


def _step(training: Training, trainer: AnswerTrainer, batch: Batch) -> None:
    collate: Any = trainer.data_collator
    inputs = collate([*batch])
    count = (inputs["labels"] != -100).sum().to(training.loaded.device)
    trainer.training_step(training.model, inputs, count)


def _timed(training: Training, trainer: AnswerTrainer, batch: Batch) -> float:
    began = time.perf_counter()
    _step(training, trainer, batch)
    if training.loaded.device.type == "cuda":
        torch.cuda.synchronize(training.loaded.device)
    return time.perf_counter() - began


def _activations(training: Training, trainer: AnswerTrainer, batch: Batch, gradients: int) -> int:
    device = training.loaded.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        _step(training, trainer, batch)
        return max(0, torch.cuda.max_memory_allocated(device) - before - gradients)
    weights = {t.untyped_storage().data_ptr() for t in training.model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        _step(training, trainer, batch)
    return sum(kept.values())
