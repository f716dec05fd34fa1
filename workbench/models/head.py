"""A classification head: n classes off the last hidden state of the prompt, for any family.

The head reads what the language model's last layer says of the prompt's tokens, after the final
norm: what the next token is read off too. It sees no answer: in a batch with answers its pooling
stays within the prompt. Composition: the model is left as it is, and a hook on its decoder hands
over the states of a forward that runs anyway, so that an answer and its class take one forward.

Guarantee: padding changes nothing, on whichever side it stands; a head that does not fit key for
key is refused; its arithmetic is in fp32 whatever the model's dtype. Not for training: see
`training.joint`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from workbench.errors import ModelError, UnknownName
from workbench.models.head_config import (
    BLIND_FIRST,
    WEIGHTS,
    HeadConfig,
    has_head,
    read_head_config,
    write_head_config,
)

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel
    from workbench.models.families.decoder import DecoderFamily
    from workbench.sample import Conversation


class Head(nn.Module):
    """Pooled states to logits of classes: dropout and a linear layer, or two with tanh between.

    The form with `hidden` is BERT's pooler and classifier (Devlin et al. 2019).
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        self.dropout = nn.Dropout(config.dropout)
        self.dense = nn.Linear(config.width, config.hidden) if config.hidden else None
        self.out = nn.Linear(config.hidden or config.width, len(config.labels))

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the logits."""
        return self.config.labels

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Logits of the classes.

        Args:
            states: (B, L or more, width) the last hidden states, on any device and of any dtype.
            mask: (B, L) of the last L columns, 1 at the prompt: neither at padding nor answer.

        Returns:
            (B, C) float32, on the head's device.
        """
        weight = self.out.weight
        states = states[:, -mask.shape[1] :]  # a tuned prompt's vectors stand before all columns
        pooled = pool(states, mask.to(states.device), self.config.pooling)
        with torch.autocast(weight.device.type, enabled=False):
            pooled = self.dropout(pooled.to(weight.device, weight.dtype))  # (B, width)
            if self.dense is not None:
                pooled = self.dropout(torch.tanh(self.dense(pooled)))
            return self.out(pooled)

    def index(self, label: str) -> int:
        """Where a label stands among the logits. Raises `UnknownName` naming all."""
        if label not in self.labels:
            raise UnknownName(
                f"the head has no class {label!r}", hint=f"its classes are {', '.join(self.labels)}"
            )
        return self.labels.index(label)

    def named(self, logits: Tensor) -> list[dict[str, float]]:
        """Probabilities by label for each row of (B, C) logits.

        Raises:
            ModelError: The model computed no numbers.
        """
        found = torch.softmax(logits.detach().float(), dim=-1)
        if not bool(found.isfinite().all()):
            raise ModelError(
                "the classification head computed no number (NaN)",
                hint="use --dtype bf16 or fp32 if it was fp16; else the model's weights are bad",
                kind="non_finite",
            )
        rows = found.tolist()
        return [dict(zip(self.labels, row, strict=True)) for row in rows]


def pool(states: Tensor, mask: Tensor, how: str) -> Tensor:
    """One state for each row, wherever its padding stands.

    Args:
        states: (B, L, width).
        mask: (B, L) 1 at the tokens that count; one at least in each row.
        how: One of `POOLINGS`.

    Returns:
        (B, width); a mean is taken in float32.
    """
    mask = mask.bool()
    if how == "mean":
        weights = mask.unsqueeze(-1).float()
        return (states.float() * weights).sum(1) / weights.sum(1).clamp(min=1.0)
    columns = torch.arange(mask.shape[1], device=mask.device)
    if how == "last":
        at = torch.where(mask, columns, -1).amax(1)
    else:
        at = torch.where(mask, columns, mask.shape[1]).amin(1)
    at = at.clamp(0, mask.shape[1] - 1)
    return states[torch.arange(len(states), device=states.device), at]


def decoder_of(base: Any) -> nn.Module:
    """The module that gives the last hidden states: the language model without its output layer.

    Raises:
        ModelError: The model does not say which one that is.
    """
    decoder = base.get_decoder() if hasattr(base, "get_decoder") else None
    if decoder is None or decoder is base:
        raise ModelError(
            f"{type(base).__name__} does not say which of its parts is the language model",
            hint="a classification head wants one of the families of docs/models.md",
            kind="unsupported",
        )
    return getattr(decoder, "base_model", decoder)


