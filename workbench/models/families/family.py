"""What one kind of model promises: the protocol of a family, one small file each.

Guarantee: torch is named for annotations only. The families are listed in `families`; what most of
them share is in `decoder`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from workbench.models.spec import ModelSpec
from workbench.sample import Conversation

if TYPE_CHECKING:
    import torch
    from torch import nn

    from workbench.models.base import LoadedModel
    from workbench.models.batch import Batch, ImageSpan
    from workbench.models.pieces import Pieces
    from workbench.models.prompt import Prompt


class Family(Protocol):
    """What one kind of model needs to be prompted and explained; one small file each.

    Attributes:
        name: What to call it.
        model_types: The `model_type`s of `config.json` that it serves.
        limits: What it cannot do -> why; the keys are `gradcam`, `logprobs`, `adapter`, ...
        causal: Whether a token sees what stands before it and nothing else, so that the beginning
            of a prompt can be read once for many; `None` where nobody knows.
    """

    name: str
    model_types: tuple[str, ...]
    limits: dict[str, str]
    causal: bool | None

    def load(self, spec: ModelSpec, path: Path, device: torch.device) -> tuple[nn.Module, Any]:
        """The model in evaluation mode and its processor, from a checked folder."""
        ...

    def encode(
        self,
        loaded: LoadedModel,
        conversations: Sequence[Conversation],
        *,
        answers: Sequence[str] | None = None,
        end_of_turn: bool = False,
    ) -> Batch:
        """Conversations, ready for `model.forward`, on the model's device, left-padded.

        Args:
            loaded: The model that will read them.
            conversations: Each ends before the assistant's turn, which is opened.
            answers: What the assistant says in each, appended token by token to the prompt.
            end_of_turn: Close the answers with the end-of-turn token (training wants it).

        Raises:
            PromptTooLong: A row is longer than the context.
            ImageError: An image cannot be read.
        """
        ...

    def prompt(self, loaded: LoadedModel, conversation: Conversation) -> str:
        """The text of a prompt, an image token for each picture. Raises `ModelError`."""
        ...

    def encode_prompts(
        self,
        loaded: LoadedModel,
        prompts: Sequence[Prompt],
        *,
        answers: Sequence[str] | None = None,
        end_of_turn: bool = False,
    ) -> Batch:
        """As `encode`, of prompts whose text is made, or of what follows on their beginning."""
        ...

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """Modules that a heatmap can be taken at, in the order of the computation.

        Names begin with their kind: `patch.` (one row per patch), `merged.` (one row per image
        token, vision side) or `token.` (B, L, hidden; the language model's).
        """
        ...

    def image_tokens(self, batch: Batch, row: int) -> list[tuple[tuple[int, ...], tuple[int, int]]]:
        """For each image of a row the columns of its tokens and their grid (h, w)."""
        ...

    def pieces(
        self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sequence[Sequence[Any]]
    ) -> Pieces:
        """What the vision tower is given of each image: the pictures behind `pixel_values`.

        Args:
            loaded: The model, or its skeleton.
            inputs: Of one batch, as `encode` or a collator made them.
            sizes: For each row the (width, height) of its images.

        Returns:
            For each row, for each image its pieces: the image itself, or its tiles joined and
            then the whole of it; no piece where the layout of the pixels is not known.
        """
        ...

    def to_grid(self, values: torch.Tensor, span: ImageSpan, kind: str) -> torch.Tensor:
        """Lay one image's rows (n, ...) of a layer of `kind` out as (h, w, ...)."""
        ...

    def row_order(
        self, loaded: LoadedModel, inputs: Mapping[str, Any], layer: str
    ) -> torch.Tensor | None:
        """Where each row of an image stands among those that a layer's module gives.

        Args:
            loaded: The model.
            inputs: Of the batch that ran.
            layer: A name out of `layers`.

        Returns:
            (n,) indices: `rows[order]` stands as `to_grid` takes it; `None` where it already does.
        """
        ...

    def step_inputs(self, loaded: LoadedModel, positions: torch.Tensor) -> dict[str, Any]:
        """What a later forward needs beside ids, mask and cache.

        Args:
            loaded: The model.
            positions: (B, T) the positions of the T new tokens of each row.
        """
        ...
