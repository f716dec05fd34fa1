"""What stage 1 trains: an image encoder in one space with the features of a frozen text encoder.

The folder of a contrastive training: `config.json`, `model.safetensors`, and the image processor.
It holds no language model: texts come as features (`text_features.mean_states`) of the one that
`text_encoder` names, and `wb models compose --vision FOLDER` makes a two-stage model of it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel, ResNetConfig
from transformers import ResNetModel as ResNet

from workbench.models.two_stage.model import ImageEncoder
from workbench.models.two_stage.text_features import unit

ALIGNED = "wb_aligned"


class AlignedConfig(PreTrainedConfig):
    """What the folder's `config.json` says.

    Attributes:
        vision_config: Of the ResNet.
        shared_size: Width of the space that images and texts share.
        text_size: Width of the text encoder's features.
        image_size: Side in pixels of the square that the ResNet sees.
        image_fit: How an image becomes that square; see `two_stage_processor`.
        text_encoder: Whose features these are: a hub id, or a folder's last name.
        text_identity: Hash of that encoder.
        loss: What it was aligned by.
    """

    model_type = ALIGNED
    sub_configs: ClassVar[Any] = {"vision_config": ResNetConfig}

    def __init__(
        self,
        vision_config: ResNetConfig | dict[str, Any] | None = None,
        shared_size: int = 512,
        text_size: int = 2560,
        image_size: int = 224,
        image_fit: str = "stretch",
        text_encoder: str = "",
        text_identity: str = "",
        loss: str = "sigmoid",
        **kwargs: Any,
    ) -> None:
        given = vision_config or {}
        self.vision_config = ResNetConfig(**given) if isinstance(given, dict) else given
        self.shared_size, self.text_size = shared_size, text_size
        self.image_size, self.image_fit = image_size, image_fit
        self.text_encoder, self.text_identity, self.loss = text_encoder, text_identity, loss
        super().__init__(**kwargs)


class AlignedModel(PreTrainedModel):
    """The image encoder and the projection of text features.

    Attributes:
        image_encoder: As a two-stage model has it: the ResNet, `align`, temperature and bias.
        text_projection: From the text encoder's features to the shared space.
    """

    config_class = AlignedConfig
    base_model_prefix = ""
    main_input_name = "pixel_values"

    def __init__(self, config: AlignedConfig, resnet: ResNet | None = None) -> None:
        """The ResNet that is given is used as it is; else one is made by the config."""
        super().__init__(config)
        config.vision_config._attn_implementation = "eager"
        self.image_encoder = ImageEncoder(config, resnet)
        self.text_projection = nn.Linear(config.text_size, config.shared_size)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """The parts draw their own, as torch does; what comes from a file is kept."""

    def begin(self, temperature: float, bias: float) -> None:
        """Set what pairs are scaled by and shifted by before the first step."""
        with torch.no_grad():
            self.image_encoder.logit_scale.fill_(math.log(temperature))
            self.image_encoder.logit_bias.fill_(bias)

    def embed_images(self, pixel_values: Tensor) -> Tensor:
        """(N, 3, S, S) to (N, shared) unit vectors, float32 at least."""
        return self.image_encoder.embed(pixel_values)

    def embed_texts(self, features: Tensor) -> Tensor:
        """(M, text) features of the frozen encoder to (M, shared) unit vectors."""
        return unit(self.text_projection(features.to(self.text_projection.weight.dtype)))

    def forward(self, pixel_values: Tensor, text_features: Tensor) -> Tensor:
        """(N, M) logits that image i and text j belong together."""
        return self.image_encoder.pair_logits(
            self.embed_images(pixel_values), self.embed_texts(text_features)
        )


def load_aligned(path: Path) -> tuple[AlignedModel, Any]:
    """The model of a folder in evaluation mode and fp32, and its image processor.

    Raises:
        ModelError: The weights do not fit the config, or a file is missing.
    """
    from transformers import AutoImageProcessor

    from workbench.models.loading import explained, load_weights
    from workbench.models.spec import ModelSpec

    spec = ModelSpec(str(path), dtype="fp32", device="cpu", attention="eager")
    model: Any = load_weights(AlignedModel, spec, path, torch.device("cpu"))
    with explained(path):
        processor = AutoImageProcessor.from_pretrained(
            path, local_files_only=True, trust_remote_code=False
        )
    return model.eval(), processor


AutoConfig.register(ALIGNED, AlignedConfig, exist_ok=True)
AutoModel.register(AlignedConfig, AlignedModel, exist_ok=True)
