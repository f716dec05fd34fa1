"""Whether the base's weights are still those that were loaded, seen by a cheap digest.

Guarantee: a change of a whole tensor (an initialisation that takes something off the weights, a
merge that was not undone) is seen, and named. Cost: up to `SAMPLES` values of each tensor are
read, where they lie: 16 ms per 200 tensors on a CPU, and one transfer from each GPU. What changes
a few of a large tensor's values alone may go unseen. Buffers that are not saved (tables of
positions) are left out: some models work them out anew while they run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import torch

SAMPLES = 1024
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class Watch:
    """The digest of a base's parameters and saved buffers, as they are now and when asked again."""

    def __init__(self, base: Any) -> None:
        self._places = list(_places(base))
        self._marks = self._digest({})

    def changed(self, underneath: Mapping[int, torch.Tensor] | None = None) -> list[str]:
        """Names of the tensors that are others than they were.

        Args:
            underneath: What to look at in the place of a tensor, by its `id`: the base's own
                weights, where an adapter's lie over them.
        """
        now = self._digest(underneath or {})
        return [name for name, mark in self._marks.items() if now.get(name) != mark]

    def _digest(self, underneath: Mapping[int, torch.Tensor]) -> dict[str, tuple]:
        marks: dict[str, tuple] = {}
        by_device: dict[torch.device, list[tuple[str, torch.Tensor]]] = defaultdict(list)
        indices: dict[torch.device, torch.Tensor] = {}
        for name, table, key in self._places:
            tensor = table.get(key)
            if tensor is None:
                continue
            tensor = underneath.get(id(tensor), tensor).detach()
            marks[name] = (tuple(tensor.shape), str(tensor.dtype))
            if tensor.numel() and tensor.device.type != "meta":
                if tensor.device not in indices:
                    indices[tensor.device] = torch.arange(1, SAMPLES + 2, device=tensor.device)
                by_device[tensor.device].append((name, _mark(tensor, indices[tensor.device])))
        for entries in by_device.values():
            values = torch.stack([mark for _, mark in entries]).tolist()
            for (name, _), value in zip(entries, values, strict=True):
                marks[name] = (*marks[name], value)
        return marks


def _mark(tensor: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """() int64: a weighted sum of the bits of some of its values, evenly spread."""
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    values = tensor.reshape(-1)
    values = values[:: -(-len(values) // SAMPLES)].contiguous()
    whole = values.view(_INTEGERS[values.element_size()]).long()
    return (whole * index[: len(whole)]).sum()  # what overflows wraps around, alike each time


def _places(base: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Name, table and key of each tensor once; tables are looked into again when asked."""
    seen: set[int] = set()
    for prefix, module in base.named_modules():
        gone = getattr(module, "_non_persistent_buffers_set", set())
        for table in (module._parameters, module._buffers):
            for key, tensor in table.items():
                if tensor is not None and key not in gone and id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield f"{prefix}.{key}" if prefix else key, table, key
