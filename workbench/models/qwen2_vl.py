"""Qwen2-VL and Qwen2.5-VL: M-RoPE positions, merged patches, several images of any size.

Positions are worked out here and handed to every forward. The model would otherwise keep those of
its last batch (`rope_deltas`) and use them for the next one, which is wrong as soon as two
requests share a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.models.batch import Batch, ImageSpan, extend_and_pad
from workbench.models.chat import answer_ids, check_length, load_images, render_chat
from workbench.models.families import LIMITS
from workbench.models.loading import explained, load_processor, load_weights
from workbench.models.spec import ModelSpec
from workbench.sample import Conversation

if TYPE_CHECKING:
    from torch import nn

    from workbench.models.base import LoadedModel


class Qwen2VL:
    """The family of `Qwen/Qwen2-VL-*` and `Qwen/Qwen2.5-VL-*`, and of the demo model."""

    name = "Qwen2-VL"
    model_types = ("qwen2_vl", "qwen2_5_vl")
    limits = LIMITS["qwen2_vl"]

    def load(self, spec: ModelSpec, path: Path, device: torch.device) -> tuple[nn.Module, Any]:
        """The model in evaluation mode and its processor."""
        from transformers import AutoModelForImageTextToText

        processor = load_processor(path)
        return load_weights(AutoModelForImageTextToText, spec, path, device), processor

    def encode(
        self,
        loaded: LoadedModel,
        conversations: Sequence[Conversation],
        *,
        answers: Sequence[str] | None = None,
        end_of_turn: bool = False,
    ) -> Batch:
        """See `Family.encode`."""
        texts = [render_chat(loaded, conversation) for conversation in conversations]
        images = [load_images(conversation) for conversation in conversations]
        flat = [image for row in images for image in row]
        with explained(loaded.path):
            inputs = dict(
                loaded.processor(
                    text=texts,
                    images=flat or None,
                    padding=True,
                    return_mm_token_type_ids=True,
                    return_tensors="pt",
                )
            )
        tails = answer_ids(loaded, answers, len(texts), end_of_turn)
        inputs, answer_spans = extend_and_pad(inputs, tails, loaded.pad_id)
        lengths = tuple(int(n) for n in inputs["attention_mask"].sum(1))
        check_length(loaded, max(lengths))
        positions, deltas = loaded.base.model.get_rope_index(
            inputs["input_ids"],
            inputs["mm_token_type_ids"],
            image_grid_thw=inputs.get("image_grid_thw"),
            attention_mask=inputs["attention_mask"],
        )
        inputs["position_ids"] = positions  # (3, B, L): time, height, width
        spans = self._spans(loaded, inputs, [[i.size for i in row] for row in images])
        batch = Batch(
            inputs=inputs,
            next_positions=deltas[:, 0] + torch.tensor(lengths),
            lengths=lengths,
            answer_spans=answer_spans,
            image_spans=spans,
        )
        return batch.to(loaded.device)

    def _spans(
        self, loaded: LoadedModel, inputs: dict[str, Any], sizes: list[list[tuple[int, int]]]
    ) -> tuple[tuple[ImageSpan, ...], ...]:
        """Where each image's tokens and patches lie; tokens follow one another, row by row."""
        vision = loaded.base.config.vision_config
        merge, patch = vision.spatial_merge_size, vision.patch_size
        grids = inputs["image_grid_thw"].tolist() if "image_grid_thw" in inputs else []
        spans, image, patches = [], 0, 0
        for row, row_sizes in enumerate(sizes):
            columns = (inputs["mm_token_type_ids"][row] == 1).nonzero()[:, 0].tolist()
            found, used = [], 0
            for size in row_sizes:
                frames, high, wide = grids[image]
                grid = (high // merge, wide // merge)
                count = frames * grid[0] * grid[1]
                found.append(
                    ImageSpan(
                        indices=tuple(columns[used : used + count]),
                        grid=grid,
                        patches=(patches, patches + frames * high * wide),
                        patch_grid=(high, wide),
                        size=size,
                        resized=(wide * patch, high * patch),
                    )
                )
                used, image, patches = used + count, image + 1, patches + frames * high * wide
            spans.append(tuple(found))
        return tuple(spans)

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """The patch embedding, the vision blocks, the merger, the language model's layers."""
        visual, language = loaded.base.model.visual, loaded.base.model.language_model
        return {
            "patch.embed": visual.patch_embed,
            **{f"patch.block{i}": block for i, block in enumerate(visual.blocks)},
            "merged.merger": visual.merger,
            **{f"token.layer{i}": layer for i, layer in enumerate(language.layers)},
        }

    def image_tokens(self, batch: Batch, row: int) -> list[tuple[tuple[int, ...], tuple[int, int]]]:
        """For each image of a row the columns of its tokens and their grid (h, w)."""
        return [(span.indices, span.grid) for span in batch.image_spans[row]]

    def to_grid(self, values: torch.Tensor, span: ImageSpan, kind: str) -> torch.Tensor:
        """Lay one image's rows out as (h, w, ...).

        Args:
            values: (n, ...): the image's own rows, `span.patches` of a patch layer, the tokens'
                of a merged or token layer.
            span: The image.
            kind: `patch`, `merged` or `token`: what stands before the dot of a layer's name.
        """
        rest = values.shape[1:]
        if kind != "patch":
            return values.reshape(*span.grid, *rest)
        # Patches come window by window, so that those of one token are neighbours: undo that.
        (high, wide), merge = span.grid, span.patch_grid[0] // span.grid[0]
        windows = values.reshape(high, wide, merge, merge, *rest)
        return windows.transpose(1, 2).reshape(*span.patch_grid, *rest)

    def row_order(
        self, loaded: LoadedModel, inputs: Mapping[str, Any], layer: str
    ) -> torch.Tensor | None:
        """See `Family.row_order`: Qwen2.5-VL's vision blocks work in windows of attention."""
        visual = loaded.base.model.visual
        kind = layer.split(".", 1)[0]
        if not hasattr(visual, "window_size") or layer == "patch.embed" or kind == "token":
            return None
        from transformers.vision_utils import get_vision_window_index

        merge = visual.spatial_merge_size
        windows, _ = get_vision_window_index(
            inputs["image_grid_thw"], merge, visual.window_size, visual.patch_size
        )
        order = torch.argsort(windows).cpu()
        if kind == "merged":
            return order
        unit = merge * merge
        return (order[:, None] * unit + torch.arange(unit)).reshape(-1)

    def step_inputs(self, loaded: LoadedModel, positions: torch.Tensor) -> dict[str, Any]:
        """Text positions are the same along the three axes."""
        return {"position_ids": positions.unsqueeze(0).expand(3, -1, -1)}


FAMILY = Qwen2VL()
