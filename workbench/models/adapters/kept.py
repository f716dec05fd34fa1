"""Adapters over a base that stays in memory: several kept, one on at a time, or none.

Guarantee: switching reads no file that was read before and touches no weight of the base; without
an adapter the base is what it was, bit for bit. After each switch a digest of the base's weights
is held against that of its loading: a base that was changed answers nothing more. At most `MOST`
are kept; the one used longest ago makes room. Files that changed on disk are read anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from workbench.errors import ModelError
from workbench.models.adapters.load import LoadedAdapter, load_adapter
from workbench.models.adapters.watch import Watch
from workbench.models.fitting import fold
from workbench.models.identity import stamp

MOST = 8  # a LoRA of rank 16 over a model of 7 billion weights takes about 160 MB in fp32


class BaseChanged(ModelError):
    """The base's weights are others than were loaded: it must be loaded anew."""

    kind = "base_changed"


class Adapters:
    """The adapters of one base, by their folders.

    Attributes:
        active: The one that is on.
        names: Folders by the names that they can be asked for by.
        base_changed: Whether the base was seen to be another one than was loaded.
    """

    def __init__(self, base: Any, device: torch.device) -> None:
        """Begin with a base that carries none, and whose weights are those of its files."""
        self._base, self._device = base, device
        self._watch = Watch(base)
        self.base_changed = False
        self._kept: dict[Path, LoadedAdapter] = {}  # the one used last stands last
        self.active: LoadedAdapter | None = None
        self.names: dict[str, Path] = {}

    @property
    def kept(self) -> list[LoadedAdapter]:
        """Those in memory, the one used last at the end."""
        return list(self._kept.values())

    def use(self, path: Path | None) -> None:
        """Put this adapter over the base, or none.

        Raises:
            ModelError: It does not fit; the one before stays on.
            BaseChanged: The base is not what it was; nothing may be asked of it any more.
        """
        before = self.active
        if before is not None and before.path == path and before.stamp == stamp(path):
            return
        if before is not None:
            before.off()
        self.active = None
        if path is not None:
            try:
                self.active = self._switched_on(path)
            except Exception:
                if before is not None:
                    before.on()
                    self.active = before
                self._check(path)
                raise
            self._make_room()
        self._check(path or (before.path if before is not None else None))

    def _check(self, path: Path | None) -> None:
        """Hold the base against what was loaded; `path` is that of the adapter moved last."""
        under = self.active.underneath() if self.active is not None else {}
        if changed := self._watch.changed(under):
            self.base_changed = True
            raise BaseChanged(
                f"the adapter {path} changed {len(changed)} of the base's own weights: "
                f"{fold(changed)}",
                hint="load the model again; convert the adapter to a plain LoRA",
            )

    def keep(self, path: Path, name: str = "") -> None:
        """Read an adapter into memory, under a name that it can be asked for by.

        Raises:
            ModelError: It does not fit; what is on stays on.
        """
        before = self.active.path if self.active is not None else None
        self.use(path)
        self.use(before)
        if name:
            self.names[name] = path

    def _switched_on(self, path: Path) -> LoadedAdapter:
        found = self._kept.pop(path, None)
        if found is not None and found.stamp == stamp(path):
            found.on()
        else:
            found = load_adapter(self._base, path, self._device)
        self._kept[path] = found
        return found

    def _make_room(self) -> None:
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]  # never the one that is on: it was used last

    def teach(self, path: Path, model: Any) -> None:
        """Let answers be asked of virtual tokens that are in training, beside the layers.

        Args:
            path: A folder that is there, in the place of the adapter's.
            model: A `Virtual`.
        """
        self.active = LoadedAdapter(path, model.kind, model, self._base, stamp(path))

    def memory_bytes(self) -> int:
        """Bytes of all that are kept."""
        return sum(adapter.memory_bytes for adapter in self._kept.values())

    def to_json(self) -> list[dict[str, Any]]:
        """What is kept, for `wb engine status`."""
        names = {path: name for name, path in self.names.items()}
        return [
            {
                "name": names.get(adapter.path, ""),
                "path": str(adapter.path),
                "kind": adapter.kind,
                "memory_bytes": adapter.memory_bytes,
                "head": list(adapter.head.labels) if adapter.head is not None else [],
                "active": adapter is self.active,
            }
            for adapter in self._kept.values()
        ]


def attach(base: Any, path: Path, device: torch.device) -> Any:
    """Put one adapter over `base` for good, to train it further; returns PEFT's wrapper.

    Raises:
        ModelError: As `load_adapter`; or it stands beside the layers, where nothing is trained.
    """
    adapter = load_adapter(base, path, device)
    if not adapter.swaps:
        adapter.off()
        raise ModelError(
            f"the adapter {path} is of the kind {adapter.kind}, which is not trained here",
            hint="train a LoRA instead: leave `adapter` out",
            kind="unsupported",
        )
    return adapter.model
