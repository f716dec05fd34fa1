"""Requests that are decoded together, one token each per step; they may join and leave on the way.

Guarantee: each row's logits are those that it would have alone, to rounding: padding is masked and
every position is worked out per row. A row that ends leaves the cache at once. Not for beams,
which branch: `workbench.inference.beams` searches those over `prefill` and `forward`.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from workbench.inference.row import BatchRow
from workbench.inference.sampler import choose
from workbench.models.base import LoadedModel
from workbench.models.batch import Batch
from workbench.models.head import states_of
from workbench.sample import Token

if TYPE_CHECKING:
    from workbench.inference.prefix_cache import PrefixCache


@dataclass
class Prefill:
    """Prompts that the model has read.

    Attributes:
        logits: (B, V) float32, of the next token.
        cache: Keys and values, (B, heads, L, width) per layer.
        mask: (B, L) 1 where a token is real.
        positions: (B,) of the next token.
        classes: Probabilities by label for each row, where the model has a classification head;
            of a state just read alone.
    """

    logits: torch.Tensor
    cache: Any
    mask: torch.Tensor
    positions: torch.Tensor
    classes: list[dict[str, float]] | None = None


@torch.no_grad()
def prefill(loaded: LoadedModel, batch: Batch, after: Prefill | None = None) -> Prefill:
    """Read a batch of prompts in one forward.

    Args:
        loaded: The model.
        batch: The prompts.
        after: What stands before them, row by row; its cache grows.
    """
    kwargs, mask, following = dict(batch.inputs), batch.attention_mask, batch.next_positions
    if after is not None:
        mask, following = torch.cat([after.mask, mask], dim=1), after.positions + following
        positions = kwargs["position_ids"] + after.positions.unsqueeze(1)  # (B, L) or (3, B, L)
        kwargs |= {
            "attention_mask": mask,
            "position_ids": positions,
            "past_key_values": after.cache,
        }
    if "logits_to_keep" in inspect.signature(loaded.base.forward).parameters:
        kwargs["logits_to_keep"] = 1  # the other columns' logits would be B * L * V floats
    head, classes = loaded.head, None
    with states_of(loaded.base) if head is not None else contextlib.nullcontext([]) as seen:
        out = loaded.model(**kwargs, use_cache=True)
    if head is not None:
        classes = head.named(head(seen[-1], batch.attention_mask))
    return Prefill(
        logits=out.logits[:, -1].float(),
        cache=out.past_key_values,
        mask=mask,
        positions=following,
        classes=classes,
    )


@torch.no_grad()
def forward(
    loaded: LoadedModel, state: Prefill, ids: torch.Tensor, padded: bool = True
) -> torch.Tensor:
    """Append tokens to every row; `state` is updated in place.

    Args:
        loaded: The model.
        state: Its cache grows by T columns.
        ids: (B, T) the new tokens.
        padded: Whether any row has padding; without, the mask is left out, which is faster.

    Returns:
        (B, T, V) logits, in the model's dtype.
    """
    steps = torch.arange(ids.shape[1], device=ids.device)
    positions = state.positions.unsqueeze(1) + steps
    state.mask = torch.cat([state.mask, state.mask.new_ones(ids.shape)], dim=1)
    extra = loaded.family.step_inputs(loaded, positions)
    if padded or not extra:
        extra = {**extra, "attention_mask": state.mask}
    out = loaded.model(input_ids=ids, past_key_values=state.cache, use_cache=True, **extra)
    state.positions = state.positions + ids.shape[1]
    state.cache = out.past_key_values
    return out.logits


def can_merge(cache: Any) -> bool:
    """Whether rows can join this cache later: each layer holds every past token's keys."""
    return all(type(layer) is DynamicLayer for layer in cache.layers)


def select_rows(state: Prefill, rows: Sequence[int]) -> Prefill:
    """A state of its own with these rows, which may repeat; the cache is shared until it grows."""
    index = torch.tensor(rows)  # on the CPU: a spread model's layers lie on several devices
    cache = copy.copy(state.cache)
    plain = (DynamicLayer, DynamicSlidingWindowLayer)
    cache.layers = [
        copy.copy(layer) if type(layer) in plain else copy.deepcopy(layer)
        for layer in state.cache.layers
    ]
    cache.batch_select_indices(index)
    return Prefill(state.logits[index], cache, state.mask[index], state.positions[index])


def _merge(old: Prefill, new: Prefill) -> Prefill:
    """Both states' rows in one, the narrower padded on the left; both stay as they are."""
    width = max(old.mask.shape[1], new.mask.shape[1])
    cache = copy.copy(old.cache)
    cache.layers = [copy.copy(layer) for layer in old.cache.layers]
    for layer, other in zip(cache.layers, new.cache.layers, strict=True):
        layer.keys = torch.cat([_padded(layer.keys, width), _padded(other.keys, width)])
        layer.values = torch.cat([_padded(layer.values, width), _padded(other.values, width)])
    pad = torch.nn.functional.pad
    return Prefill(
        logits=torch.cat([old.logits, new.logits]),
        cache=cache,
        mask=torch.cat([pad(s.mask, (width - s.mask.shape[1], 0)) for s in (old, new)]),
        positions=torch.cat([old.positions, new.positions]),
    )


