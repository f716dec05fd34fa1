"""`transformers.Seq2SeqTrainer` in the place of `Trainer`: dev answers by `predict_with_generate`.

Guarantee: steps, loss, order, checkpoints and resume are `AnswerTrainer`'s, to the bit; what
differs is who answers the dev set's prompts while training: greedy `model.generate` on a padded
batch, as ablations of captioners have it, in the place of the engine. Where no prompt begins with
words of its own (a captioner's) rows need no padding, and both say the same; elsewhere they agree
but for rounding (tested). A batch that it cannot take (an image that cannot be read, a prompt that
is too long) is asked by the engine, which records each failure by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig, Seq2SeqTrainer, Trainer

from sessions.errors import WbError
from training.config_groups import VIRTUAL
from training.train_config import TrainConfig
from training.trainer import AnswerTrainer
from workbench.sample import Answer, Conversation, Timing, Token

if TYPE_CHECKING:
    from workbench.evaluation.prepared import Answerer
    from workbench.models.base import LoadedModel


def is_seq2seq(config: TrainConfig) -> bool:
    """Whether a training is by `Seq2SeqTrainer`: as the config says, else for captioners."""
    from workbench.models.default_prompt import family_of

    if config.trainer != "auto":
        return config.trainer == "seq2seq"
    # Virtual tokens and a head's classes are the engine's to supply.
    by_generate = config.method not in VIRTUAL and not config.has_head
    return by_generate and family_of(config.spec) == "captioner"


def name_of(trainer: Trainer) -> str:
    """Which of transformers' trainers it is."""
    return "Seq2SeqTrainer" if isinstance(trainer, Seq2SeqTrainer) else "Trainer"


class Seq2SeqAnswerTrainer(AnswerTrainer, Seq2SeqTrainer):
    """See the module."""

    def answerer(self, loaded: LoadedModel, max_new_tokens: int) -> Answerer:
        """`answers` as an evaluation takes it."""
        return lambda conversations: self.answers(loaded, conversations, max_new_tokens)

    def answers(
        self, loaded: LoadedModel, conversations: Sequence[Conversation], max_new_tokens: int
    ) -> list[Answer] | None:
        """Greedy answers to all of them, by `Seq2SeqTrainer.prediction_step`.

        Args:
            loaded: What is trained.
            conversations: Prompts, as the engine takes them.
            max_new_tokens: Of each answer at most.

        Returns:
            An answer for each, `None` where the batch cannot be asked as one.
        """
        started = time.perf_counter()
        try:
            batch = loaded.family.encode(loaded, list(conversations))
        except WbError:
            return None
        model, width = self.model, batch.input_ids.shape[1]
        assert model is not None
        if loaded.context_length and width + max_new_tokens > loaded.context_length:
            return None
        inputs = {k: v for k, v in batch.inputs.items() if k != "position_ids"}
        with _plain_config(loaded.base):
            _, tokens, _ = self.prediction_step(
                model,
                inputs,
                prediction_loss_only=False,
                generation_config=_greedy(loaded, max_new_tokens),
            )
        assert tokens is not None
        timing = Timing(total_s=time.perf_counter() - started)
        return [
            _answer(loaded, row[width:].tolist(), length, timing)
            for row, length in zip(tokens, batch.lengths, strict=True)
        ]


def _answer(loaded: LoadedModel, ids: list[int], prompt: int, timing: Timing) -> Answer:
    """The text up to the first token that ends it."""
    ends = set(loaded.end_ids)
    place = next((i for i, token in enumerate(ids) if token in ends), None)
    said = ids if place is None else ids[:place]
    return Answer(
        loaded.tokenizer.decode(said, skip_special_tokens=True),
        tuple(Token(i, loaded.piece(i), None) for i in said),
        "length" if place is None else "stop",
        prompt,
        timing,
    )


def _greedy(loaded: LoadedModel, max_new_tokens: int) -> GenerationConfig:
    return GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=max_new_tokens,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        eos_token_id=list(loaded.end_ids),
        pad_token_id=loaded.pad_id,
        temperature=1.0,
        top_k=50,
        top_p=1.0,
    )


@contextmanager
def _plain_config(base: Any) -> Iterator[None]:
    """Keep the model's own generation config out of it: `prediction_step` would write into it."""
    own = base.generation_config
    base.generation_config = deepcopy(own)
    # Shorter than any answer: nothing is padded up to it.
    base.generation_config.max_length, base.generation_config.max_new_tokens = 1, None
    was_training = base.training
    base.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        base.generation_config = own
        base.train(was_training)
