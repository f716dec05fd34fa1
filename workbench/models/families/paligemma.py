"""PaliGemma: one prefix prompt (`explain en ...`), read in both directions, then the answer.

The processor writes `<image>... <bos> prompt \\n`; the model knows no turns, no system message and
no prompt without an image, and says so here rather than answer something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError
from workbench.models.batch import ImageSpan
from workbench.models.chat import escape_special_tokens, special_pattern
from workbench.models.families.decoder import (
    DecoderFamily,
    Sizes,
    Spans,
    image_columns,
    tower_layers,
)
from workbench.models.families.limits import LIMITS
from workbench.sample import Conversation

if TYPE_CHECKING:
    from PIL import Image
    from torch import nn

    from workbench.models.base import LoadedModel


class PaliGemma(DecoderFamily):
    """The family of `google/paligemma-*` and `google/paligemma2-*`."""

    name = "PaliGemma"
    model_types = ("paligemma",)
    limits = LIMITS["paligemma"]
    first_position = 1
    answer_type = 1  # 0 is the prefix, which is read in both directions
    causal = False

    def prompt(self, loaded: LoadedModel, conversation: Conversation) -> str:
        """The images' tokens and the words of the one turn that there can be.

        Raises:
            ModelError: There are several turns, a system message, or no image.
        """
        if len(conversation) != 1:
            roles = ", ".join(message.role for message in conversation)
            raise ModelError(
                f"PaliGemma reads one prompt, not a conversation ({roles})",
                hint="leave out the system message and --shots: " + self.limits["turns"],
                kind="unsupported",
            )
        (message,) = conversation
        if not message.images:
            raise ModelError(
                "PaliGemma reads no prompt without an image",
                hint="ask about a sample, or give an image",
                kind="unsupported",
            )
        text = escape_special_tokens(
            message.text, special_pattern(loaded.tokenizer, loaded.processor)
        )
        return loaded.processor.image_token * len(message.images) + text

    def process(
        self, loaded: LoadedModel, texts: list[str], images: list[list[Image.Image]]
    ) -> dict[str, Any]:
        """The processor writes `<bos>` and the newline itself."""
        inputs = dict(
            loaded.processor(
                text=texts,
                images=[image for row in images for image in row],
                padding=True,
                add_special_tokens=False,
                return_tensors="pt",
            )
        )
        inputs.pop("labels", None)  # of the prompt, which is never learned
        return inputs

    def spans(self, loaded: LoadedModel, inputs: Mapping[str, Any], sizes: Sizes) -> Spans:
        """One square of tokens for each image, which is stretched to the tower's."""
        vision, count = loaded.base.config.vision_config, loaded.processor.image_seq_length
        side = vision.image_size // vision.patch_size
        spans, patches = [], 0
        for row, row_sizes in enumerate(sizes):
            columns, found = image_columns(loaded, inputs, row), []
            for i, size in enumerate(row_sizes):
                found.append(
                    ImageSpan(
                        indices=tuple(columns[i * count : (i + 1) * count]),
                        grid=(side, side),
                        patches=(patches, patches + count),
                        patch_grid=(side, side),
                        size=size,
                        resized=(vision.image_size, vision.image_size),
                    )
                )
                patches += count
            spans.append(tuple(found))
        return tuple(spans)

    def layers(self, loaded: LoadedModel) -> dict[str, nn.Module]:
        """The patch embedding, the vision blocks, the projector, the language model's layers."""
        model = loaded.base.model
        return {
            **tower_layers(model.vision_tower),
            "merged.projector": model.multi_modal_projector,
            **{f"token.layer{i}": layer for i, layer in enumerate(model.language_model.layers)},
        }


FAMILY = PaliGemma()
