"""What of a model trains, part by part, and what that takes in memory: told before the first step.

Guarantee: every parameter is counted once. Not for activations, which depend on the batch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from training.optimizers import state_bytes
from training.parts import PARTS
from workbench.models.parts import part_of


@dataclass
class PartRow:
    """One part of a model.

    Attributes:
        part: One of `PARTS`, or `head`.
        parameters: All of them, those of an adapter included.
        trainable: Those that train.
        dtype: `float32`, several by commas; `4bit` and `8bit` weights by their own names.
        bytes: Of the weights, and of gradients and optimizer for those that train.
    """

    part: str
    parameters: int = 0
    trainable: int = 0
    dtype: str = ""
    bytes: int = 0

    @property
    def share(self) -> float:
        """Of the part's parameters, how much trains."""
        return self.trainable / self.parameters if self.parameters else 0.0

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return asdict(self) | {"share": self.share}


def part_table(model: Any, optimizer: str = "adamw") -> list[PartRow]:
    """A row for each part that the model has.

    Args:
        model: In training form.
        optimizer: Key of the one whose state is counted beside the gradients.
    """
    rows = {part: PartRow(part) for part in (*PARTS, "head")}
    types: dict[str, dict[str, None]] = {part: {} for part in rows}
    for name, parameter in model.named_parameters():
        row = rows[part_of(name)]
        size = parameter.numel() * parameter.element_size()
        packed = type(parameter).__name__ == "Params4bit"
        count = size * 2 if packed else parameter.numel()
        row.parameters += count
        row.bytes += size
        if parameter.requires_grad:
            row.trainable += count
            row.bytes += size + state_bytes(optimizer, parameter.numel(), parameter.element_size())
        kind = {"Params4bit": "4bit", "Int8Params": "8bit"}.get(type(parameter).__name__)
        types[row.part][kind or str(parameter.dtype).removeprefix("torch.")] = None
    for part, row in rows.items():
        row.dtype = ", ".join(types[part])
    return [row for row in rows.values() if row.parameters]
