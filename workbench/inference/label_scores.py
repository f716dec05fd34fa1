"""How likely a model finds each label word, in one pass over the prompt.

A score is the sum of the natural log-probabilities of the label's tokens right after the opened
assistant's turn, not divided by length. The end-of-turn token is not counted unless asked for:
without it a label that begins another one ("no", "no one") always scores at least as high.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from workbench.inference.batch import Prefill, forward, select_rows
from workbench.inference.prefill import read
from workbench.inference.prefix_cache import PrefixCache
from workbench.inference.row import not_a_number
from workbench.models.base import LoadedModel
from workbench.models.chat import answer_ids
from workbench.sample import Conversation

_ROWS_AT_ONCE = 64  # bounds the copies of the cache, one per label and prompt


def score_labels(
    loaded: LoadedModel,
    conversations: Sequence[Conversation],
    labels: Sequence[str],
    *,
    end_of_turn: bool = False,
    prefixes: PrefixCache | None = None,
) -> list[dict[str, float]]:
    """Total log-likelihood of each label after each prompt.

    Args:
        loaded: The model.
        conversations: Prompts, each ending before the assistant's turn.
        labels: The words; an empty one scores 0 (the end of turn alone, where that counts).
        end_of_turn: Count the end-of-turn token after the label too.
        prefixes: Beginnings of prompts that have been read, and are used again.

    Raises:
        PromptTooLong: A prompt with its longest label does not fit the context.
        ModelError: The model computed no numbers.
    """
    longest = max((len(ids) for ids in label_ids(loaded, labels, end_of_turn)), default=0)
    found = read(loaded, conversations, [longest] * len(conversations), prefixes)
    return score_after(loaded, found.state, labels, end_of_turn=end_of_turn)


def label_ids(loaded: LoadedModel, labels: Sequence[str], end_of_turn: bool) -> list[list[int]]:
    """Each label's tokens, as an answer would be appended."""
    return answer_ids(loaded, labels, len(labels), end_of_turn)


def score_after(
    loaded: LoadedModel, state: Prefill, labels: Sequence[str], *, end_of_turn: bool = False
) -> list[dict[str, float]]:
    """As `score_labels`, after prompts that have been read; `state` stays as it is."""
    ids = label_ids(loaded, labels, end_of_turn)
    if not ids:
        return [{} for _ in range(len(state.mask))]
    per_chunk = max(1, _ROWS_AT_ONCE // len(ids))
    scores: list[list[float]] = []
    for start in range(0, len(state.mask), per_chunk):
        rows = range(start, min(start + per_chunk, len(state.mask)))
        scores += _score_chunk(loaded, state, list(rows), ids)
    return [dict(zip(labels, row, strict=True)) for row in scores]


@torch.no_grad()
def _score_chunk(
    loaded: LoadedModel, state: Prefill, rows: list[int], ids: list[list[int]]
) -> list[list[float]]:
    """Scores (rows, labels) by one forward over copies of the rows' caches."""
    device, count, width = state.mask.device, len(ids), max(map(len, ids))
    if width == 0:
        return [[0.0] * count for _ in rows]
    padded = torch.tensor([[*label, *[0] * (width - len(label))] for label in ids], device=device)
    real = torch.tensor([[1] * len(x) + [0] * (width - len(x)) for x in ids], device=device)
    first = torch.log_softmax(state.logits[rows], dim=-1).unsqueeze(1)  # (rows, 1, V)
    logprobs = first.expand(-1, count, -1).flatten(0, 1).unsqueeze(1)  # (rows * labels, 1, V)
    if width > 1:
        copies = select_rows(state, [row for row in rows for _ in ids])
        later = forward(loaded, copies, padded[:, :-1].repeat(len(rows), 1))
        logprobs = torch.cat([logprobs, torch.log_softmax(later.float(), dim=-1)], dim=1)
    targets = padded.repeat(len(rows), 1).unsqueeze(-1)  # (rows * labels, width, 1)
    each = logprobs.gather(2, targets)[..., 0].double() * real.repeat(len(rows), 1)
    sums = each.sum(1).reshape(len(rows), count)
    if bool(sums.isnan().any()):
        raise not_a_number()
    return sums.tolist()
