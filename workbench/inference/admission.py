"""How a request comes in: its prompt is read, its labels are scored, its row joins a batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.inference.batch import LiveBatch, Prefill, select_rows
from workbench.inference.decoding import Decoding
from workbench.inference.label_scores import score_after
from workbench.inference.prefill import read
from workbench.inference.row import BatchRow, Cancelled
from workbench.models.base import LoadedModel
from workbench.sample import Conversation


@dataclass(frozen=True)
class Request:
    """One prompt on its way to an answer.

    Attributes:
        conversation: It ends before the assistant's turn.
        decoding: The knobs.
        labels: Words whose log-likelihood is asked for too.
        cancelled: Asked before every token.
        started: `time.perf_counter()` when it came in; its times count from there.
    """

    conversation: Conversation
    decoding: Decoding
    labels: tuple[str, ...] = ()
    cancelled: Cancelled | None = None
    started: float = field(default_factory=time.perf_counter)


def admit(live: LiveBatch, requests: Sequence[Request]) -> list[BatchRow]:
    """Read prompts into a live batch in one forward; returns their rows.

    Raises as `generate` does; the live batch is then as it was.
    """
    loaded = live.loaded
    conversations = [request.conversation for request in requests]
    new = [request.decoding.max_new_tokens for request in requests]
    found = read(loaded, conversations, new, live.prefixes)
    rows = [row_of(loaded, ids, request) for ids, request in zip(found.ids, requests, strict=True)]
    for row, frames in zip(rows, found.frames, strict=True):
        row.frames = frames
    score(loaded, found.state, requests, rows)
    live.admit(found.state, rows)
    return rows


def row_of(loaded: LoadedModel, ids: Sequence[int], request: Request) -> BatchRow:
    """A request's row, its prompt's tokens behind it."""
    return BatchRow(
        loaded.tokenizer,
        loaded.end_ids,
        request.decoding,
        ids,
        cancelled=request.cancelled,
        started=request.started,
    )


def score(
    loaded: LoadedModel, state: Prefill, requests: Sequence[Request], rows: Sequence[BatchRow]
) -> None:
    """What the head says of each row, and label scores for those that want them.

    Rows with the same words are scored together.
    """
    for row, classes in zip(rows, state.classes or (), strict=state.classes is not None):
        row.head = classes
    wanting: dict[tuple[str, ...], list[int]] = {}
    for index, request in enumerate(requests):
        if request.labels:
            wanting.setdefault(request.labels, []).append(index)
    for labels, indices in wanting.items():
        some = state if len(indices) == len(rows) else select_rows(state, indices)
        for index, scores in zip(indices, score_after(loaded, some, labels), strict=True):
            rows[index].label_scores = scores
