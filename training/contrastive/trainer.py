"""`transformers.Trainer` for a contrastive training: whole steps, in parts as memory wants.

Guarantee: a batch of the loader is a whole step, so that every image is held against every text of
it (see `training.contrastive.loss`). Checkpoints hold all weights and the running statistics of
batch norms: losses after a resume are those of an uninterrupted training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import Trainer, TrainingArguments

from training.arguments import shared_arguments
from training.checkpoints import complete, writing
from training.contrastive.config import ContrastiveConfig
from training.contrastive.data import Normaliser, PairCollator, Pairs
from training.contrastive.loss import cut, take_step
from training.finite import FiniteWatch
from training.order import EpochOrder, PairIndices

_WEIGHTS = "aligned.safetensors"
_OPTIMIZERS = {"adamw": "adamw_torch", "adamw_8bit": "adamw_bnb_8bit"}  # others bear their names


class ContrastiveTrainer(Trainer):
    """See the module."""

    def __init__(
        self,
        *,
        pairs: Pairs,
        collator: PairCollator,
        config: ContrastiveConfig,
        normalise: Normaliser,
        evaluation: Any,
        watch: FiniteWatch,
        losses: dict[str, list[float]],
        run: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(train_dataset=PairIndices(len(pairs)), data_collator=collator, **kwargs)
        self._pairs, self._config, self._normalise = pairs, config, normalise
        self._evaluation, self._watch, self._run = evaluation, watch, run
        self.losses = losses  # of the steps since the last logged one
        self.can_return_loss = True

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return EpochOrder(len(self._pairs), self._pairs.order)

    def training_step(
        self,
        model: Any,
        inputs: dict[str, Any],
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """The gradients of a whole step; a loss that is not finite ends the training."""
        model.train()
        inputs = self._prepare_inputs(inputs)
        uids = [self._pairs.items[i].uid for i in inputs["items"].tolist()]
        if len(uids) < 2:  # nothing to hold an image against: a step that teaches nothing
            loss = torch.zeros((), device=self.args.device)
        else:
            parts = _Parts(inputs["pixels"], self._config.batch_size, self._normalise)
            with self.compute_loss_context_manager():
                loss = take_step(
                    model,
                    parts,
                    inputs["features"],
                    inputs["belongs"],
                    self._config.loss,
                    self.accelerator.backward,
                )
            self._watch.loss(float(loss), self.state.global_step + 1, uids)
            self.losses["loss"].append(float(loss))
        return loss

    def get_decay_parameter_names(self, model: Any) -> list[str]:
        """Kernels and matrices; not biases, norms, temperature and bias of the pairs."""
        return [name for name, parameter in model.named_parameters() if parameter.ndim > 1]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As `Trainer` does, with the loss of every step since the last log, and what is learned.

        `Trainer` forgets those before a resume, and its summary at the end divides what is left.
        """
        if "loss" in logs:
            if since := self.losses["loss"]:
                logs["loss"] = sum(since) / len(since)
                since.clear()
            encoder: Any = self.model
            encoder = encoder.image_encoder
            logs["temperature"] = float(encoder.logit_scale.detach().exp())
            logs["bias"] = float(encoder.logit_bias.detach())
        super().log(logs, start_time)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Our own evaluation."""
        metrics = {f"eval_{name}": value for name, value in self._evaluation().items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        path = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        with writing(path, self._run):
            super()._save_checkpoint(model, trial)
            complete(path, self.losses, self._config.keep_checkpoints)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """All weights and running statistics."""
        folder = Path(str(output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        model: Any = self.model
        state = {name: value.detach().contiguous() for name, value in model.state_dict().items()}
        save_file(state, folder / _WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        whole: Any = self.model
        whole.load_state_dict(load_file(Path(resume_from_checkpoint) / _WEIGHTS))


class _Parts(Sequence[Tensor]):
    """The parts of a step, each normalised when it is asked for: bounds memory."""

    def __init__(self, squares: Tensor, size: int, normalise: Normaliser) -> None:
        self._squares, self._normalise = squares, normalise
        self._edges = cut(len(squares), size)

    def __len__(self) -> int:
        return len(self._edges)

    def __getitem__(self, number: Any) -> Any:
        start, stop = self._edges[number]
        return self._normalise(self._squares[start:stop])

    def __iter__(self) -> Iterator[Tensor]:
        return (self[number] for number in range(len(self)))


def arguments(config: ContrastiveConfig, folder: Path, *, steps: int, on_cpu: bool) -> Any:
    """The `TrainingArguments` of a config.

    Args:
        config: What is wanted.
        folder: For the checkpoints.
        steps: In all.
        on_cpu: Keep off a GPU that there may be.
    """
    return TrainingArguments(
        **shared_arguments(config, folder, steps=steps, on_cpu=on_cpu),
        # A batch is a whole step; its parts are the trainer's own business.
        per_device_train_batch_size=config.step_size,
        gradient_accumulation_steps=1,
        # A smaller last batch would have fewer negatives: what it holds comes in other epochs.
        dataloader_drop_last=True,
        optim=_OPTIMIZERS.get(config.optimizer, config.optimizer),
        bf16=config.precision == "bf16",
    )