def _padded(keys: torch.Tensor, width: int) -> torch.Tensor:
    """(B, heads, width, d) with empty columns on the left."""
    return torch.nn.functional.pad(keys, (0, 0, width - keys.shape[2], 0))


def _widen(state: Prefill, columns: int) -> None:
    """Add (or, where negative, cut) columns on the left."""
    if columns == 0:
        return
    pad = torch.nn.functional.pad
    state.mask = pad(state.mask, (columns, 0))
    for layer in state.cache.layers:
        layer.keys = pad(layer.keys, (0, 0, columns, 0))
        layer.values = pad(layer.values, (0, 0, columns, 0))


class LiveBatch:
    """Rows under way. Use: `admit`, then `pick` and `advance` in turn until there are no rows."""

    def __init__(self, loaded: LoadedModel, prefixes: PrefixCache | None = None) -> None:
        """No rows yet.

        Args:
            loaded: The model.
            prefixes: Beginnings of prompts that rows may share.
        """
        self.loaded = loaded
        self.prefixes = prefixes
        self.rows: list[BatchRow] = []
        self._state: Prefill | None = None
        self._ids: list[int] = []
        self._padded = False

    @property
    def open(self) -> bool:
        """Whether more rows can join now."""
        return self._state is None or can_merge(self._state.cache)

    def admit(self, state: Prefill, rows: Sequence[BatchRow]) -> None:
        """Take in prompts that have been read, between `advance` and `pick`."""
        self._state = state if self._state is None else _merge(self._state, state)
        self.rows = [*self.rows, *rows]
        self._padded = not bool(self._state.mask.all())

    @torch.no_grad()
    def pick(self) -> list[tuple[BatchRow, Token | None]]:
        """Choose each row's next token.

        Returns:
            Every row with its new token, `None` where it ended without one (end of turn or
            cancelled). A row whose `finish` is set is done.
        """
        if self._state is None:
            return []
        logits = self._state.logits
        history = [row.history(logits.device) for row in self.rows]
        chosen = choose(logits, [row.sampler for row in self.rows], history)
        picked = []
        for row, (token_id, token) in zip(self.rows, self._describe(logits, chosen), strict=True):
            picked.append((row, row.take(token_id, token)))
        self._ids = chosen.tolist()
        return picked

    def _describe(
        self, logits: torch.Tensor, chosen: torch.Tensor
    ) -> list[tuple[int, Callable[[], Token]]]:
        """Ids with their tokens' makers: log-probabilities under the model, best alternatives."""
        logprobs = torch.log_softmax(logits, dim=-1)
        most = min(max(row.decoding.top_logprobs for row in self.rows), logits.shape[-1])
        best = logprobs.topk(most, dim=-1)
        # One transfer for all: ids below 2^53 are exact in float64.
        table = torch.cat(
            [
                chosen.unsqueeze(1).double(),
                logprobs.gather(1, chosen.unsqueeze(1)).double(),
                best.indices.double(),
                best.values.double(),
            ],
            dim=1,
        ).tolist()
        piece = self.loaded.piece

        def maker(row: BatchRow, cells: list[float]) -> Callable[[], Token]:
            count = min(row.decoding.top_logprobs, most)

            def make() -> Token:
                top = zip(cells[2 : 2 + count], cells[2 + most : 2 + most + count], strict=True)
                alternatives = tuple((piece(int(i)), value) for i, value in top)
                return Token(int(cells[0]), piece(int(cells[0])), cells[1], alternatives)

            return make

        return [
            (int(cells[0]), maker(row, cells)) for row, cells in zip(self.rows, table, strict=True)
        ]

    def advance(self) -> None:
        """Let ended rows go and read the others' new tokens."""
        if self._state is None:
            return
        kept = [i for i, row in enumerate(self.rows) if row.finish is None]
        if len(kept) < len(self.rows):
            self._keep(kept)
        if self._state is not None:
            ids = torch.tensor([[i] for i in self._ids], device=self._state.mask.device)
            logits = forward(self.loaded, self._state, ids, self._padded)
            self._state.logits = logits[:, -1].float()

    def _keep(self, kept: list[int]) -> None:
        if self._state is None or not kept:
            self.rows, self._ids, self._state = [], [], None
            return
        self.rows = [self.rows[i] for i in kept]
        self._ids = [self._ids[i] for i in kept]
        self._state = select_rows(self._state, kept)
        if can_merge(self._state.cache):  # the longest row may have left: drop its columns
            spare = int((self._state.mask.sum(0) > 0).int().argmax())
            _widen(self._state, -spare)
        self._padded = not bool(self._state.mask.all())
