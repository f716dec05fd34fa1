"""Prefix tuning: trained keys and values that every layer sees before the prompt.

PEFT's own wrapper drops the positions that it is handed and asks the model for others, which M-RoPE
and left padding do not survive. Here the prefix is a cache that a prompt goes on from, and
positions are counted from behind it, as transformers counts them after a cache of that length.

Guarantee: logits are those of PEFT's wrapper where that works (a text model, no padding), and do
not depend on the batch. Not for beams, nor for training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import DynamicCache, DynamicLayer

from workbench.errors import ModelError
from workbench.models.finite import refuse_nonfinite
from workbench.models.fitting import refuse_misfit

_KEY = "prompt_embeddings"


class PrefixLayer(DynamicLayer):
    """Of another type than the plain one, so that no row joins: its padding would be before the
    prefix.
    """  # noqa: D205


class Prefixed(nn.Module):
    """A model with a prefix before every prompt; called as the model itself is."""

    base: Any

    def __init__(self, base: nn.Module, keys: torch.Tensor) -> None:
        """Begin with the prefix on the base's device.

        Args:
            base: The model.
            keys: (layers * 2, heads, N, head) keys and values in turn, of N virtual tokens.
        """
        super().__init__()
        # Not registered as a child: the base's weights are its own, not this adapter's.
        vars(self)["base"] = base
        self.keys = nn.Parameter(keys, requires_grad=False)

    @property
    def count(self) -> int:
        """Virtual tokens."""
        return self.keys.shape[-2]

    def cache(self, rows: int) -> DynamicCache:
        """The prefix as a cache that `rows` prompts go on from."""
        cache = DynamicCache()
        for place in range(0, len(self.keys), 2):
            layer = PrefixLayer()
            pair = self.keys[place : place + 2].to(self.base.dtype)
            layer.update(*(t.expand(rows, *t.shape) for t in pair))
            cache.layers.append(layer)
        return cache

    def forward(self, **kwargs: Any) -> Any:
        """As the base's forward; the prefix is put before a prompt and kept before its answer."""
        rows = len(kwargs["input_ids"])
        if kwargs.get("past_key_values") is None:
            kwargs["past_key_values"] = self.cache(rows)
        if (mask := kwargs.get("attention_mask")) is not None:
            kwargs["attention_mask"] = torch.cat([mask.new_ones(rows, self.count), mask], dim=1)
        if (positions := kwargs.get("position_ids")) is not None:
            kwargs["position_ids"] = positions + self.count
        return self.base(**kwargs)

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: a search would have to carry the prefix along every beam."""
        raise ModelError(
            "beams are not searched under an adapter of prefix tuning",
            hint="leave out --num-beams",
            kind="unsupported",
        )


def load_prefix(base: Any, path: Path, config: Any, device: torch.device) -> Prefixed:
    """The prefix in an adapter's folder, over `base`.

    Args:
        base: The model.
        path: The adapter's folder.
        config: Its `PrefixTuningConfig`.
        device: Where the prefix goes.

    Raises:
        ModelError: Its shape is not that of the base's cache, or the base reads images otherwise
            than by a cache of keys.
    """
    from peft.utils.save_and_load import load_peft_weights

    text = base.config.get_text_config(decoder=True)
    if getattr(base.config, "is_encoder_decoder", False) or base.config.model_type == "paligemma":
        raise ModelError(
            f"prefix tuning is not supported for {type(base).__name__}: what its prompt sees does "
            "not go on from a cache of keys",
            hint="use a LoRA",
            kind="unsupported",
        )
    tensors = load_peft_weights(str(path), device=str(device))
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    layers, count = text.num_hidden_layers, config.num_virtual_tokens
    want = (count, layers * 2 * heads * head)
    have = {key: tuple(value.shape) for key, value in tensors.items()}
    refuse_misfit(
        f"the adapter {path}",
        missing={_KEY} - set(have),
        unexpected=set(have) - {_KEY},
        shapes={k: (shape, want) for k, shape in have.items() if k == _KEY and shape != want},
        hint="is it from another base model? see base_model_name_or_path in its "
        "adapter_config.json",
        kind="adapter_misfit",
    )
    refuse_nonfinite(f"the adapter {path}", tensors.items(), "train it again, at a lower rate")
    keys = tensors[_KEY].view(count, layers * 2, heads, head).permute(1, 2, 0, 3)
    return Prefixed(base, keys.contiguous()).eval()
