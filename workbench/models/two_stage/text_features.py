"""What a frozen language model says of texts: the mean of its last states, as unit vectors.

Guarantee: a text has the same features in any batch, within what floating point allows. Not for
keeping them: `training.contrastive.texts` does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


@torch.no_grad()
def mean_states(language: Any, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Frozen features of texts.

    Args:
        language: The language model without its head, such as `PhiForCausalLM.model`.
        input_ids: (M, L), padded on either side.
        attention_mask: (M, L).

    Returns:
        (M, hidden) float32 unit vectors.
    """
    states = language(
        input_ids=input_ids,
        attention_mask=attention_mask,
        position_ids=(attention_mask.cumsum(1) - 1).clamp(min=0),
        use_cache=False,
    ).last_hidden_state.float()  # (M, L, hidden)
    mask = attention_mask.unsqueeze(-1).to(states)
    mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
    return unit(mean)


def unit(vectors: Tensor) -> Tensor:
    """Vectors of length 1 along the last axis, in float32 at least."""
    wide = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
    return nn.functional.normalize(wide, dim=-1)
