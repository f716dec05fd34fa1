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
    paths = _paths(ids)
    per_chunk = max(1, _ROWS_AT_ONCE // max(1, len(paths)))
    scores: list[list[float]] = []
    for start in range(0, len(state.mask), per_chunk):
        rows = range(start, min(start + per_chunk, len(state.mask)))
        scores += _score_chunk(loaded, state, list(rows), ids, paths)
    return [dict(zip(labels, row, strict=True)) for row in scores]


def _paths(ids: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """What the model must read to score all labels: each label but its last token, once.

    The last token is never read, so a label of one token needs nothing beyond the prompt, and
    labels that differ in their last token alone share a path.
    """
    found = list(dict.fromkeys(tuple(label[:-1]) for label in ids if len(label) > 1))
    return [
        path
        for path in found
        if not any(len(path) < len(other) and other[: len(path)] == path for other in found)
    ]


@torch.no_grad()
def _score_chunk(
    loaded: LoadedModel,
    state: Prefill,
    rows: list[int],
    ids: list[list[int]],
    paths: list[tuple[int, ...]],
) -> list[list[float]]:
    """Scores (rows, labels) by at most one forward, over a copy of a row's cache for each path."""
    first = torch.log_softmax(state.logits[rows], dim=-1)  # (rows, V)
    later = _read_paths(loaded, state, rows, paths) if paths else None  # (rows, paths, width, V)
    scores = first.new_zeros(len(rows), len(ids), dtype=torch.float64)
    for column, label in enumerate(ids):
        if label:
            scores[:, column] = first[:, label[0]].double()
        if later is not None and len(label) > 1:
            before = tuple(label[:-1])
            path = next(i for i, p in enumerate(paths) if p[: len(before)] == before)
            for place, token in enumerate(label[1:]):
                scores[:, column] += later[:, path, place, token].double()
    if bool(scores.isnan().any()):
        raise not_a_number()
    return scores.tolist()


def _read_paths(
    loaded: LoadedModel, state: Prefill, rows: list[int], paths: list[tuple[int, ...]]
) -> torch.Tensor:
    """Log-probabilities (rows, paths, width, V) of what follows each token of each path."""
    width = max(map(len, paths))
    padded = torch.tensor(
        [[*path, *[0] * (width - len(path))] for path in paths], device=state.mask.device
    )
    copies = select_rows(state, [row for row in rows for _ in paths])
    logits = forward(loaded, copies, padded.repeat(len(rows), 1))
    return torch.log_softmax(logits.float(), dim=-1).unflatten(0, (len(rows), len(paths)))
