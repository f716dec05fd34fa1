"""Prefix tuning (Li and Liang 2021): trained keys and values that every layer sees.

The prefix is a cache that a prompt goes on from; see `.virtual_tokens` for what
holds of positions and padding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers.cache_utils import DynamicCache

from workbench.models.adapters.virtual_tokens import (
    VirtualLayer,
    VirtualTokens,
    decoder_config,
    keeping_cache,
)


class ReadLayer(VirtualLayer):
    """Gives the prefix with the new keys behind it and keeps none, for a forward that is the last:
    a training's, which may be run a second time for its gradients.
    """  # noqa: D205

    before: tuple[torch.Tensor, torch.Tensor]

    def fill(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Begin with both, (B, heads, N, head)."""
        self.lazy_initialization(keys, values)
        self.keys, self.values = self.before = keys, values

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Both (B, heads, N + T, head)."""
        keys, values = self.before
        return torch.cat([keys, key_states], dim=-2), torch.cat([values, value_states], dim=-2)


class Projected(nn.Module):
    """A prefix that comes out of two layers while it is trained; saved as what comes out."""

    def __init__(self, config: Any) -> None:
        """Make PEFT's, by its config."""
        from peft import PrefixEncoder

        super().__init__()
        self.inner = PrefixEncoder(config)
        self._count = config.num_virtual_tokens

    def forward(self) -> torch.Tensor:
        """(N, layers * 2 * heads * head)."""
        tokens = torch.arange(self._count, device=self.inner.embedding.weight.device)
        return self.inner(tokens)


class Prefixed(VirtualTokens):
    """A model with a prefix; its table is (N, layers * 2 * heads * head)."""

    kind = "PREFIX_TUNING"

    @staticmethod
    def shape(base: Any) -> tuple[int, int, int]:
        """Layers of the decoder, heads of its keys and values, and a head's size."""
        text = decoder_config(base)
        heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
        head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        return text.num_hidden_layers, heads, head

    @classmethod
    def width(cls, base: Any) -> int:
        """Of a row of the table."""
        layers, heads, head = cls.shape(base)
        return layers * 2 * heads * head

    def cache(self, rows: int, grows: bool = True) -> DynamicCache:
        """The prefix as a cache that `rows` prompts go on from.

        Args:
            rows: The batch.
            grows: Whether it keeps what is read after it.
        """
        layers, heads, head = self.shape(self.base)
        table = self.table().to(self.base.dtype)
        keys = table.view(self.count, layers * 2, heads, head).permute(1, 2, 0, 3)
        cache = DynamicCache()
        for place in range(0, layers * 2, 2):
            pair = [t.expand(rows, *t.shape) for t in keys[place : place + 2]]
            layer: VirtualLayer = VirtualLayer()
            if grows:
                layer.update(*pair)
            else:
                layer = ReadLayer()
                layer.fill(*pair)
            cache.layers.append(layer)
        return cache

    def begin(self, kwargs: dict[str, Any]) -> Any:
        """The prefix is put before a prompt and kept before its answer."""
        types = kwargs.get("token_type_ids")
        if self.base.config.model_type == "paligemma" and types is not None:
            # By them a prompt is read in both directions, column by column of the whole cache:
            # without the prefix's the mask would stand that many columns too far to the left.
            kwargs["token_type_ids"] = torch.nn.functional.pad(types, (self.count, 0), value=1)
        grows = kwargs.get("use_cache") is not False
        kwargs["past_key_values"] = self.cache(len(kwargs["input_ids"]), grows)
        with keeping_cache(self.base):
            return self.base(**kwargs)
