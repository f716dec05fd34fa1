"""Any other model that `AutoModelForImageTextToText` knows: prompted, and no more is promised.

What needs to know how patches become tokens (heatmaps) is not supported and says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.errors import ModelError
from workbench.models.batch import Batch, ImageSpan, extend_and_pad
from workbench.models.chat import answer_ids, check_length, load_images, render_chat
from workbench.models.families import LIMITS
from workbench.models.loading import explained, load_processor, load_weights
from workbench.models.spec import ModelSpec
from workbench.sample import Conversation

if TYPE_CHECKING:
    from torch import nn

    from workbench.models.base import LoadedModel

_NO_GEOMETRY = LIMITS["auto"]["gradcam"]


def serves(model_type: str) -> bool:
    """Whether transformers can prompt models of that type with images."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    return model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES


class AutoFamily:
    """Decoder-only vision-language models without a file of their own."""

    name = "auto"
    model_types: tuple[str, ...] = ()
    limits = LIMITS["auto"]

    def load(self, spec: ModelSpec, path: Path, device: torch.device) -> tuple[nn.Module, Any]:
        """The model in evaluation mode and its processor."""
        from transformers import AutoModelForImageTextToText

        processor = load_processor(path)
        model = load_weights(AutoModelForImageTextToText, spec, path, device)
        if getattr(model.config, "is_encoder_decoder", False):
            raise ModelError(
                f"{type(model).__name__} reads its images by cross-attention; that is not "
                "supported yet",
                kind="unsupported",
            )
        return model, processor

    def encode(
        self,
        loaded: LoadedModel,
        conversations: Sequence[Conversation],
        *,
        answers: Sequence[str] | None = None,
        end_of_turn: bool = False,
    ) -> Batch:
        """See `Family.encode`; geometry is left out."""
        texts = [render_chat(loaded, conversation) for conversation in conversations]
        images = [load_images(conversation) for conversation in conversations]
        # A template may have written the first token already; two of them change the logits.
        bos = loaded.tokenizer.bos_token
        twice = bool(bos) and all(text.startswith(bos) for text in texts)
        with explained(loaded.path):
            inputs = dict(
                loaded.processor(
                    text=texts,
                    images=images if any(images) else None,
                    padding=True,
                    add_special_tokens=not twice,
                    return_tensors="pt",
                )
            )
        inputs = {k: v.to(loaded.base.dtype) if _is_pixels(k, v) else v for k, v in inputs.items()}
        tails = answer_ids(loaded, answers, len(texts), end_of_turn)
        inputs, answer_spans = extend_and_pad(inputs, tails, loaded.pad_id)
        lengths = tuple(int(n) for n in inputs["attention_mask"].sum(1))
        check_length(loaded, max(lengths))
        mask = inputs["attention_mask"]
        if _takes_positions(loaded.base):
            inputs["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
        batch = Batch(
            inputs=inputs,
            next_positions=torch.tensor(lengths),
            lengths=lengths,
            answer_spans=answer_spans,
            image_spans=tuple(() for _ in lengths),
        )
        return batch.to(loaded.device)

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """None: no heatmap can be drawn."""
        return {}

    def image_tokens(self, batch: Batch, row: int) -> list[tuple[tuple[int, ...], tuple[int, int]]]:
        """Raises `ModelError`: the grid is not known."""
        raise ModelError(f"no image grid for this model: {_NO_GEOMETRY}", kind="unsupported")

    def to_grid(self, values: torch.Tensor, span: ImageSpan, kind: str) -> torch.Tensor:
        """Raises `ModelError`: the grid is not known."""
        raise ModelError(f"no image grid for this model: {_NO_GEOMETRY}", kind="unsupported")

    def row_order(
        self, loaded: LoadedModel, inputs: Mapping[str, Any], layer: str
    ) -> torch.Tensor | None:
        """None: there are no layers to order."""
        return None

    def step_inputs(self, loaded: LoadedModel, positions: torch.Tensor) -> dict[str, Any]:
        """Plain positions, where the model takes any."""
        return {"position_ids": positions} if _takes_positions(loaded.base) else {}


def _is_pixels(key: str, value: Any) -> bool:
    return key.startswith("pixel_values") and torch.is_floating_point(value)


def _takes_positions(model: Any) -> bool:
    return "position_ids" in inspect.signature(model.forward).parameters


FAMILY = AutoFamily()
