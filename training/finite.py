"""A training that diverges stops: no step is taken on, and nothing is saved of, what is not finite.

Guarantee: a loss or a gradient that is NaN or infinite ends the training before the weights are
touched, and weights that a step made so end it before a checkpoint or an adapter is written. What
was saved before stays. Not for a loss that is merely high: that is what the curves are for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from workbench.errors import ModelError

if TYPE_CHECKING:
    import torch

_SHOWN = 5


class Diverged(ModelError):
    """A loss, a gradient or a weight is not finite.

    Attributes:
        step: The optimizer step in which it came up, from 1.
        uids: The samples of that step.
    """

    kind = "diverged"

    def __init__(self, what: str, step: int, uids: Sequence[str], hint: str) -> None:
        named = ", ".join(uids[:_SHOWN])
        more = f" and {len(uids) - _SHOWN} more" if len(uids) > _SHOWN else ""
        super().__init__(f"{what} in step {step}, on {named or 'no sample'}{more}", hint=hint)
        self.step, self.uids = step, list(uids)


def all_finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Whether no element is NaN or infinite; asks each device once."""
    import torch

    by_device: dict[torch.device, list[torch.Tensor]] = {}
    for tensor in tensors:
        if tensor.is_floating_point():
            by_device.setdefault(tensor.device, []).append(tensor.isfinite().all())
    return all(bool(torch.stack(found).all()) for found in by_device.values())


class FiniteWatch(TrainerCallback):
    """Looks at the loss, the gradients and the weights of each step.

    Args:
        folder: Where the checkpoints lie; the newest whole one is named.
        learning_rate: As it was set; named too.
    """

    def __init__(self, folder: Path, learning_rate: float) -> None:
        self._folder, self._learning_rate = folder, learning_rate
        self._uids: list[str] = []

    def loss(self, value: float, step: int, uids: Sequence[str]) -> None:
        """The loss of one batch of a step. Raises `Diverged`."""
        self._uids += uids
        if value != value or value in (float("inf"), float("-inf")):
            self._stop(f"the loss is {value}", step, uids)

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """A new step: its samples are other ones."""
        self._uids = []

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        """Before the weights are touched."""
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        if not all_finite(gradients):
            self._stop("a gradient is not finite", state.global_step + 1, self._uids)

    def on_optimizer_step(
        self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        """After the weights were touched, before anything of them is saved."""
        if not all_finite(p for p in model.parameters() if p.requires_grad):
            self._stop("a weight is not finite", state.global_step + 1, self._uids)

    def _stop(self, what: str, step: int, uids: Sequence[str]) -> None:
        from training.checkpoints import last_checkpoint

        kept = last_checkpoint(self._folder)
        good = f"the last good checkpoint is {kept}" if kept else "no checkpoint was due before it"
        raise Diverged(
            what,
            step,
            uids,
            f"{good}; train again with a lower learning_rate (it was {self._learning_rate:g}), or "
            "look at these samples: wb inspect UID",
        )
