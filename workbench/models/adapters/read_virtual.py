"""Prefixes and prompts out of an adapter's folder: which class reads it, and its vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from workbench.errors import ModelError
from workbench.models.adapters.config import read_config
from workbench.models.adapters.prefix_tuning import Prefixed
from workbench.models.adapters.prompt_tuning import Prompted
from workbench.models.adapters.virtual_tokens import KEY, Table, VirtualTokens
from workbench.models.finite import refuse_nonfinite
from workbench.models.fitting import refuse_misfit
from workbench.models.loading import explained


def load_virtual(model: Any, folder: str | Path) -> Any:
    """A saved prefix or prompt before a model of `transformers`, as `from_pretrained` gives it.

    Args:
        model: The base that it was trained over.
        folder: What a training left, or PEFT.

    Returns:
        What to call with what the processor makes, in the model's place.

    Raises:
        ModelError: It is of another kind, or does not fit.
    """
    path = Path(folder)
    config = read_config(path, model)
    return read_virtual(model, path, config, model.device)


def read_virtual(base: Any, path: Path, config: Any, device: torch.device) -> VirtualTokens:
    """The virtual tokens in an adapter's folder, before `base`. Arguments as of `read_table`.

    Raises:
        ModelError: Of another kind, or its shape is not that of the base.
    """
    made, values = read_table(base, path, config, device)
    return made(base, Table(values, trained=False), config, training=False).eval()


def read_table(
    base: Any, path: Path, config: Any, device: torch.device
) -> tuple[type[VirtualTokens], torch.Tensor]:
    """What an adapter's folder holds: which class reads it, and its vectors (N, width).

    Args:
        base: The model.
        path: The adapter's folder.
        config: Its config.
        device: Where the vectors go.

    Raises:
        ModelError: Of another kind, or its shape is not that of the base.
    """
    from peft.utils.save_and_load import load_peft_weights

    made = class_of(str(config.peft_type.value), path)
    want = (config.num_virtual_tokens, made.width(base))
    with explained(path):
        tensors = load_peft_weights(str(path), device=str(device))
    have = {key: tuple(value.shape) for key, value in tensors.items()}
    refuse_misfit(
        f"the adapter {path}",
        missing={KEY} - set(have),
        unexpected=set(have) - {KEY},
        shapes={k: (shape, want) for k, shape in have.items() if k == KEY and shape != want},
        hint="is it from another base model? see base_model_name_or_path in its "
        "adapter_config.json",
        kind="adapter_misfit",
    )
    refuse_nonfinite(f"the adapter {path}", tensors.items(), "train it again, at a lower rate")
    return made, tensors[KEY]


def class_of(kind: str, path: Any = "") -> Any:
    """The class that reads a kind of PEFT's. Raises `ModelError` where none does."""
    for made in (Prefixed, Prompted):
        if made.kind == kind:
            return made
    raise ModelError(
        f"the adapter {path} is of the kind {kind}, which is not supported: how its vectors are "
        "put before the text is not known here",
        hint="adapters that change layers (LoRA, IA3, OFT, ...), prefix and prompt tuning are",
        kind="unsupported",
    )
