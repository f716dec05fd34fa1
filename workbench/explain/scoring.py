"""What a target says of other pictures in the place of the prompt's: forwards alone, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch

from workbench.explain.capture import evaluating, logits_of
from workbench.explain.maps import Stop, check
from workbench.explain.prepare import encode, with_images
from workbench.explain.targets import Target

if TYPE_CHECKING:
    from PIL import Image

    from workbench.models.base import LoadedModel
    from workbench.sample import Message

Pictures = Sequence["Image.Image"]  # one per image of the prompt, each of its image's size


class Scorer:
    """Scores one prompt and token on any pictures.

    Args:
        loaded: The model.
        messages: The prompt.
        prefix: The answer's tokens before the scored one.
        target: What is scored; a margin without contrast settles on the first pictures scored.
        batch_size: Conversations in one forward.
        cancelled: Asked between forwards.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        messages: Sequence[Message],
        prefix: Sequence[int],
        target: Target,
        *,
        batch_size: int = 32,
        cancelled: Stop = None,
    ) -> None:
        self.target = target
        self._loaded, self._messages, self._prefix = loaded, messages, tuple(prefix)
        self._batch_size, self._cancelled = batch_size, cancelled

    def __call__(self, variants: Iterable[Pictures]) -> np.ndarray:
        """(n,) float64: the target on each of n sets of pictures.

        Raises:
            Cancelled: Between two batches.
        """
        scores: list[float] = []
        for chunk in _chunks(variants, self._batch_size):
            check(self._cancelled)
            conversations = [with_images(self._messages, pictures) for pictures in chunk]
            with evaluating(self._loaded.model), torch.no_grad():
                inputs, _ = encode(self._loaded, conversations, self._prefix)
                logits = logits_of(self._loaded, inputs, self.target)[:, -1]
            self.target = self.target.settle(logits[0])
            scores.extend(self.target(logits).tolist())
        return np.asarray(scores)


def _chunks(items: Iterable[Pictures], size: int) -> Iterator[list[Pictures]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
