"""A model as its config describes it, without weights: enough to make its inputs.

Guarantee: no file of weights is read and no memory for them is taken, however large the model is.
What a prompt becomes (tokens, pixels, positions, spans) depends on config and processor alone, so
it is what the loaded model would be given. Not for answers: a forward fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.models.base import LoadedModel, check_spec
from workbench.models.loading import context_length, pick_dtype, quiet
from workbench.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

NOWHERE = torch.device("meta")  # tensors there have a shape and a type, and no memory


def load_skeleton(spec: ModelSpec) -> LoadedModel:
    """Find a model, check its folder, and read its config and processor.

    Args:
        spec: As for `load_model`; an adapter changes no input and is left out.

    Returns:
        What `Family.encode` and `Family.pieces` take; its inputs are on the CPU.

    Raises:
        UnknownName: No such model.
        ModelError: It is none, or has no processor.
    """
    bare = spec.but(adapter=None, quantization="none", attention="sdpa")
    path, family = check_spec(bare)
    with quiet():
        model, processor = family.load(bare, path, NOWHERE)
    return LoadedModel(
        spec=bare,
        path=path,
        family=family,
        base=model.eval(),
        processor=processor,
        device=torch.device("cpu"),
        context_length=context_length(model.config),
    )


def without_weights(cls: Any, spec: ModelSpec, path: Path) -> nn.Module:
    """`cls` of a folder's config, every tensor on the meta device.

    Args:
        cls: A model class or an auto class of transformers.
        spec: Its dtype is that of the pixels.
        path: A folder that `find_model` checked.
    """
    from transformers import AutoConfig, GenerationConfig

    from workbench.models.placement import candidates

    config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    dtype = pick_dtype(spec.dtype, candidates(spec.device)[0], path)
    if isinstance(dtype, str):
        dtype = getattr(config, "dtype", None) or torch.float32
    make = cls.from_config if hasattr(cls, "from_config") else cls._from_config
    with NOWHERE:
        model = make(config, dtype=dtype)
    if (path / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(path, local_files_only=True)
    return model
