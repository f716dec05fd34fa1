"""The two-stage model: a ResNet aligned to a frozen text encoder, read by a language model.

Stage 1 of its training aligns: `ImageEncoder` maps every place of the ResNet's last feature map
into the space of the language model's own text features, and SigLIP's pair-wise loss pulls an
image's mean place to its text. Stage 2 reads: `ImageProjector` turns those places into tokens of
the language model, which answers. What each stage learns lies in its own module; everything is
saved and loaded as one folder. Not for training: this holds the parts, their state and what each
stage computes.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    GenerationMixin,
    PhiForCausalLM,
    PreTrainedModel,
    ResNetModel,
)
from transformers.modeling_outputs import BaseModelOutputWithPooling

from workbench.models.two_stage.config import MODEL_TYPE, TwoStageConfig
from workbench.models.two_stage.text_features import mean_states, unit

# What SigLIP begins with (Zhai et al. 2023, section 3): most pairs of a batch are negative.
_SCALE, _BIAS = math.log(10.0), -10.0


class ImageEncoder(nn.Module):
    """A ResNet with its projection into the space of texts: all that stage 1 learns.

    Attributes:
        resnet: The real class; its last feature map is read.
        align: From its channels to the shared space, place by place. It is linear, so that the
            mean of the projected places is the projection of the mean: one image embedding.
        logit_scale: Log of SigLIP's temperature.
        logit_bias: SigLIP's bias.
        norms_learn: Let `train()` reach the batch norms. Off unless stage 1 switches it on: in
            training mode an image's features depend on its batch, and running statistics change
            under a base that is thought to be frozen.
    """

    def __init__(self, config: Any, resnet: ResNetModel | None = None) -> None:
        """By `vision_config` and `shared_size` of a config; the ResNet is used where given."""
        super().__init__()
        self.resnet = resnet or ResNetModel(config.vision_config)
        channels = cast(Any, config.vision_config.hidden_sizes)[-1]
        self.align = nn.Linear(channels, config.shared_size)
        self.logit_scale = nn.Parameter(torch.tensor(_SCALE))
        self.logit_bias = nn.Parameter(torch.tensor(_BIAS))
        self.norms_learn = False

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(N, 3, S, S) pixels to (N, places, shared), places in reading order."""
        features = self.resnet(pixel_values.to(self.align.weight.dtype)).last_hidden_state
        return self.align(features.flatten(2).transpose(1, 2))  # (N, C, h, w) -> (N, hw, shared)

    def embed(self, pixel_values: Tensor) -> Tensor:
        """(N, shared) unit vectors, one for each image; float32 at least."""
        return unit(self(pixel_values).mean(1))

    def pair_logits(self, images: Tensor, texts: Tensor) -> Tensor:
        """SigLIP's logits that image i and text j belong together.

        Args:
            images: (N, shared) of `embed`.
            texts: (M, shared) of `TwoStageModel.embed_texts`.

        Returns:
            (N, M): cosine times exp(`logit_scale`) plus `logit_bias`; the loss of stage 1 is in
            `training.contrastive.loss`.
        """
        return images @ texts.to(images).T * self.logit_scale.exp() + self.logit_bias

    def train(self, mode: bool = True) -> ImageEncoder:
        """Training mode, but for the batch norms; see `norms_learn`."""
        super().train(mode)
        if not self.norms_learn:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


class ImageProjector(nn.Module):
    """From the shared space to the language model's tokens, by two layers: stage 2 learns it."""

    def __init__(self, config: TwoStageConfig) -> None:
        super().__init__()
        width = config.text_config.hidden_size
        self.pooled = config.pooled_tokens if config.image_tokens == "pooled" else 0
        self.norm = nn.LayerNorm(config.shared_size)
        self.expand = nn.Linear(config.shared_size, width)
        self.act = nn.GELU()
        self.contract = nn.Linear(width, width * (self.pooled or 1))

    def forward(self, places: Tensor) -> Tensor:
        """(N, places, shared) to (N, tokens, hidden)."""
        if self.pooled:
            places = places.mean(1, keepdim=True)
        tokens = self.contract(self.act(self.expand(self.norm(places))))
        return tokens.unflatten(-1, (self.pooled, -1)).squeeze(1) if self.pooled else tokens


