"""What is trained without an adapter: the weights themselves, kept as a plain model.

Guarantee: the model's folder appears whole or not at all, and `--model` takes it; a checkpoint
holds just the weights that train, by the names that they have in memory, and fits key for key.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.checkpoints import fresh_folder
from training.finite import all_finite
from workbench.errors import ModelError

if TYPE_CHECKING:
    from workbench.models.base import LoadedModel
    from workbench.models.head import Head

WEIGHTS = "trained.safetensors"


def save_model(loaded: LoadedModel, folder: Path, card: str = "", head: Head | None = None) -> None:
    """Write the model, its processor and its head into `folder`, in the place of one there.

    Raises:
        ModelError: A weight is not finite; nothing was written.
    """
    from training.joint import refuse_not_finite
    from workbench.models.adapters.merging import copy_rest
    from workbench.models.head import write_head
    from workbench.models.loading import quiet

    if not all_finite(p for p in loaded.base.parameters() if p.requires_grad):
        raise ModelError(
            "the model is not saved: it has weights that are not finite",
            hint="train again with a lower learning_rate",
            kind="diverged",
        )
    refuse_not_finite(head)
    with fresh_folder(folder) as fresh:
        with quiet():
            loaded.base.save_pretrained(str(fresh), safe_serialization=True)
        copy_rest(loaded.path, fresh)
        if card:
            (fresh / "README.md").write_text(card, "utf-8")
        if head is not None:
            write_head(head, fresh)


def save_weights(model: Any, folder: Path) -> None:
    """The weights that train, for a checkpoint."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {n: p.detach().contiguous() for n, p in model.named_parameters() if p.requires_grad}
    save_file(tensors, folder / WEIGHTS)


def load_weights(model: Any, folder: Path) -> None:
    """A checkpoint's weights back into the model. Raises `ModelError` where they do not fit."""
    import torch
    from safetensors.torch import load_file

    from workbench.models.fitting import refuse_misfit

    tensors = load_file(folder / WEIGHTS)
    own = {n: p for n, p in model.named_parameters() if p.requires_grad}
    refuse_misfit(
        f"the checkpoint {folder}",
        missing=set(own) - set(tensors),
        unexpected=set(tensors) - set(own),
        hint="start a new run",
        kind="model_misfit",
    )
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(tensors[name])
