"""What the `config.json` of a two-stage model says, and what follows from it."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from transformers import PhiConfig, PreTrainedConfig, ResNetConfig

MODEL_TYPE = "wb_two_stage"
IMAGE_TOKENS = ("grid", "pooled")


class TwoStageConfig(PreTrainedConfig):
    """What a folder's `config.json` says.

    Attributes:
        vision_config: Of the ResNet.
        text_config: Of the Phi.
        image_tokens: `grid`, a token for each place of the last feature map, which keeps where
            things are; or `pooled`, the image's one embedding spread over `pooled_tokens`.
        pooled_tokens: Tokens of an image where it is pooled.
        image_size: Side in pixels of the square that the ResNet sees.
        shared_size: Width of the space that images and texts share.
        image_token_id: What stands in a prompt for each token of an image.
    """

    model_type = MODEL_TYPE
    sub_configs: ClassVar[Any] = {"vision_config": ResNetConfig, "text_config": PhiConfig}

    def __init__(
        self,
        vision_config: ResNetConfig | dict[str, Any] | None = None,
        text_config: PhiConfig | dict[str, Any] | None = None,
        image_tokens: str = "grid",
        pooled_tokens: int = 8,
        image_size: int = 224,
        shared_size: int | None = None,
        image_token_id: int = 50295,
        **kwargs: Any,
    ) -> None:
        """Raises `ValueError` for image tokens of no known kind, and for none at all."""
        if image_tokens not in IMAGE_TOKENS:
            raise ValueError(f"image_tokens wants grid or pooled, got {image_tokens!r}")
        if pooled_tokens < 1:
            raise ValueError(f"pooled_tokens wants at least 1, got {pooled_tokens!r}")
        given = vision_config or {}
        self.vision_config = ResNetConfig(**given) if isinstance(given, dict) else given
        words = text_config or {}
        self.text_config = PhiConfig(**words) if isinstance(words, dict) else words
        self.image_tokens = image_tokens
        self.pooled_tokens = pooled_tokens
        self.image_size = image_size
        self.shared_size = shared_size or self.text_config.hidden_size
        self.image_token_id = image_token_id
        kwargs["tie_word_embeddings"] = self.text_config.tie_word_embeddings
        super().__init__(**kwargs)

    @property
    def image_seq_length(self) -> int:
        """Tokens of an image."""
        if self.image_tokens == "pooled":
            return self.pooled_tokens
        return stage_sides(self.vision_config, self.image_size)[-1] ** 2


def stage_sides(vision: ResNetConfig, size: int) -> list[int]:
    """Sides of the feature maps after the stem and after each stage, for a square of `size`.

    Every convolution of stride 2 pads so that it halves, rounding up; the stem halves twice.
    """
    sides = [math.ceil(math.ceil(size / 2) / 2)]
    for stage in range(len(vision.depths or ())):
        halves = stage > 0 or vision.downsample_in_first_stage
        sides.append(math.ceil(sides[-1] / 2) if halves else sides[-1])
    return sides
