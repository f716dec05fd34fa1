"""Whether weights are numbers: a model or an adapter that holds a NaN or an infinity is refused.

Guarantee: each value of every floating tensor takes part. Cost: one pass over the memory (0.35
seconds per GB on two CPU cores, milliseconds on a GPU); whole models that passed are remembered by
their identity, so that the pass is taken once for the same files and dtype.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import torch

from sessions.errors import WbError
from workbench.errors import ModelError
from workbench.models.fitting import fold

_MOST_REMEMBERED = 1000


def nonfinite(tensors: Iterable[tuple[str, torch.Tensor]]) -> list[str]:
    """Names of the tensors that hold a NaN or an infinity.

    A sum is finite only where all of its terms are, and costs a tenth of `isfinite`; one that
    overflows is looked at value by value.
    """
    by_device: dict[torch.device, list[tuple[str, torch.Tensor, torch.Tensor]]] = defaultdict(list)
    for name, tensor in tensors:
        if (tensor.is_floating_point() or tensor.is_complex()) and tensor.numel():
            if tensor.device.type == "meta":
                continue
            data = tensor.detach()
            if data.element_size() == 1:  # eight-bit floats have no sum
                data = data.float()
            total = torch.view_as_real(data).sum() if data.is_complex() else data.sum()
            by_device[tensor.device].append((name, data, total.float()))
    found = []
    for entries in by_device.values():
        fine = torch.isfinite(torch.stack([total for *_, total in entries])).tolist()
        suspects = [e for e, is_fine in zip(entries, fine, strict=True) if not is_fine]
        found += [name for name, data, _ in suspects if not bool(torch.isfinite(data).all())]
    return found


def refuse_nonfinite(what: str, tensors: Iterable[tuple[str, torch.Tensor]], hint: str) -> None:
    """Refuse weights that are not numbers.

    Args:
        what: Whose they are: how the message begins.
        tensors: By name.
        hint: What to do.

    Raises:
        ModelError: Naming the tensors, numbers folded into ranges.
    """
    if found := nonfinite(tensors):
        count = f"{len(found)} tensor" + ("s" if len(found) > 1 else "")
        raise ModelError(
            f"{what} has NaN or infinity in {count}: {fold(found)}", hint=hint, kind="non_finite"
        )


class Remembered:
    """Identities of models that passed; a lost or unwritable file costs time only."""

    def __init__(self) -> None:
        self._known: list[str] = []
        with contextlib.suppress(OSError, ValueError, WbError):
            known = json.loads(self._path().read_text(encoding="utf-8"))
            self._known = (
                [k for k in known if isinstance(k, str)] if isinstance(known, list) else []
            )

    def __contains__(self, identity: str) -> bool:
        return identity in self._known

    def add(self, identity: str) -> None:
        """Keep one, those added first making room."""
        from sessions.atomic import atomic_write

        self._known = [*self._known, identity][-_MOST_REMEMBERED:]
        with contextlib.suppress(OSError, WbError):
            atomic_write(self._path(), json.dumps(self._known))

    @staticmethod
    def _path() -> Path:
        from sessions.paths import cache_dir

        return cache_dir() / "finite-models.json"
