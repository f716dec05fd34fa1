"""Beginnings of prompts that have been read: their keys and values, kept for those that share them.

Guarantee: what is given out was made from the same tokens and the same pictures by the same
weights: another adapter, dtype or kind of attention finds nothing of what this one read, and
another model empties the store. It never holds more than its bytes: what was used longest ago goes
first. For one thread. Not for a model whose weights change under it: training reads prompts whole.
"""

from __future__ import annotations

import copy
import os
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from workbench.inference.batch import Prefill, can_merge
from workbench.models.families.decoder import takes_positions
from workbench.models.memory import free_bytes
from workbench.sample import CoordinateFrame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.models.base import LoadedModel

_Key = tuple[tuple[Any, ...], str]
_SEEN = 4096  # keys of cuts that are remembered, of heads that are not kept
_TEXTS = 256  # texts of heads whose tokens are remembered


@dataclass(frozen=True)
class CachedPrefix:
    """The beginning of a prompt, as the model has read it.

    Attributes:
        ids: Its tokens, image tokens included.
        position: Of the token that follows.
        cache: Its keys and values, (1, heads, len(ids), width) per layer.
        frames: What coordinates are of, for each of its images.
    """

    ids: tuple[int, ...]
    position: int
    cache: Any
    frames: tuple[CoordinateFrame, ...] = ()

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
        self._heads: OrderedDict[_Key, CachedPrefix] = OrderedDict()
        self._seen: OrderedDict[_Key, str] = OrderedDict()
        self._memo: dict[str, tuple[int, ...]] = {}
        self._bytes = 0
        self._base: Any = None  # a weak reference: the store keeps no model in memory
        self._scope: tuple[Any, ...] = ()  # what computes, beside the base: a part of every key
        self._refused: dict[tuple[Any, ...], str] = {}
        self._proven: set[tuple[Any, ...]] = set()

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
        """Whether prompts of a model may share what was read."""
        if self._base is None or self._base() is not loaded.base:
            self.clear()
            self._refused.clear()
            self._proven.clear()
            self._base = weakref.ref(loaded.base)
        self._scope = (loaded.identity, loaded.spec)
        if self._scope not in self._refused:
            self._refused[self._scope] = _refusal(loaded)
        if getattr(loaded.family, "causal", None):
            self._proven.add(self._scope)
        if self.max_bytes is None:
            self.max_bytes = (free_bytes(loaded.device) or 1 << 30) // 4
        return self.max_bytes > 0 and not self.refused

    @property
    def refused(self) -> str:
        """Why this model's prompts are read whole, empty where they are not."""
        return self._refused.get(self._scope, "")

    @property
    def proven(self) -> bool:
        """Whether this model is known to give the same logits in two parts."""
        return self._scope in self._proven

    def prove(self) -> None:
        """It does."""
        self._proven.add(self._scope)

    @property
    def memo(self) -> dict[str, tuple[int, ...]]:
        """The tokens of heads by their text; emptied where there are many."""
        if len(self._memo) > _TEXTS:
            self._memo.clear()
        return self._memo

    def refuse(self, why: str) -> None:
        """Read this model's prompts whole from now on."""
        self.clear()
        self._refused[self._scope] = why

    def holds(self, key: str) -> bool:
        """Whether a head is there."""
        return (self._scope, key) in self._heads

    def count(self, heads: Iterable[tuple[str, CachedPrefix]], ready: Iterable[str]) -> None:
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

    def get(self, key: str) -> CachedPrefix | None:
        """The head with that key, which counts as used."""
        head = self._heads.get((self._scope, key))
        if head is not None:
            self._heads.move_to_end((self._scope, key))
        return head

    def put(self, key: str, head: CachedPrefix) -> None:
        """Keep a head, unless it alone is too large; older ones make room."""
        if self.holds(key) or head.nbytes > (self.max_bytes or 0):
            return
        self._heads[self._scope, key] = head
        self._bytes += head.nbytes
        while self._bytes > (self.max_bytes or 0):
            _, old = self._heads.popitem(last=False)
            self._bytes -= old.nbytes

    def was_seen(self, key: str, head: str) -> bool:
        """Whether another head than this one could have been cut there."""
        return self._seen.get((self._scope, key), head) != head

    def see(self, keys: Iterable[str], head: str) -> None:
        """Remember where a head could have been cut."""
        for key in keys:
            place = (self._scope, key)
            # Whose it is, until it is the place of several.
            self._seen[place] = head if self._seen.get(place, head) == head else ""
            self._seen.move_to_end(place)
        while len(self._seen) > _SEEN:
            self._seen.popitem(last=False)


def _refusal(loaded: LoadedModel) -> str:
    if why := loaded.family.limits.get("shared prefix"):
        return why
    if getattr(loaded.family, "causal", False) is False:
        return "its tokens also see what follows them"
    if loaded.head is not None and loaded.head.config.pooling != "last":
        return "its head reads every token of a prompt"
    if not takes_positions(loaded.base):
        return "the positions of its tokens are unknown"
    return ""


def head_of(
    state: Prefill, row: int, ids: Sequence[int], frames: Sequence[CoordinateFrame] = ()
) -> CachedPrefix:
    """One row of what was read, without its padding, in memory of its own.

    Args:
        state: Prompts that have been read.
        row: Which of them.
        ids: Its tokens.
        frames: Of its images.
    """
    real = state.mask[row].nonzero()[:, 0]  # (len(ids),)
    cache = copy.copy(state.cache)
    cache.layers = [copy.copy(layer) for layer in state.cache.layers]
    for layer in cache.layers:
        columns = real.to(layer.keys.device)
        layer.keys = layer.keys[row : row + 1].index_select(2, columns)
        layer.values = layer.values[row : row + 1].index_select(2, columns)
    return CachedPrefix(tuple(ids), int(state.positions[row]), cache, tuple(frames))


def stacked(heads: Sequence[CachedPrefix | None], device: torch.device) -> Prefill | None:
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
    heads: Sequence[CachedPrefix | None], index: int, name: str, width: int, like: torch.Tensor
) -> torch.Tensor:
    """(B, heads, width, d) of one layer; the same head for all is not copied."""
    if all(head is heads[0] for head in heads):
        return like.expand(len(heads), -1, -1, -1)
    out = like.new_zeros(len(heads), like.shape[1], width, like.shape[3])
    for row, head in enumerate(heads):
        if head is not None:
            out[row, :, width - len(head.ids) :] = getattr(head.cache.layers[index], name)[0]
    return out


def keeps_all(state: Prefill) -> bool:
    """Whether a cache holds each column's keys and no more, so that it can be taken apart."""
    layers = getattr(state.cache, "layers", None)
    if not layers or not can_merge(state.cache):
        return False
    return all(layer.keys.shape[2] == state.mask.shape[1] for layer in layers)