class TwoStageModel(PreTrainedModel, GenerationMixin):
    """See the module.

    The language model stands first among the children, so that the model's dtype is its own.
    Quantisation leaves the encoder and the projector whole, and fp16 keeps them in fp32.
    """

    config_class = TwoStageConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    input_modalities = ["image", "text"]
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _no_split_modules = ["PhiDecoderLayer", "ImageEncoder", "ImageProjector"]
    _skip_keys_device_placement = ["past_key_values"]
    _keep_in_fp32_modules = ["image_encoder", "image_projector"]

    def __init__(
        self,
        config: TwoStageConfig,
        resnet: ResNetModel | None = None,
        language_model: PhiForCausalLM | None = None,
    ) -> None:
        """The parts that are given are used as they are; the others are made by the config."""
        super().__init__(config)
        # A ResNet attends to nothing, and refuses every kernel but this for it.
        config.vision_config._attn_implementation = "eager"
        self.language_model = language_model or PhiForCausalLM(config.text_config)
        self.image_encoder = ImageEncoder(config, resnet)
        self.image_projector = ImageProjector(config)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, ImageEncoder):
            nn.init.constant_(module.logit_scale, _SCALE)
            nn.init.constant_(module.logit_bias, _BIAS)

    def get_input_embeddings(self) -> Any:
        """The language model's."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Into the language model."""
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> Any:
        """The language model's."""
        return self.language_model.get_output_embeddings()

    def get_image_features(self, pixel_values: Tensor, **_: Any) -> BaseModelOutputWithPooling:
        """Places in the shared space, and in `pooler_output` a list of (tokens, hidden)."""
        places = self.image_encoder(pixel_values)
        tokens = self.image_projector(places)
        return BaseModelOutputWithPooling(
            last_hidden_state=places, pooler_output=cast(Any, list(tokens))
        )

    def embed_texts(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Frozen text features (M, hidden): `text_features.mean_states` of the language model.

        What images are compared with in stage 1 where `shared_size` is the language model's width;
        else stage 1 has a projection of its own for them (`aligned_model`).
        """
        return mean_states(self.language_model.model, input_ids, attention_mask)

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        mm_encoder_outputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Logits (B, T, V) of the language model, which reads images where their tokens stand.

        Args:
            input_ids: (B, T), with `image_token_id` for each token of an image.
            pixel_values: (N, 3, S, S), all images of all rows in reading order.
            attention_mask: (B, L) of the cache's columns and the new ones.
            position_ids: (B, T).
            past_key_values: The cache.
            inputs_embeds: (B, T, hidden) in the place of ids; images are in them already.
            labels: (B, T), -100 where no loss is taken.
            use_cache: Return a cache.
            logits_to_keep: Of the last so many positions alone; 0 is all.
            mm_encoder_outputs: `image`: of `get_image_features`, in the place of pixels.
            kwargs: For the language model.

        Raises:
            ValueError: The prompt has another number of image tokens than its images give.
        """
        seen = (mm_encoder_outputs or {}).get("image")
        if seen is None and pixel_values is not None:
            seen = self.get_image_features(pixel_values)
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        if seen is not None:
            inputs_embeds = self._with_images(
                input_ids, inputs_embeds, cast(Any, seen.pooler_output)
            )
        return self.language_model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            labels=labels,
            use_cache=use_cache,
            logits_to_keep=logits_to_keep,
            **kwargs,
        )

    def _with_images(
        self, input_ids: Tensor | None, embeddings: Any, images: list[Tensor]
    ) -> Tensor:
        if input_ids is None:
            raise ValueError("images want the prompt's ids, which say where they stand")
        tokens = torch.cat(list(images)).to(embeddings.device, embeddings.dtype)  # (n, hidden)
        holds = (input_ids == self.config.image_token_id).unsqueeze(-1)
        if int(holds.sum()) != len(tokens):
            raise ValueError(f"{int(holds.sum())} image tokens in the prompt, {len(tokens)} given")
        return embeddings.masked_scatter(holds.to(embeddings.device), tokens)


AutoConfig.register(MODEL_TYPE, TwoStageConfig, exist_ok=True)
AutoModelForImageTextToText.register(TwoStageConfig, TwoStageModel, exist_ok=True)
