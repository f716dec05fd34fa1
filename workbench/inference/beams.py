"""Beam search, one request at a time: the search of transformers over the forward of the engine.

Guarantee: the beams are those of the model's own `generate`. What a step reads (positions, masks,
virtual tokens before the prompt) is supplied as for every other answer, so that beams are searched
under any adapter.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, StoppingCriteriaList
from transformers.modeling_outputs import CausalLMOutputWithPast

from workbench.inference.admission import Request, row_of, score
from workbench.inference.batch import Prefill, forward, prefill, select_rows
from workbench.inference.capacity import out_of_memory_explained
from workbench.inference.decoding import Decoding
from workbench.inference.row import BatchRow
from workbench.models.base import LoadedModel
from workbench.models.chat import check_length
from workbench.sample import Answer, Timing, Token


def search(loaded: LoadedModel, request: Request) -> Answer:
    """The best beam, its tokens' log-probabilities by one forward after the search.

    Cancelled on the way it gives no text: a half-made search has no answer yet.
    """
    decoding = request.decoding
    batch = loaded.family.encode(loaded, [request.conversation])
    check_length(loaded, batch.lengths[0], decoding.max_new_tokens)
    flag = request.cancelled or (lambda: False)
    with out_of_memory_explained(), torch.no_grad():
        row = row_of(loaded, batch.input_ids[0].tolist(), request)
        row.frames = batch.frames[0] if batch.frames else ()
        state = prefill(loaded, batch)
        score(loaded, state, [request], [row])
        beams = select_rows(state, [0] * decoding.num_beams)
        model: Any = _Beams(loaded, beams)
        out = model.generate(
            batch.input_ids,
            past_key_values=beams.cache,
            generation_config=_beam_config(loaded, decoding),
            stopping_criteria=StoppingCriteriaList([lambda ids, scores, **_: _flags(ids, flag())]),
        )
        del beams, model  # the cache of each beam
        _replay(loaded, state, row, out[0, batch.input_ids.shape[1] :].tolist())
    total = time.perf_counter() - request.started
    return replace(row.answer(), timing=Timing(first_token_s=total, total_s=total))


class _Beams(GenerationMixin):
    """A prompt that was read, as a model whose `generate` goes on from it.

    The search reorders the cache; mask and positions are the same in every beam.
    """

    main_input_name = "input_ids"
    _is_stateful = False

    def __init__(self, loaded: LoadedModel, state: Prefill) -> None:
        """Begin with a row for each beam."""
        self.config, self.generation_config = PretrainedConfig(), GenerationConfig()
        self.device = loaded.device
        self._loaded, self._state, self._read = loaded, state, False

    def can_generate(self) -> bool:
        """It can."""
        return True

    def prepare_inputs_for_generation(
        self, input_ids: torch.Tensor, past_key_values: Any = None, **_: Any
    ) -> dict[str, Any]:
        """The newest token of each beam, (B, 1): the prompt is read, its cache is in the state."""
        return {"input_ids": input_ids[:, -1:]}

    def forward(self, input_ids: torch.Tensor) -> CausalLMOutputWithPast:
        """Logits (B, 1, V) of what comes next."""
        if self._read:
            logits = forward(self._loaded, self._state, input_ids)
        else:
            logits = self._state.logits.unsqueeze(1)
        self._read = True
        return CausalLMOutputWithPast(logits=logits, past_key_values=self._state.cache)

    def __call__(self, input_ids: torch.Tensor, **_: Any) -> CausalLMOutputWithPast:
        """As `forward`."""
        return self.forward(input_ids)


def _beam_config(loaded: LoadedModel, decoding: Decoding) -> Any:
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
