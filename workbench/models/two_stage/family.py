"""Our own family: a ResNet aligned to a text encoder, whose places Phi reads as tokens.

Convolutions keep places, so that a map can be drawn at every stage of the ResNet, each with its
own grid. A model whose images are pooled to one embedding has no places after that: its maps are
drawn at the stages alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.errors import ModelError
from workbench.models.batch import ImageSpan
from workbench.models.families.decoder import DecoderFamily, Sizes, Spans, image_columns
from workbench.models.families.limits import LIMITS
from workbench.models.pieces import Pieces
from workbench.models.spec import ModelSpec
from workbench.models.two_stage.config import MODEL_TYPE, stage_sides
from workbench.models.two_stage.processor import seen_part

if TYPE_CHECKING:
    from torch import nn

    from workbench.models.base import LoadedModel


class TwoStage(DecoderFamily):
    """The family of what `wb models compose` writes."""

    name = "two-stage"
    model_types = (MODEL_TYPE,)
    limits = LIMITS["two_stage"]
    answer_prefix = " "  # `Output:` is followed by a word, which has its space in its token

    def load(self, spec: ModelSpec, path: Path, device: torch.device) -> tuple[nn.Module, Any]:
        """The model in evaluation mode and its processor.

        Raises:
            ModelError: They do not agree on the tokens of an image.
        """
        import workbench.models.two_stage.model  # noqa: F401  (makes the classes known)

        model, processor = super().load(spec, path, device)
        config: Any = model.config
        said = (processor.image_seq_length, processor.image_token_id)
        if said != (config.image_seq_length, config.image_token_id):
            raise ModelError(
                f"the processor in {path} writes {said[0]} tokens of id {said[1]} for an image, "
                f"its model reads {config.image_seq_length} of id {config.image_token_id}",
                hint="config.json and processor_config.json are of two models: compose it again",
                kind="wrong_architecture",
            )
        return model, processor

    def spans(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Spans:
        """One square of tokens for each image; pooled ones stand in a row."""
        config, processor = loaded.base.config, loaded.processor.image_processor
        count, size = config.image_seq_length, config.image_size
        sides = stage_sides(config.vision_config, size)
        last, pooled = sides[-1], config.image_tokens == "pooled"
        stages = {name: side * side for name, side in zip(_names(sides), sides, strict=True)}
        spans, patches = [], 0
        for row, row_sizes in enumerate(sizes):
            columns, found = image_columns(loaded, inputs, row), []
            for i, given in enumerate(row_sizes):
                box = seen_part(processor, given)
                found.append(
                    ImageSpan(
                        indices=tuple(columns[i * count : (i + 1) * count]),
                        grid=(1, count) if pooled else (last, last),
                        patches=(patches, patches + last * last),
                        patch_grid=(last, last),
                        size=given,
                        resized=(size, size),
                        # Said even where it is the image itself: no map is pooled to a row.
                        box=box or ((0.0, 0.0, given[0], given[1]) if pooled else None),
                        stages=stages,
                    )
                )
                patches += last * last
            spans.append(tuple(found))
        return tuple(spans)

    def pieces(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Pieces:
        """A square for each image; pooled tokens have no place in it."""
        found = super().pieces(loaded, inputs, sizes)
        if loaded.base.config.image_tokens != "pooled":
            return found
        return tuple(
            tuple(tuple(replace(piece, grid=(0, 0)) for piece in image) for image in row)
            for row in found
        )

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """The stem, the stages, and where places are kept the projector and Phi's layers."""
        model = loaded.base
        resnet = model.image_encoder.resnet
        modules = [resnet.embedder, *resnet.encoder.stages]
        found = dict(zip(_names(modules), modules, strict=True))
        if model.config.image_tokens == "pooled":
            return found
        layers = model.language_model.model.layers
        return {
            **found,
            "merged.projector": model.image_projector,
            **{f"token.layer{i}": layer for i, layer in enumerate(layers)},
        }


def _names(maps: Any) -> list[str]:
    return ["patch.embed", *(f"patch.stage{i}" for i in range(1, len(maps)))]


FAMILY = TwoStage()
