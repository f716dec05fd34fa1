"""Beam search: by `model.generate`, one request at a time."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch

from workbench.inference.admission import Request, row_of, score
from workbench.inference.batch import Prefill, forward, prefill
from workbench.inference.capacity import out_of_memory_explained
from workbench.inference.decoding import Decoding
from workbench.inference.row import BatchRow
from workbench.models.base import LoadedModel
from workbench.models.chat import check_length
from workbench.sample import Answer, Timing, Token


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
        row = row_of(loaded, batch.input_ids[0].tolist(), request)
        state = prefill(loaded, batch)
        score(loaded, state, [request], [row])
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


def _replay(loaded: LoadedModel, state: Prefill, row: BatchRow, ids: list[int]) -> None:
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
