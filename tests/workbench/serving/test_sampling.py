"""Drawing a token: rows are apart, padding is nothing that was said."""

from __future__ import annotations

import torch

from workbench.inference.decoding import Decoding
from workbench.inference.sampler import Sampler, choose


def test_a_short_history_is_not_filled_up_with_tokens_that_were_never_said():
    logits = torch.tensor([[3.0, 2.9, 0.0, 0.0], [3.0, 2.9, 0.0, 0.0]])
    knobs = Decoding(repetition_penalty=2.0)
    long, short = torch.tensor([2, 3, 2, 3, 0]), torch.tensor([3])
    chosen = choose(logits, [Sampler(knobs), Sampler(knobs)], [long, short])
    assert chosen.tolist() == [1, 0]  # only the first row has said token 0


def test_the_models_logits_are_left_as_they_were():
    logits = torch.randn(3, 50)
    before = logits.clone()
    knobs = Decoding(temperature=0.5, top_k=3, top_p=0.5, min_p=0.1, repetition_penalty=1.9)
    choose(logits, [Sampler(knobs)] * 3, [torch.tensor([1, 2])] * 3)
    assert torch.equal(logits, before)


def test_a_draw_depends_on_the_seed_alone_not_on_the_rows_beside_it():
    logits = torch.randn(1, 1000)
    for seed in range(20):
        one = choose(logits, [Sampler(Decoding(temperature=1.0, seed=seed))], [None])
        samplers = [Sampler(Decoding(temperature=1.0, seed=s)) for s in (77, seed, 78)]
        three = choose(logits.expand(3, -1), samplers, [None] * 3)
        assert int(one[0]) == int(three[1])


def test_a_token_without_probability_is_never_drawn():
    logits = torch.full((1, 6), float("-inf"))
    logits[0, 3] = 0.0
    for seed in range(50):
        assert int(choose(logits, [Sampler(Decoding(temperature=1.0, seed=seed))], [None])) == 3
