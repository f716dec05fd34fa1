"""A model as its config describes it, without weights: enough to make its inputs.

Guarantee: no file of weights is read and no memory for them is taken, however large the model is.
What a prompt becomes (tokens, pixels, positions, spans) depends on config and processor alone, so
it is what the loaded model would be given. Not for answers: a forward fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from workbench.models.base import LoadedModel, check_spec
from workbench.models.loading import NOWHERE, context_length, quiet
from workbench.models.spec import ModelSpec

if TYPE_CHECKING:
    pass


def load_skeleton(spec: ModelSpec) -> LoadedModel:
    """Find a model, check its folder, and read its config and processor.

    Args:
        spec: As for `load_model`; an adapter changes no input and is left out.

    Returns:
        What `DecoderFamily.encode` and `DecoderFamily.pieces` take; its inputs are on the CPU.

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
