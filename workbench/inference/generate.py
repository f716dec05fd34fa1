"""Answers from a loaded model: one decoding loop for streams, batches and the server.

Guarantee: an answer depends on its own prompt, knobs and seed, not on the batch it was drawn in;
log-probabilities are the model's own, before temperature and truncation; a cancelled request stops
before its next token. Used in process by evaluation and training, and by the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, overload

from sessions.errors import WbError
from workbench.inference.admission import Request, admit
from workbench.inference.batch import LiveBatch
from workbench.inference.beams import search
from workbench.inference.capacity import (
    OUT_OF_MEMORY,
    alone,
    out_of_memory_explained,
    parts,
    prompt_length,
    shrink,
)
from workbench.inference.decoding import Decoding
from workbench.inference.label_scores import score_labels
from workbench.inference.prefix_cache import PrefixCache
from workbench.inference.row import Cancelled
from workbench.models.base import LoadedModel
from workbench.sample import Answer, Conversation, Token

__all__ = [
    "PrefixCache",
    "Request",
    "admit",
    "generate",
    "out_of_memory_explained",
    "score_labels",
    "search",
    "stream",
]


@overload
def generate(
    loaded: LoadedModel,
    conversations: Sequence[Conversation],
    decoding: Decoding | Sequence[Decoding],
    *,
    labels: Sequence[str] | None = ...,
    cancelled: Cancelled | None = ...,
    return_errors: Literal[False] = ...,
    prefixes: PrefixCache | None = ...,
) -> list[Answer]: ...


@overload
def generate(
    loaded: LoadedModel,
    conversations: Sequence[Conversation],
    decoding: Decoding | Sequence[Decoding],
    *,
    labels: Sequence[str] | None = ...,
    cancelled: Cancelled | None = ...,
    return_errors: Literal[True],
    prefixes: PrefixCache | None = ...,
) -> list[Answer | WbError]: ...


def generate(
    loaded: LoadedModel,
    conversations: Sequence[Conversation],
    decoding: Decoding | Sequence[Decoding],
    *,
    labels: Sequence[str] | None = None,
    cancelled: Cancelled | None = None,
    return_errors: bool = False,
    prefixes: PrefixCache | None = None,
) -> list[Answer] | list[Answer | WbError]:
    """One answer for each conversation, decoded together, or in parts where memory is short.

    Args:
        loaded: The model.
        conversations: Prompts, each ending before the assistant's turn.
        decoding: The knobs of all, or one for each. Rows with the same seed each draw as if they
            were alone.
        labels: Words whose log-likelihood each answer reports as `label_scores`.
        cancelled: Asked before every token; once true, all rows end as `cancelled`.
        return_errors: Give a failed row's `WbError` (an image that cannot be read, a prompt that
            is too long) in its place rather than raise it.
        prefixes: Beginnings of prompts that have been read, and are used again; `None` reads
            every prompt whole. Keep one for as long as the model's weights are what they are.

    Raises:
        PromptTooLong: A prompt and its new tokens do not fit the context.
        ImageError: An image cannot be read.
        ModelError: Out of memory with one prompt alone, or knobs that this model lacks.
    """
    each = [decoding] * len(conversations) if isinstance(decoding, Decoding) else list(decoding)
    if len(each) != len(conversations):
        raise ValueError(f"{len(each)} decodings for {len(conversations)} conversations")
    requests = [
        Request(conversation, knobs, tuple(labels or ()), cancelled)
        for conversation, knobs in zip(conversations, each, strict=True)
    ]
    answers = _in_parts(loaded, requests, prefixes, return_errors)
    return [answers[index] for index in range(len(requests))]


def _in_parts(
    loaded: LoadedModel,
    requests: Sequence[Request],
    prefixes: PrefixCache | None,
    return_errors: bool,
) -> dict[int, Any]:
    """Answers by number; what runs out of memory is halved, what has a bad row asked apart."""
    answers: dict[int, Any] = {}
    waiting = _fitting(loaded, requests, range(len(requests)))
    while waiting:
        part = waiting.pop(0)
        try:
            found: list[Any] = _generate(loaded, [requests[i] for i in part], prefixes)
        except WbError as error:
            failure = error
        else:
            answers |= zip(part, found, strict=True)
            continue
        # Behind the `except`: what the failed forward held is free again.
        if len(part) == 1:
            failure = alone(failure, *_sizes(loaded, requests[part[0]]))
            if not return_errors:
                raise failure
            answers[part[0]] = failure
        elif failure.kind == OUT_OF_MEMORY:
            shrink(loaded, [sum(_sizes(loaded, requests[i])) for i in part])
            waiting = _fitting(loaded, requests, part) + waiting
        elif return_errors:
            # One bad row fails the encoding of all: find it by asking one at a time.
            waiting = [[i] for i in part] + waiting
        else:
            raise failure
    return answers


def _sizes(loaded: LoadedModel, request: Request) -> tuple[int, int]:
    """Tokens of a prompt, and how many may follow."""
    return prompt_length(loaded, request.conversation), request.decoding.max_new_tokens


def _fitting(
    loaded: LoadedModel, requests: Sequence[Request], some: Sequence[int]
) -> list[list[int]]:
    """Numbers of requests in batches that this model is known to hold."""
    if loaded.max_batch_tokens is None or len(some) < 2:  # lengths take time, and are not asked for
        return [list(some)] if some else []
    return parts(loaded, {i: sum(_sizes(loaded, requests[i])) for i in some})


def _generate(
    loaded: LoadedModel, requests: Sequence[Request], prefixes: PrefixCache | None
) -> list[Answer]:
    if any(request.decoding.num_beams > 1 for request in requests):
        return [
            search(loaded, request)
            if request.decoding.num_beams > 1
            else _generate(loaded, [request], prefixes)[0]
            for request in requests
        ]
    live = LiveBatch(loaded, prefixes)
    with out_of_memory_explained(prefixes):
        rows = admit(live, requests)
        while live.rows:
            live.pick()
            live.advance()
    return [row.answer() for row in rows]


def stream(
    loaded: LoadedModel,
    conversation: Conversation,
    decoding: Decoding,
    *,
    labels: Sequence[str] | None = None,
    cancelled: Cancelled | None = None,
    prefixes: PrefixCache | None = None,
) -> Iterator[Token | Answer]:
    """Tokens as they are chosen, then the whole `Answer`; beams give the answer alone.

    A stop string's own tokens are among those streamed; the answer leaves them out.
    Raises as `generate` does, before the first token.
    """
    request = Request(conversation, decoding, tuple(labels or ()), cancelled)
    if decoding.num_beams > 1:
        yield search(loaded, request)
        return
    live = LiveBatch(loaded, prefixes)
    with out_of_memory_explained(prefixes):
        (row,) = admit(live, [request])
        while live.rows:
            for _, token in live.pick():
                if token is not None:
                    yield token
            live.advance()
    yield row.answer()
