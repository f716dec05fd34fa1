"""Answers from a loaded model: one decoding loop for streams, batches and the server.

Guarantee: an answer depends on its own prompt, knobs and seed, not on the batch it was drawn in;
log-probabilities are the model's own, before temperature and truncation; a cancelled request stops
before its next token. Used in process by evaluation and training, and by the engine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, overload

import torch

from sessions.errors import WbError
from workbench.engine.capacity import (
    OUT_OF_MEMORY,
    alone,
    out_of_memory_explained,
    parts,
    prompt_length,
    shrink,
)
from workbench.engine.decoding import Decoding
from workbench.engine.live_batch import LiveBatch, Prefill, forward, prefill, select_rows
from workbench.engine.prefix import PrefixCache
from workbench.engine.reading import read
from workbench.engine.row import Cancelled, Row
from workbench.engine.scores import score_after, score_labels
from workbench.models.base import LoadedModel
from workbench.models.chat import check_length
from workbench.sample import Answer, Conversation, Timing, Token

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
    if loaded.fits is None or len(some) < 2:  # lengths take time, and are not asked for
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


def admit(live: LiveBatch, requests: Sequence[Request]) -> list[Row]:
    """Read prompts into a live batch in one forward; returns their rows.

    Raises as `generate` does; the live batch is then as it was.
    """
    loaded = live.loaded
    conversations = [request.conversation for request in requests]
    new = [request.decoding.max_new_tokens for request in requests]
    found = read(loaded, conversations, new, live.prefixes)
    rows = [_row(loaded, ids, request) for ids, request in zip(found.ids, requests, strict=True)]
    _score(loaded, found.state, requests, rows)
    live.admit(found.state, rows)
    return rows


def _row(loaded: LoadedModel, ids: Sequence[int], request: Request) -> Row:
    return Row(
        loaded.tokenizer,
        loaded.end_ids,
        request.decoding,
        ids,
        cancelled=request.cancelled,
        started=request.started,
    )


def _score(
    loaded: LoadedModel, state: Prefill, requests: Sequence[Request], rows: Sequence[Row]
) -> None:
    """Label scores for the rows that want them, those with the same words together."""
    wanting: dict[tuple[str, ...], list[int]] = {}
    for index, request in enumerate(requests):
        if request.labels:
            wanting.setdefault(request.labels, []).append(index)
    for labels, indices in wanting.items():
        some = state if len(indices) == len(rows) else select_rows(state, indices)
        for index, scores in zip(indices, score_after(loaded, some, labels), strict=True):
            rows[index].label_scores = scores


def search(loaded: LoadedModel, request: Request) -> Answer:
    """Beam search by `model.generate`, its tokens' log-probabilities by one forward after it.

    Cancelled on the way it gives no text: a half-made search has no answer yet.
    """
    from transformers import StoppingCriteriaList

    decoding = request.decoding
    batch = loaded.family.encode(loaded, [request.conversation])
    check_length(loaded, batch.lengths[0], decoding.max_new_tokens)
    flag = request.cancelled or (lambda: False)
    inputs = {k: v for k, v in batch.inputs.items() if k != "position_ids"}
    with out_of_memory_explained(), torch.no_grad():
        out = loaded.model.generate(
            **inputs,
            generation_config=_beam_config(loaded, decoding),
            stopping_criteria=StoppingCriteriaList([lambda ids, scores, **_: _flags(ids, flag())]),
        )
        row = _row(loaded, batch.input_ids[0].tolist(), request)
        state = prefill(loaded, batch)
        _score(loaded, state, [request], [row])
        _replay(loaded, state, row, out[0, batch.input_ids.shape[1] :].tolist())
    total = time.perf_counter() - request.started
    return replace(row.answer(), timing=Timing(first_token_s=total, total_s=total))


def _beam_config(loaded: LoadedModel, decoding: Decoding) -> Any:
    from transformers import GenerationConfig

    # Every knob is named: what is left out is filled in from the model's own generation config.
    return GenerationConfig(
        do_sample=False,
        num_beams=decoding.num_beams,
        max_new_tokens=decoding.max_new_tokens,
        repetition_penalty=float(decoding.repetition_penalty),
        length_penalty=1.0,
        no_repeat_ngram_size=0,
        early_stopping=False,
        eos_token_id=list(loaded.end_ids),
        pad_token_id=loaded.pad_id,
        temperature=1.0,
        top_k=50,
        top_p=1.0,
    )


def _flags(ids: torch.Tensor, value: bool) -> torch.Tensor:
    return torch.full((len(ids),), value, dtype=torch.bool, device=ids.device)


def _replay(loaded: LoadedModel, state: Prefill, row: Row, ids: list[int]) -> None:
    """Feed a row the tokens that a search found, with the model's probability of each."""
    logits = state.logits.unsqueeze(1)
    if len(ids) > 1:
        later = forward(loaded, state, torch.tensor([ids[:-1]], device=loaded.device))
        logits = torch.cat([logits, later.float()], dim=1)
    logprobs = torch.log_softmax(logits[0], dim=-1)  # (n, V)
    best = logprobs.topk(min(row.decoding.top_logprobs, logprobs.shape[-1]), dim=-1)
    for i, token_id in enumerate(ids):
        top = zip(best.indices[i].tolist(), best.values[i].tolist(), strict=True)
        alternatives = tuple((loaded.piece(j), value) for j, value in top)
        value = float(logprobs[i, token_id])
        row.take(
            token_id,
            lambda t=token_id, v=value, a=alternatives: Token(t, loaded.piece(t), v, a),
        )
        if row.finish is not None:
            return
    row.finish = row.finish or "stop"
