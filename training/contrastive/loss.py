"""Contrastive losses over all pairs of a step, and how a step is cut up without changing them.

Guarantee: the loss and its gradient are those of all pairs of the step, in however many parts the
images go through the encoder. Every image is held against every text of the step.

Which text belongs to which image is given as a table, not as a diagonal: a text that is also a
caption of another image of the step is no negative of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

LOSSES = ("sigmoid", "softmax")
Backward = Callable[[Tensor], None]


def sigmoid_loss(logits: Tensor, belongs: Tensor) -> Tensor:
    """SigLIP's loss (Zhai et al. 2023, equation 1): each pair by itself.

    Args:
        logits: (N, M), `exp(t) * cosine + b` of image i and text j.
        belongs: (N, M) bool, whether text j is one of image i.

    Returns:
        The sum over all pairs of `-log sigmoid(z * logit)`, z = 1 where they belong together and
        -1 elsewhere, divided by N (not by the pairs: as in the paper).
    """
    signs = belongs.to(logits.dtype) * 2 - 1
    return -nn.functional.logsigmoid(signs * logits).sum() / len(logits)


def softmax_loss(logits: Tensor, belongs: Tensor) -> Tensor:
    """CLIP's loss (Radford et al. 2021): the mean of both directions' cross-entropies.

    Args:
        logits: (N, M); a bias changes nothing here.
        belongs: (N, M) bool. Where a row or a column has several, the mean of
            `-log softmax` over them is taken (Khosla et al. 2020, equation 2).
    """
    truth = belongs.to(logits.dtype)

    def one_way(logs: Tensor, mine: Tensor) -> Tensor:
        return -((logs * mine).sum(1) / mine.sum(1).clamp(min=1)).mean()

    images = one_way(logits.log_softmax(1), truth)
    texts = one_way(logits.T.log_softmax(1), truth.T)
    return (images + texts) / 2


def loss_of(kind: str, logits: Tensor, belongs: Tensor) -> Tensor:
    """The loss of one of `LOSSES`."""
    return (sigmoid_loss if kind == "sigmoid" else softmax_loss)(logits, belongs)


def take_step(
    model: Any,
    parts: Sequence[Tensor],
    features: Tensor,
    belongs: Tensor,
    kind: str,
    backward: Backward,
) -> Tensor:
    """The gradients of one step, added to `model`'s parameters.

    Several parts go through the encoder twice (Gao et al. 2021, "GradCache"): once for their
    embeddings alone, from which the loss over all pairs and its gradient for each embedding
    follow, and once more, part by part, to carry those on to the weights. So the memory is that of
    one part, and the gradient that of the whole step. Batch norms that learn see their own part
    only, as they do on several GPUs; their running statistics move once for each part.

    Args:
        model: An `AlignedModel`.
        parts: Pixels (n, 3, S, S) each, in the order of the rows of `belongs`.
        features: (M, text) of the frozen text encoder.
        belongs: (N, M) bool.
        kind: One of `LOSSES`.
        backward: Of the loss; mixed precision scales there.

    Returns:
        The loss, without a graph.
    """
    if len(parts) == 1:
        images = model.embed_images(parts[0])
    else:
        with torch.no_grad(), norms_at_rest(model):
            images = torch.cat([model.embed_images(part) for part in parts])
        images.requires_grad_(True)
    with torch.autocast(images.device.type, enabled=False):
        texts = model.embed_texts(features)
        loss = loss_of(kind, model.image_encoder.pair_logits(images, texts), belongs)
    backward(loss)
    if len(parts) > 1:
        gradients = images.grad
        assert gradients is not None
        start = 0
        for part in parts:
            again = model.embed_images(part)
            # The gradient has whatever scale `backward` gave it: it is not scaled twice.
            again.backward(gradients[start : start + len(part)])
            start += len(part)
    return loss.detach()


@contextmanager
def norms_at_rest(model: nn.Module) -> Iterator[None]:
    """Batch norms normalise as before and leave their running statistics alone."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [norm.track_running_stats for norm in norms]
    for norm in norms:
        norm.track_running_stats = not norm.training and norm.track_running_stats
    try:
        yield
    finally:
        for norm, tracked in zip(norms, before, strict=True):
            norm.track_running_stats = tracked


def cut(count: int, size: int) -> list[tuple[int, int]]:
    """Parts of at most `size`, as even as they come: none is of one image where two would do.

    A batch norm that learns has nothing to normalise a single value by.
    """
    if count == 0:
        return []
    parts = -(-count // size)
    edges = [round(i * count / parts) for i in range(parts + 1)]
    return list(zip(edges, edges[1:], strict=False))
