"""What to load: one frozen `ModelSpec`, in the words of the flags that a user types.

Guarantee: imports nothing heavy, so that the client, the commands and the bench can speak of a
model without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from workbench.errors import UsageError

QUANTIZATIONS = ("none", "4bit", "8bit")
DTYPES = ("auto", "bf16", "fp16", "fp32")
ATTENTIONS = ("sdpa", "eager", "flash_attention_2")


@dataclass(frozen=True)
class ModelSpec:
    """A model, an adapter over it, and how both are held in memory.

    Attributes:
        model: `demo`, a folder in Hugging Face layout, or a hub id.
        adapter: A folder written by PEFT, or `None`.
        quantization: `none`, `4bit` (nf4, double quantisation) or `8bit`, by bitsandbytes.
        dtype: `auto` is fp32 on a CPU, the model's own on a GPU.
        device: `auto` is the first GPU where there is one, else the CPU.
        revision: Branch, tag or commit of a hub id.
        attention: The attention kernels.
    """

    model: str = "demo"
    adapter: str | None = None
    quantization: str = "none"
    dtype: str = "auto"
    device: str = "auto"
    revision: str | None = None
    attention: str = "sdpa"

    def __post_init__(self) -> None:
        for name, allowed in (
            ("quantization", QUANTIZATIONS),
            ("dtype", DTYPES),
            ("attention", ATTENTIONS),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise UsageError(
                    f"--{name} wants one of {', '.join(allowed)}; got {value!r}", kind="bad_knob"
                )
        if not self.model:
            raise UsageError("--model is empty", hint="`demo`, a folder or a hub id")

    @property
    def base(self) -> ModelSpec:
        """The same without its adapter: what has to be loaded anew when it changes."""
        return replace(self, adapter=None)

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelSpec:
        """The reverse of `to_json`. Raises `UsageError` naming every unknown key."""
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise UsageError(
                f"unknown model settings: {', '.join(unknown)}",
                hint=f"they are {', '.join(sorted(known))}",
            )
        return cls(**values)
