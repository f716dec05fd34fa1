"""What a family promises: one kind of model, whose image tokens stand in the prompt of a decoder.

A family names its layout (`spans`, `layers`, `to_grid`); prompts, padding, positions and answers
are the same for all; a family whose tokens stand otherwise says so (`positions`, `process`). The
families are listed in `registry`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.models.batch import Batch, ImageSpan, extend_and_pad
from workbench.models.chat import answer_ids, check_length, render_chat
from workbench.models.coordinates import frames_of
from workbench.models.loading import explained, load_processor, load_weights
from workbench.models.patch_grid import on_image, square
from workbench.models.pieces import Pieces, one_each
from workbench.models.prompt import Prompt, adds_start, drop_start, images_of
from workbench.models.spec import ModelSpec
from workbench.sample import Conversation

if TYPE_CHECKING:
    from PIL import Image
    from torch import nn

    from workbench.models.base import LoadedModel

Spans = tuple[tuple[ImageSpan, ...], ...]
Sizes = Sequence[Sequence[tuple[int, int]]]


class DecoderFamily:
    """What one kind of model needs to be prompted and explained; one small file each.

    Attributes:
        name: What to call it.
        model_types: The `model_type`s of `config.json` that it serves.
        limits: What it cannot do -> why; the keys are `gradcam`, `logprobs`, `adapter`, ...
        causal: Whether a token sees what stands before it and nothing else, so that the beginning
            of a prompt can be read once for many; `None` where nobody knows.
    """

    name = ""
    model_types: tuple[str, ...] = ()
    limits: Mapping[str, str] = {}
    causal: bool | None = True
    first_position = 0  # of a row's first token
    answer_type = 0  # `token_type_ids` of an answer's tokens
    nested_images = False  # a list of images per row, not one for all
    processor_words: Mapping[str, Any] = {}  # what the processor is told beside text and images

    def load(self, spec: ModelSpec, path: Path, device: torch.device) -> tuple[nn.Module, Any]:
        """The model in evaluation mode and its processor, from a checked folder."""
        from transformers import AutoModelForImageTextToText

        processor = self.processor(spec, path)
        return load_weights(AutoModelForImageTextToText, spec, path, device), processor

    def processor(self, spec: ModelSpec, path: Path) -> Any:
        """The processor of a folder, its knobs turned as `spec` says."""
        return load_processor(path)

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
        prompts = [
            Prompt(self.prompt(loaded, conversation), images_of(conversation))
            for conversation in conversations
        ]
        return self.encode_prompts(loaded, prompts, answers=answers, end_of_turn=end_of_turn)

    def encode_prompts(
        self,
        loaded: LoadedModel,
        prompts: Sequence[Prompt],
        *,
        answers: Sequence[str] | None = None,
        end_of_turn: bool = False,
    ) -> Batch:
        """As `encode`, of prompts whose text is made, or of what follows on their beginning."""
        texts = [prompt.text for prompt in prompts]
        images = [[image.load() for image in prompt.images] for prompt in prompts]
        with explained(loaded.path):
            inputs = self.process(loaded, texts, images)
        if adds_start(loaded, texts):
            drop_start(loaded, inputs, [row for row, p in enumerate(prompts) if not p.starts])
        inputs = {k: v.to(loaded.base.dtype) if _is_pixels(k, v) else v for k, v in inputs.items()}
        tails = answer_ids(loaded, answers, len(texts), end_of_turn)
        inputs, answer_spans = extend_and_pad(inputs, tails, loaded.pad_id, self.answer_type)
        lengths = tuple(int(n) for n in inputs["attention_mask"].sum(1))
        check_length(loaded, max(lengths))
        positions, following = self.positions(loaded, inputs)
        if positions is not None:
            inputs["position_ids"] = positions
        sizes = [[image.size for image in row] for row in images]
        spans = self.spans(loaded, inputs, sizes)
        batch = Batch(
            inputs=inputs,
            next_positions=following,
            lengths=lengths,
            answer_spans=answer_spans,
            image_spans=spans,
            answer_type=self.answer_type,
            frames=frames_of(loaded.base.config.model_type, spans, sizes),
        )
        return batch.to(loaded.device)

    def positions(
        self, loaded: LoadedModel, inputs: Mapping[str, Any]
    ) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Where the tokens stand, counted without padding.

        Args:
            loaded: The model.
            inputs: With `attention_mask` (B, L), left-padded.

        Returns:
            `position_ids` as `model.forward` takes them, `None` where it takes none; and (B,) the
            position of the token after each row.
        """
        counted = inputs["attention_mask"].cumsum(1) - 1
        following = counted[:, -1] + 1 + self.first_position
        if not takes_positions(loaded.base):
            return None, following
        return counted.clamp(min=0) + self.first_position, following

    def prompt(self, loaded: LoadedModel, conversation: Conversation) -> str:
        """The text of a prompt, an image token for each picture. Raises `ModelError`."""
        return render_chat(loaded, conversation)

    def process(
        self, loaded: LoadedModel, texts: list[str], images: list[list[Image.Image]]
    ) -> dict[str, Any]:
        """The processor's inputs of several prompts, padded on either side."""
        pictures: Any = images if self.nested_images else [i for row in images for i in row]
        return dict(
            loaded.processor(
                text=texts,
                images=pictures if any(images) else None,
                padding=True,
                add_special_tokens=adds_start(loaded, texts),
                return_tensors="pt",
                **self.processor_words,
            )
        )

    def spans(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Spans:
        """For each row its images, given the (width, height) of each."""
        raise NotImplementedError

    def pieces(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Pieces:
        """What the vision tower is given of each image: the pictures behind `pixel_values`.

        Args:
            loaded: The model, or its skeleton.
            inputs: Of one batch, as `encode` or a collator made them.
            sizes: For each row the (width, height) of its images.

        Returns:
            For each row, for each image its pieces: the image itself (here: one picture for each,
            (n, 3, H, W) in all), or its tiles joined and then the whole of it; no piece where the
            layout of the pixels is not known.
        """
        return one_each(inputs, self.spans(loaded, inputs, sizes))

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """Modules that a heatmap can be taken at, in the order of the computation.

        Names begin with their kind: `patch.` (one row per patch), `merged.` (one row per image
        token, vision side) or `token.` (B, L, hidden; the language model's).
        """
        raise NotImplementedError

    def image_tokens(self, batch: Batch, row: int) -> list[tuple[tuple[int, ...], tuple[int, int]]]:
        """For each image of a row the columns of its tokens and their grid (h, w)."""
        return [(span.indices, span.grid) for span in batch.image_spans[row]]

    def to_grid(self, values: torch.Tensor, span: ImageSpan, kind: str) -> torch.Tensor:
        """Lay one image's rows (n, ...) of a layer of `kind` out as (h, w, ...).

        Here: one square of places in reading order, brought to the image.
        """
        return on_image(square(values), span.box, span.size)

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
        return None

    def step_inputs(self, loaded: LoadedModel, positions: torch.Tensor) -> dict[str, Any]:
        """What a later forward needs beside ids, mask and cache: positions, where it takes any.

        Args:
            loaded: The model.
            positions: (B, T) the positions of the T new tokens of each row.
        """
        return {"position_ids": positions} if takes_positions(loaded.base) else {}


def image_columns(loaded: LoadedModel, inputs: Mapping[str, Any], row: int) -> list[int]:
    """The columns of a row that hold image tokens, answers' text never among them."""
    token = loaded.base.config.image_token_id
    return (inputs["input_ids"][row] == token).nonzero()[:, 0].tolist()


def tower_layers(tower: nn.Module, upto: int | None = None) -> dict[str, nn.Module]:
    """`patch.embed` and `patch.block<i>` of a ViT-like tower.

    Args:
        tower: CLIP's, SigLIP's, ViT's: a convolution that cuts patches, then a list of blocks.
        upto: How many blocks feed the language model; `None` is all.
    """
    from torch import nn

    named = dict(tower.named_modules())
    patches = next(m for m in named.values() if isinstance(m, nn.Conv2d))
    blocks = next(m for m in named.values() if isinstance(m, nn.ModuleList))
    found = dict(enumerate(list(blocks)[:upto]))
    return {"patch.embed": patches, **{f"patch.block{i}": block for i, block in found.items()}}


def has_class_token(tower: nn.Module) -> bool:
    """Whether a tower puts a class token before each tile's patches."""
    endings = ("class_embedding", "cls_token")
    return any(name.endswith(endings) for name, _ in tower.named_parameters())


def takes_positions(model: Any) -> bool:
    """Whether the model's forward can be told positions."""
    return "position_ids" in inspect.signature(model.forward).parameters


def _is_pixels(key: str, value: Any) -> bool:
    return key.startswith("pixel_values") and torch.is_floating_point(value)
