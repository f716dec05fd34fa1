"""Prompt tuning (Lester et al. 2021): trained embeddings that stand before the text.

Columns of padding are put before the prompt's ids and their embeddings exchanged, so that the
tokens of an image stay where the model counts them; see `.virtual_tokens` for what
holds of positions and padding.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import DynamicCache

from workbench.models.adapters.virtual_tokens import VirtualLayer, VirtualTokens, decoder_config


class Prompted(VirtualTokens):
    """A model with trained embeddings before every prompt; its table is (N, hidden)."""

    kind = "PROMPT_TUNING"

    @classmethod
    def width(cls, base: Any) -> int:
        """Of a row of the table."""
        return embedding_of(base).weight.shape[1]

    def begin(self, kwargs: dict[str, Any]) -> Any:
        """The virtual columns are put before whatever has a column for each token."""
        ids = kwargs["input_ids"]
        rows, width = ids.shape
        for name, value in kwargs.items():
            if name == "attention_mask" or not isinstance(value, torch.Tensor):
                continue
            if name == "position_ids":
                before = torch.arange(self.count, device=value.device)
                before = before.expand(*value.shape[:-1], -1)
            elif value.shape == ids.shape and not value.is_floating_point():
                # Padding's id is no image's; a prompt's own type is 0.
                before = value.new_full(
                    (rows, self.count), self._fill if name == "input_ids" else 0
                )
            else:
                continue
            kwargs[name] = torch.cat([before, value], dim=-1)
        if kwargs.get("use_cache") is not False:
            kwargs["past_key_values"] = cache = DynamicCache()
            cache.layer_class_to_replicate = VirtualLayer
        handle = embedding_of(self.base).register_forward_hook(self._exchange(width))
        try:
            return self.base(**kwargs)
        finally:
            handle.remove()

    @property
    def _fill(self) -> int:
        text = decoder_config(self.base)
        return text.pad_token_id if isinstance(text.pad_token_id, int) else 0

    def _exchange(self, width: int) -> Any:
        def hook(_module: Any, _args: Any, out: torch.Tensor) -> torch.Tensor:
            if out.shape[1] != self.count + width:
                return out
            table = self.table().to(out.dtype)
            return torch.cat([table.expand(len(out), -1, -1), out[:, self.count :]], dim=1)

        return hook


def embedding_of(base: Any) -> Any:
    """The module that embeds the text which the virtual tokens stand before."""
    holder = base.decoder if getattr(base.config, "is_encoder_decoder", False) else base
    return holder.get_input_embeddings()
