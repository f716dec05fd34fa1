"""Trained vectors that stand before every prompt: what prefix tuning and prompt tuning share.

PEFT's own wrapper drops the positions that it is handed and asks the model for others, which M-RoPE
and left padding do not survive. Here they are counted from behind the vectors, row by row, and the
images' tokens stay where they are counted. The files are PEFT's own.

Guarantee: logits are those of PEFT's wrapper where that works (a text model, no padding), and do
not depend on the batch; one that they would depend on (longer than a layer's window) is refused.
Answers are the engine's: the `generate` of transformers would read the prompt alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers.cache_utils import DynamicLayer

from workbench.errors import ModelError

KEY = "prompt_embeddings"  # PEFT's, of both kinds


class VirtualLayer(DynamicLayer):
    """A distinct layer type, so that the scheduler never adds a row.

    The padding of an added row would stand before the virtual tokens.
    """


class Table(nn.Module):
    """The trained vectors as they are saved: (N, width)."""

    def __init__(self, values: torch.Tensor, trained: bool) -> None:
        super().__init__()
        self.values = nn.Parameter(values, requires_grad=trained)

    def forward(self) -> torch.Tensor:
        """(N, width)."""
        return self.values


class VirtualTokens(nn.Module):
    """A model with virtual tokens before every prompt; called as the model itself is.

    Attributes:
        base: The model.
        table: Gives the trained vectors, (N, width).
        config: PEFT's.
    """

    base: Any
    kind = ""

    def __init__(self, base: nn.Module, table: nn.Module, config: Any, training: bool) -> None:
        """Put the table's vectors before what `base` reads.

        Args:
            base: The model.
            table: A module that is called with nothing.
            config: PEFT's.
            training: Whether the base is a part of this module; else its weights are its own.
        """
        super().__init__()
        if training:
            self.base = base
        else:
            vars(self)["base"] = base
        self.table, self.config = table, config

    @property
    def count(self) -> int:
        """Virtual tokens."""
        return self.config.num_virtual_tokens

    def __getattr__(self, name: str) -> Any:
        """What this module has not, the base has: its config, its device, its checkpointing."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "base":
                raise
            return getattr(self.base, name)

    def forward(self, **kwargs: Any) -> Any:
        """As the base's forward; logits (B, T, V) of the real tokens alone."""
        ids = kwargs["input_ids"]
        rows, width = ids.shape
        mask = kwargs.get("attention_mask")
        self._refuse_out_of_sight(mask)
        first = kwargs.get("past_key_values") is None
        if first and kwargs.get("position_ids") is None:
            positions = _positions(self.base, kwargs, mask)
            kwargs |= {} if positions is None else {"position_ids": positions}
        if mask is not None:
            kwargs["attention_mask"] = torch.cat([mask.new_ones(rows, self.count), mask], dim=1)
        if (positions := kwargs.get("position_ids")) is not None:
            kwargs["position_ids"] = positions + self.count
        out = self.begin(kwargs) if first else self.base(**kwargs)
        out.logits = out.logits[:, -width:]
        return out

    def _refuse_out_of_sight(self, mask: torch.Tensor | None) -> None:
        """Refuse padding that pushes the vectors out of a layer's window: rows would differ by it.

        Args:
            mask: (B, L), of all columns so far but the vectors'.

        Raises:
            ModelError: The batch is padded and longer than the window.
        """
        window = window_of(self.base)
        if not window or mask is None or self.count + mask.shape[1] <= window or bool(mask.all()):
            return
        raise ModelError(
            f"{self.count + mask.shape[1]} columns of a padded batch are more than the window of "
            f"{window} that some layers of the model see: padding would hide the virtual tokens",
            hint="take batches of one prompt: --batch-size 1, batch_size: 1",
            kind="unsupported",
        )

    def begin(self, kwargs: dict[str, Any]) -> Any:
        """The base's forward over a prompt that nothing was read before."""
        raise NotImplementedError

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: the base's own would read the prompt without what stands before it."""
        raise ModelError(
            f"generate of transformers leaves out the virtual tokens of {self.kind.lower()}",
            hint="ask through workbench.api or wb prompt, beams too; or call the model itself",
            kind="unsupported",
        )

    def write(self, folder: Path) -> None:
        """Save as PEFT does, into a folder that is made."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        before, self.config.inference_mode = self.config.inference_mode, True
        self.config.save_pretrained(str(folder))
        self.config.inference_mode = before
        with torch.no_grad():
            table = self.table().detach().cpu().contiguous()
        save_file({KEY: table}, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def decoder_config(base: Any) -> Any:
    """Of the language model that reads the virtual tokens."""
    return getattr(base.config, "decoder", None) or base.config.get_text_config(decoder=True)


def window_of(base: Any) -> int:
    """How many columns a layer with a sliding window sees; 0 where every layer sees all."""
    text = decoder_config(base)
    kinds = getattr(text, "layer_types", None) or ()
    return int(text.sliding_window or 0) if "sliding_attention" in kinds else 0


def _positions(base: Any, kwargs: dict[str, Any], mask: Any) -> torch.Tensor | None:
    """Where a prompt's tokens stand, for callers that leave it to the model."""
    if mask is None:
        return None
    index = getattr(getattr(base, "model", None), "get_rope_index", None)
    if index is not None and "mm_token_type_ids" in kwargs:
        grid = kwargs.get("image_grid_thw")
        ids, kinds = kwargs["input_ids"], kwargs["mm_token_type_ids"]
        return index(ids, kinds, image_grid_thw=grid, attention_mask=mask)[0]
    from workbench.models.families.decoder import takes_positions

    return (mask.cumsum(1) - 1).clamp(min=0) if takes_positions(base) else None


@contextmanager
def keeping_cache(base: Any) -> Iterator[None]:
    """Let layers whose activations are checkpointed see a cache, which they would drop.

    Only for one that is read and never written: a layer is run again in the backward pass.

    Raises:
        ModelError: This version of transformers has no way to.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer as Layer

    flagged = [m for m in base.modules() if getattr(m, "gradient_checkpointing", False)]
    if not flagged or not any(m.training for m in flagged):
        yield
        return
    if not hasattr(Layer, "_can_checkpoint_with_cache"):
        raise ModelError(
            "activation checkpointing drops a prefix in this version of transformers",
            hint="update transformers, or train without it",
            kind="unsupported",
        )
    models = [m for m in flagged if not isinstance(m, Layer)]
    layers: list[Any] = [m for m in flagged if isinstance(m, Layer)]
    for module in models:
        module.gradient_checkpointing = False  # GPT-2 looks at it to leave the cache out
    for layer in layers:
        layer._can_checkpoint_with_cache = True
    try:
        yield
    finally:
        for module in models:
            module.gradient_checkpointing = True
        for layer in layers:
            del layer._can_checkpoint_with_cache
