"""What a family hands to a model: `Batch`, left-padded, with the place of every image and answer.

Guarantee: padding stands on the left only, so the last column of every row is its last real token,
and `next_positions` says where the next one goes. Not for keeping: a batch lives for one forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from workbench.sample import CoordinateFrame

# Inputs of shape (rows, columns) that are padded together, with the value that pads them.
_ROW_KEYS = {"attention_mask": 0, "token_type_ids": 0, "mm_token_type_ids": 0}
IGNORED = -100


@dataclass(frozen=True)
class ImageSpan:
    """One image in one row of a batch.

    Attributes:
        indices: Columns of `input_ids` that hold its tokens, in reading order (rows of the grid).
        grid: (h, w) of those tokens; h * w == len(indices).
        patches: [start, stop) of its patches among the vision tower's, over the whole batch.
        patch_grid: (h, w) of the patches before they are merged into tokens.
        size: (width, height) in pixels of the image that was given.
        resized: (width, height) in pixels of what the vision tower saw; patches tile it exactly.
        overview: Columns of the tokens that show the whole image once more, coarsely, in reading
            order; families that cut an image into tiles have one.
        tiles: (rows, columns) of the tiles that the image was cut into.
        merged: Rows of the image at a `merged.` layer; `None` is one for each token.
        box: (x0, y0, x1, y1) in pixels of the given image that `grid` covers: smaller than the
            image where the processor crops, larger where it pads; `None` is the image itself.
        stages: Places of the image at the layers of a tower whose grid shrinks on the way, by
            the layer's name; the others hold as many as their kind says.
    """

    indices: tuple[int, ...]
    grid: tuple[int, int]
    patches: tuple[int, int]
    patch_grid: tuple[int, int]
    size: tuple[int, int]
    resized: tuple[int, int]
    overview: tuple[int, ...] = ()
    tiles: tuple[int, int] = (1, 1)
    merged: int | None = None
    box: tuple[float, float, float, float] | None = None
    stages: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def columns(self) -> tuple[int, ...]:
        """Every column that shows a part of the image: the grid's, then the overview's."""
        return self.indices + self.overview

    def places(self, layer: str) -> int:
        """Rows of the image at a layer (or a kind), as `DecoderFamily.to_grid` takes them."""
        if layer in self.stages:
            return self.stages[layer]
        kind = layer.split(".", 1)[0]
        if kind == "patch":
            return self.patches[1] - self.patches[0]
        if kind == "merged" and self.merged is not None:
            return self.merged
        return len(self.columns)


@dataclass(frozen=True)
class Batch:
    """Model inputs of B conversations, L columns wide.

    Attributes:
        inputs: The keyword arguments of `model.forward`: `input_ids` (B, L), `attention_mask`
            (B, L), `pixel_values`, `position_ids`, ... whatever the family needs.
        next_positions: (B,) the position of the first token after each row.
        lengths: Real tokens of each row, image tokens included.
        answer_spans: [start, stop) columns of each row's answer; empty at L without answers.
        image_spans: For each row its images in order.
        answer_type: `token_type_ids` of an answer's tokens, where the model takes any.
        frames: For each row what coordinates in its answer are of, image by image; empty where
            the family says no places.
    """

    inputs: dict[str, Any]
    next_positions: torch.Tensor
    lengths: tuple[int, ...]
    answer_spans: tuple[tuple[int, int], ...]
    image_spans: tuple[tuple[ImageSpan, ...], ...] = field(default=())
    answer_type: int = 0
    frames: tuple[tuple[CoordinateFrame, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def input_ids(self) -> torch.Tensor:
        """Token ids, (B, L)."""
        return self.inputs["input_ids"]

    @property
    def attention_mask(self) -> torch.Tensor:
        """1 where a token is real, (B, L)."""
        return self.inputs["attention_mask"]

    @property
    def pixel_values(self) -> torch.Tensor | None:
        """The images as the vision tower takes them, `None` where there are none."""
        return self.inputs.get("pixel_values")

    def labels(self) -> torch.Tensor:
        """(B, L) the answers' token ids, -100 elsewhere: what a language-model loss is taken of."""
        labels = torch.full_like(self.input_ids, IGNORED)
        for row, (start, stop) in enumerate(self.answer_spans):
            labels[row, start:stop] = self.input_ids[row, start:stop]
        return labels

    def to(self, device: torch.device | str) -> Batch:
        """The same batch with its tensors on `device`."""
        inputs = {k: v.to(device) if hasattr(v, "to") else v for k, v in self.inputs.items()}
        return replace(self, inputs=inputs, next_positions=self.next_positions.to(device))


def extend_and_pad(
    inputs: dict[str, Any], answers: Sequence[Sequence[int]], pad_id: int, answer_type: int = 0
) -> tuple[dict[str, Any], tuple[tuple[int, int], ...]]:
    """Append an answer's ids to each row and pad all rows on the left.

    Args:
        inputs: As a processor returns them; rows padded on either side by `attention_mask`.
        answers: For each row the ids to append, may be empty.
        pad_id: What stands in `input_ids` where no token is.
        answer_type: `token_type_ids` of the answers.

    Returns:
        The inputs with every (B, L) entry padded anew, and each row's answer span.
    """
    mask = inputs["attention_mask"].bool()
    lengths = [int(mask[row].sum()) + len(answer) for row, answer in enumerate(answers)]
    width = max(lengths)
    out = dict(inputs)
    for key, pad in {"input_ids": pad_id, **_ROW_KEYS}.items():
        if key not in inputs:
            continue
        old = inputs[key]
        new = old.new_full((len(answers), width), pad)
        for row, answer in enumerate(answers):
            ones = {"attention_mask": 1, "token_type_ids": answer_type}.get(key, 0)
            tail = list(answer) if key == "input_ids" else [ones] * len(answer)
            values = torch.cat([old[row][mask[row]], old.new_tensor(tail)])
            new[row, width - lengths[row] :] = values
        out[key] = new
    return out, tuple((width - len(answer), width) for answer in answers)
