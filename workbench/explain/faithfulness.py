"""Is a map true? Deletion and insertion curves.

A map may look right and be wrong of the model: these ask the model itself; `pointing` asks the
data. Curves depend on what stands in for deleted pixels; compare methods under
the same blank only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.explain.blank import blank
from workbench.explain.maps import Stop
from workbench.explain.prepare import answer_tokens, images_of
from workbench.explain.result import Explanation
from workbench.explain.scoring import Scorer
from workbench.explain.targets import Target

if TYPE_CHECKING:
    from PIL import Image

    from workbench.models.base import LoadedModel
    from workbench.sample import Message


@dataclass(frozen=True)
class FaithfulnessCurves:
    """The token's probability as pixels go, or come.

    Attributes:
        fractions: Share of all pixels deleted or inserted, hottest first, 0 to 1.
        deletion: Probability after deleting that share; a true map makes it fall early.
        insertion: Probability after inserting that share into blank images; rises early.
        deletion_auc: Area under it; lower is better.
        insertion_auc: Area under it; higher is better.
    """

    fractions: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    deletion_auc: float
    insertion_auc: float


def curves(
    loaded: LoadedModel,
    messages: Sequence[Message],
    explanation: Explanation,
    *,
    answer_ids: Sequence[int] | None = None,
    steps: int = 16,
    fill: str = "border",
    batch_size: int = 32,
    cancelled: Stop = None,
) -> FaithfulnessCurves:
    """Delete and insert the hottest pixels of a map, over all images of the prompt together.

    Args:
        loaded: The model that the map is of.
        messages: The prompt that it is of.
        explanation: The map; its answer and token say what is scored.
        answer_ids: The answer's tokens as generated.
        steps: Equal shares in which pixels go.
        fill: The kind of blank that stands where a pixel is not.
        batch_size: Pictures in one forward.
        cancelled: Asked between forwards.
    """
    ids = answer_tokens(loaded, explanation.answer, answer_ids)
    pictures = [ref.load() for ref in images_of(messages)]
    blanks = [blank(p, fill) for p in pictures]
    score = Scorer(
        loaded,
        messages,
        ids[: explanation.token],
        Target("logprob", ids[explanation.token]),
        batch_size=batch_size,
        cancelled=cancelled,
    )
    ranks = rank(explanation)
    fractions = np.linspace(0, 1, steps + 1)

    def variants(first: list[Image.Image], then: list[Image.Image]) -> Iterator[list[Image.Image]]:
        for fraction in fractions:
            yield [_mix(a, b, r < fraction) for a, b, r in zip(first, then, ranks, strict=True)]

    deletion = np.exp(score(variants(pictures, blanks)))
    insertion = np.exp(score(variants(blanks, pictures)))
    return FaithfulnessCurves(
        tuple(fractions.tolist()),
        tuple(deletion.tolist()),
        tuple(insertion.tolist()),
        float(np.trapezoid(deletion, fractions)),
        float(np.trapezoid(insertion, fractions)),
    )


def rank(explanation: Explanation) -> list[np.ndarray]:
    """Per image (height, width): the share of all pixels of the prompt that are hotter, 0 to <1."""
    flat = [image.upsampled().reshape(-1) for image in explanation.images]
    joint = np.concatenate(flat)
    order = np.argsort(-joint, kind="stable")
    ranks = np.empty(len(joint))
    ranks[order] = np.arange(len(joint)) / len(joint)
    parts = np.split(ranks, np.cumsum([len(f) for f in flat])[:-1])
    return [
        part.reshape(image.size[1], image.size[0])
        for part, image in zip(parts, explanation.images, strict=True)
    ]


def _mix(below: Image.Image, above: Image.Image, where: np.ndarray) -> Image.Image:
    from PIL import Image

    return Image.composite(above, below, Image.fromarray(where.astype(np.uint8) * 255))
