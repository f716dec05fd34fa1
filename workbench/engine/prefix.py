"""Beginnings of prompts that have been read: their keys and values, kept for those that share them.

Guarantee: what is given out was made by the model as it is now, from the same tokens and the same
pictures; another model, adapter, dtype or attention empties the store. It never holds more than its
bytes: what was used longest ago goes first. For one thread. Not for a model whose weights change
under it: training reads every prompt whole.
"""

from __future__ import annotations

import copy
import os
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from workbench.engine.live_batch import Prefill, can_merge
from workbench.models.memory import free_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.models.base import LoadedModel

_SEEN = 4096  # keys of cuts that are remembered, of heads that are not kept
_TEXTS = 256  # texts of heads whose tokens are remembered


@dataclass(frozen=True)
class Head:
    """The beginning of a prompt, as the model has read it.

    Attributes:
        ids: Its tokens, image tokens included.
        position: Of the token that follows.
        cache: Its keys and values, (1, heads, len(ids), width) per layer.
    """

    ids: tuple[int, ...]
    position: int
    cache: Any

    @property
    def nbytes(self) -> int:
        """Bytes of its keys and values."""
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self.cache.layers)


class PrefixCache:
    """Heads by their key, the one used last at the end."""

    def __init__(self, max_bytes: int | None = None) -> None:
        """An empty store.

        Args:
            max_bytes: It keeps no more; 0 keeps nothing and turns reuse off. `None` is what
                `WB_PREFIX_CACHE_MB` says, else a quarter of what the device has free when the
                first prompt is read.
        """
        said = os.environ.get("WB_PREFIX_CACHE_MB", "")
        self.max_bytes = int(said) << 20 if max_bytes is None and said.isdigit() else max_bytes
        self.hits = self.misses = self.tokens_saved = 0
        self._heads: OrderedDict[str, Head] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._bytes = 0
        self._of: tuple[Any, ...] = ()
        self.refused = ""  # why this model's prompts are read whole
        self.proven = False  # that this model gives the same logits in two parts
        self._memo: dict[str, tuple[int, ...]] = {}

    def status(self) -> dict[str, Any]:
        """Counts, for people and for JSON."""
        return {
            "entries": len(self._heads),
            "bytes": self._bytes,
            "max_bytes": self.max_bytes,
            "hits": self.hits,
            "misses": self.misses,
            "tokens_saved": self.tokens_saved,
            "off": "it is turned off" if self.max_bytes == 0 else self.refused,
        }

    def clear(self) -> None:
        """Give the memory back; the counts stay."""
        self._heads.clear()
        self._seen.clear()
        self._memo.clear()
        self._bytes = 0

    def serves(self, loaded: LoadedModel) -> bool:
        """Whether prompts of a model may share what was read; one that changed empties it."""
        model = self._of[0]() if self._of else None
        now = (loaded.identity, loaded.spec)
        if model is not loaded.model or self._of[1:] != now:
            self.clear()
            self._of = (weakref.ref(loaded.model), *now)
            self.refused = _refusal(loaded)
            self.proven = getattr(loaded.family, "causal", None) is True
        if self.max_bytes is None:
            self.max_bytes = (free_bytes(loaded.device) or 1 << 30) // 4
        return self.max_bytes > 0 and not self.refused

    @property
    def memo(self) -> dict[str, tuple[int, ...]]:
        """The tokens of heads by their text; emptied where there are many."""
        if len(self._memo) > _TEXTS:
            self._memo.clear()
        return self._memo

    def refuse(self, why: str) -> None:
        """Read this model's prompts whole from now on."""
        self.clear()
        self.refused = why

    def holds(self, key: str) -> bool:
        """Whether a head is there."""
        return key in self._heads

    def count(self, heads: Iterable[tuple[str, Head]], ready: Iterable[str]) -> None:
        """Count prompts that were read behind a head: the first of a new one is a miss.

        Args:
            heads: Of each prompt, with its key.
            ready: Keys of those that were there before.
        """
        known = set(ready)
        for key, head in heads:
            if key in known:
                self.hits += 1
                self.tokens_saved += len(head.ids)
            else:
                self.misses += 1
            known.add(key)

    def get(self, key: str) -> Head | None:
        """The head with that key, which counts as used."""
        head = self._heads.get(key)
        if head is not None:
            self._heads.move_to_end(key)
        return head

    def put(self, key: str, head: Head) -> None:
        """Keep a head, unless it alone is too large; older ones make room."""
        if key in self._heads or head.nbytes > (self.max_bytes or 0):
            return
        self._heads[key] = head
        self._bytes += head.nbytes
        while self._bytes > (self.max_bytes or 0):
            _, old = self._heads.popitem(last=False)
            self._bytes -= old.nbytes

    def was_seen(self, key: str) -> bool:
        """Whether an earlier prompt could have been cut there."""
        return key in self._seen

    def see(self, keys: Iterable[str]) -> None:
        """Remember where prompts could have been cut."""
        for key in keys:
            self._seen[key] = None
            self._seen.move_to_end(key)
        while len(self._seen) > _SEEN:
            self._seen.popitem(last=False)


