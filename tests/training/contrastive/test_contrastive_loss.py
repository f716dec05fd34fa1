"""The losses against a written-out double loop, and steps in parts against whole ones."""

from __future__ import annotations

import math

import pytest
import torch

from training.contrastive.loss import cut, loss_of, norms_at_rest, take_step
from workbench.models.two_stage.aligned_model import AlignedConfig, AlignedModel


def pairs(seed: int = 0, n: int = 6, m: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and a table in which some images have several texts and some texts several images."""
    made = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, m, generator=made, dtype=torch.float64) * 5 - 4
    belongs = torch.rand(n, m, generator=made) < 0.2
    for i in range(max(n, m)):
        belongs[i % n, i % m] = True
    return logits, belongs


def sigmoid_by_hand(logits: torch.Tensor, belongs: torch.Tensor) -> float:
    total = 0.0
    for i, row in enumerate(logits.tolist()):
        for j, value in enumerate(row):
            sign = 1 if belongs[i, j] else -1
            total += math.log(1 + math.exp(-sign * value))
    return total / len(logits)


def softmax_by_hand(logits: torch.Tensor, belongs: torch.Tensor) -> float:
    ways = []
    for table, truth in ((logits, belongs), (logits.T, belongs.T)):
        total = 0.0
        for i, row in enumerate(table.tolist()):
            norm = sum(math.exp(value) for value in row)
            mine = [-math.log(math.exp(v) / norm) for j, v in enumerate(row) if truth[i, j]]
            total += sum(mine) / len(mine)
        ways.append(total / len(table))
    return sum(ways) / 2


@pytest.mark.parametrize(
    ("kind", "by_hand"), [("sigmoid", sigmoid_by_hand), ("softmax", softmax_by_hand)]
)
def test_a_loss_is_that_of_a_double_loop_over_all_pairs(kind, by_hand):
    for seed in range(5):
        logits, belongs = pairs(seed)
        assert float(loss_of(kind, logits, belongs)) == pytest.approx(
            by_hand(logits, belongs), abs=1e-9
        )
    single = logits.float(), torch.eye(*logits.shape).bool()
    if kind == "sigmoid":
        assert float(loss_of(kind, *single)) == pytest.approx(by_hand(*single), abs=1e-6)


def model(learn: bool) -> AlignedModel:
    torch.manual_seed(3)
    vision = {
        "embedding_size": 8,
        "hidden_sizes": [8, 16],
        "depths": [1, 1],
        "layer_type": "basic",
    }
    config = AlignedConfig(vision_config=vision, shared_size=12, text_size=10, image_size=16)
    made = AlignedModel(config).double()
    made.begin(10.0, -10.0)
    made.image_encoder.norms_learn = learn
    return made.train()


def step(kind: str, sizes: list[int], learn: bool) -> tuple[float, dict[str, torch.Tensor]]:
    made = model(learn)
    drawn = torch.Generator().manual_seed(1)
    pixels = torch.randn(8, 3, 16, 16, generator=drawn, dtype=torch.float64)
    features = torch.randn(8, 10, generator=drawn, dtype=torch.float64)
    belongs = torch.eye(8).bool()
    belongs[0, 5] = belongs[3, 1] = True
    parts = list(pixels.split(sizes))
    loss = take_step(made, parts, features, belongs, kind, lambda value: value.backward())
    gradients = {n: p.grad.clone() for n, p in made.named_parameters() if p.grad is not None}
    return float(loss), gradients


@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
def test_a_step_in_parts_has_the_loss_and_the_gradients_of_the_whole_one(kind):
    whole, wanted = step(kind, [8], learn=False)
    for sizes in ([4, 4], [3, 3, 2]):
        loss, found = step(kind, sizes, learn=False)
        assert loss == pytest.approx(whole, abs=1e-6)
        assert found.keys() == wanted.keys()
        assert any(
            float(value.abs().max()) > 0 for name, value in found.items() if "resnet" in name
        )
        for name in wanted:
            torch.testing.assert_close(found[name], wanted[name], rtol=1e-6, atol=1e-9)


def test_norms_that_learn_see_their_part_and_every_pair_is_still_counted():
    """As one graph over both parts gives it, each part normalised by itself."""
    loss, found = step("sigmoid", [4, 4], learn=True)
    made = model(learn=True)
    drawn = torch.Generator().manual_seed(1)
    pixels = torch.randn(8, 3, 16, 16, generator=drawn, dtype=torch.float64)
    features = torch.randn(8, 10, generator=drawn, dtype=torch.float64)
    belongs = torch.eye(8).bool()
    belongs[0, 5] = belongs[3, 1] = True
    images = torch.cat([made.embed_images(part) for part in pixels.split(4)])
    logits = made.image_encoder.pair_logits(images, made.embed_texts(features))
    wanted = loss_of("sigmoid", logits, belongs)
    wanted.backward()
    assert loss == pytest.approx(sigmoid_by_hand(logits, belongs), abs=1e-6)
    for name, parameter in made.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-5, atol=1e-8)


def test_running_statistics_move_once_for_a_part():
    made, other = model(learn=True), model(learn=True)
    part = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(2)).double()
    before = {k: v.clone() for k, v in made.state_dict().items() if "running" in k}
    with norms_at_rest(made):
        resting = made.embed_images(part)
    after = made.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert torch.equal(resting, made.embed_images(part))
    features, belongs = torch.randn(8, 10).double(), torch.eye(8).bool()
    take_step(made.train(), [part, part], features, belongs, "sigmoid", lambda v: v.backward())
    for _ in range(3):
        other.embed_images(part)
    moved = other.state_dict()
    assert all(torch.allclose(made.state_dict()[key], moved[key]) for key in before)


def test_parts_are_even():
    assert cut(8, 4) == [(0, 4), (4, 8)]
    assert cut(9, 4) == [(0, 3), (3, 6), (6, 9)]
    assert cut(3, 4) == [(0, 3)]
    assert cut(0, 4) == []