def width_of(base: Any) -> int:
    """The width of the last hidden states."""
    return int(decoder_of(base).config.hidden_size)  # pyright: ignore


@contextlib.contextmanager
def states_of(base: Any) -> Iterator[list[Tensor]]:
    """The last hidden states (B, L, width) of every forward inside, in their order."""
    seen: list[Tensor] = []

    def take(_module: nn.Module, _args: Any, output: Any) -> None:
        seen.append(output[0] if isinstance(output, tuple) else output.last_hidden_state)

    handle = decoder_of(base).register_forward_hook(take)
    try:
        yield seen
    finally:
        handle.remove()


def class_logits(loaded: LoadedModel, inputs: dict[str, Any]) -> Tensor:
    """(B, C) logits of the model's head on encoded prompts without answers, differentiable.

    Raises:
        ModelError: The model has no head.
    """
    head = wanted_head(loaded)
    with states_of(loaded.base) as seen:
        loaded.model(**inputs, use_cache=False, logits_to_keep=1)
    return head(seen[-1], inputs["attention_mask"])


@torch.no_grad()
def classify(loaded: LoadedModel, conversations: Sequence[Conversation]) -> list[dict[str, float]]:
    """The head's probability of each label, for prompts that end before the assistant's turn.

    Raises:
        ModelError: The model has no head.
        PromptTooLong: A prompt does not fit the context.
        ImageError: An image cannot be read.
    """
    head = wanted_head(loaded)
    batch = loaded.family.encode(loaded, conversations)
    return head.named(class_logits(loaded, batch.inputs))


def wanted_head(loaded: LoadedModel) -> Head:
    """The model's head. Raises `ModelError` where it has none."""
    if loaded.head is None:
        what = " + ".join(name for name in (loaded.spec.model, loaded.spec.adapter) if name)
        raise ModelError(
            f"{what} has no classification head",
            hint="--adapter names a run that was trained with `head`; see docs/training.md",
            kind="no_head",
        )
    return loaded.head


def why_blind(family: DecoderFamily, pooling: str) -> str:
    """Why a pooling tells nothing of a family's prompts, empty where it does."""
    return BLIND_FIRST if pooling == "first" and family.causal is not False else ""


def read_head(folder: Path, base: Any, device: torch.device) -> Head | None:
    """The head that lies in a folder, `None` where none does; in evaluation mode, not training.

    Args:
        folder: Of an adapter, of a merged or fully trained model, or of the head alone.
        base: The model that it is for.
        device: Where to.

    Raises:
        ModelError: It is of another width, its weights do not fit, or they are not finite.
    """
    if not has_head(folder):
        return None
    config = read_head_config(folder)
    width = width_of(base)
    if config.width != width:
        raise ModelError(
            f"the head in {folder} reads states of width {config.width}, those of "
            f"{type(base).__name__} are {width} wide",
            hint="it was trained over another model: name that one as --model",
            kind="adapter_misfit",
        )
    head = Head(config)
    load_weights(head, folder)
    for parameter in head.parameters():
        parameter.requires_grad_(False)
    return head.to(device).eval()


def load_weights(head: Head, folder: Path) -> None:
    """The weights in a folder into a head of that form. Raises `ModelError` where they misfit."""
    from safetensors.torch import load_file

    from workbench.models.finite import refuse_nonfinite
    from workbench.models.fitting import refuse_misfit
    from workbench.models.loading import explained

    with explained(folder):
        tensors = load_file(folder / WEIGHTS)
    own = head.state_dict()
    refuse_misfit(
        f"the head in {folder}",
        missing=set(own) - set(tensors),
        unexpected=set(tensors) - set(own),
        shapes={
            key: (tuple(tensors[key].shape), tuple(value.shape))
            for key, value in own.items()
            if key in tensors and tensors[key].shape != value.shape
        },
        hint="head.json and head.safetensors are of two heads: copy both again",
        kind="adapter_misfit",
    )
    refuse_nonfinite(f"the head in {folder}", tensors.items(), "train it again, at a lower rate")
    head.load_state_dict(tensors)


def write_head(head: Head, folder: Path) -> None:
    """Write `head.json` and `head.safetensors` into a folder that is there."""
    from safetensors.torch import save_file

    tensors = {key: value.detach().cpu().contiguous() for key, value in head.state_dict().items()}
    save_file(tensors, folder / WEIGHTS)
    write_head_config(head.config, folder)