def _refusal(loaded: LoadedModel) -> str:
    if why := loaded.family.limits.get("shared prefix"):
        return why
    if getattr(loaded.family, "causal", False) is False:
        return "its tokens see more than what stands before them"
    return ""


def head_of(state: Prefill, row: int, ids: Sequence[int]) -> Head:
    """One row of what was read, without its padding, in memory of its own.

    Args:
        state: Prompts that have been read.
        row: Which of them.
        ids: Its tokens.
    """
    real = state.mask[row].nonzero()[:, 0]  # (len(ids),)
    cache = copy.copy(state.cache)
    cache.layers = [copy.copy(layer) for layer in state.cache.layers]
    for layer in cache.layers:
        columns = real.to(layer.keys.device)
        layer.keys = layer.keys[row : row + 1].index_select(2, columns)
        layer.values = layer.values[row : row + 1].index_select(2, columns)
    return Head(tuple(ids), int(state.positions[row]), cache)


def stacked(heads: Sequence[Head | None], device: torch.device) -> Prefill | None:
    """Heads as the rows of one state, padded on the left; `None` where there are none at all.

    A row without a head is all padding. The state has no logits.
    """
    some = next((head for head in heads if head is not None), None)
    if some is None:
        return None
    lengths = [len(head.ids) if head is not None else 0 for head in heads]
    width = max(lengths)
    cache = copy.copy(some.cache)
    cache.layers = [copy.copy(layer) for layer in some.cache.layers]
    for index, layer in enumerate(cache.layers):
        for name in ("keys", "values"):
            setattr(layer, name, _rows(heads, index, name, width, getattr(layer, name)))
    columns = torch.arange(width, device=device)
    starts = torch.tensor([width - length for length in lengths], device=device)
    positions = [head.position if head is not None else 0 for head in heads]
    return Prefill(
        logits=torch.empty(0, device=device),
        cache=cache,
        mask=(columns >= starts.unsqueeze(1)).long(),  # (B, width)
        positions=torch.tensor(positions, device=device),
    )


def _rows(
    heads: Sequence[Head | None], index: int, name: str, width: int, like: torch.Tensor
) -> torch.Tensor:
    """(B, heads, width, d) of one layer; the same head for all is not copied."""
    if all(head is heads[0] for head in heads):
        return like.expand(len(heads), -1, -1, -1)
    out = like.new_zeros(len(heads), like.shape[1], width, like.shape[3])
    for row, head in enumerate(heads):
        if head is not None:
            out[row, :, width - len(head.ids) :] = getattr(head.cache.layers[index], name)[0]
    return out


def keeps_all(cache: Any) -> bool:
    """Whether a cache holds every past token's keys, so that its columns can be taken apart."""
    return bool(getattr(cache, "layers", None)) and can_merge(cache)
