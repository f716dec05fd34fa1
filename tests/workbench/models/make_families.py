"""A small random model of each family's real classes, saved as a folder with its real processor.

Hidden size 64, two layers, images of 32 pixels in patches of 8: a folder is built in a tenth of a
second and says nothing sensible, but with spread-out logits, so that agreement means something.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.workbench.models.make_parts import CHAT, ONE_IMAGE, PATCH, SIDE, VISION, save, text
from tests.workbench.models.make_two_stage import two_stage
from tests.workbench.models.tiny import TEMPLATE, build_qwen2_vl, tokenizer

# How LLaVA's processors cut pictures, and what they are told of the tower.
_CUT: dict[str, Any] = {
    "size": {"shortest_edge": SIDE},
    "crop_size": {"height": SIDE, "width": SIDE},
}
_LLAVA: dict[str, Any] = {
    "patch_size": PATCH,
    "vision_feature_select_strategy": "default",
    "num_additional_image_tokens": 1,
    "chat_template": ONE_IMAGE,
}


def llava(folder: Path, seed: int = 0) -> Path:
    """LLaVA-1.5: CLIP, whose processor cuts out the middle, and Llama."""
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    words = tokenizer(CHAT)
    processor = LlavaProcessor(CLIPImageProcessor(**_CUT), words, **_LLAVA)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**VISION),
        text_config=LlamaConfig(**text(words)),
        image_token_index=3,
    )
    return save(folder, LlavaForConditionalGeneration(config), processor, seed=seed)


def vip_llava(folder: Path, seed: int = 0) -> Path:
    """VipLLaVA: served by no file of ours."""
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaProcessor,
        VipLlavaConfig,
        VipLlavaForConditionalGeneration,
    )

    words = tokenizer(CHAT)
    processor = LlavaProcessor(CLIPImageProcessor(**_CUT), words, **_LLAVA)
    config = VipLlavaConfig(
        vision_config=CLIPVisionConfig(**VISION),
        text_config=LlamaConfig(**text(words)),
        image_token_index=3,
        vision_feature_layers=[-1, -2],
    )
    return save(folder, VipLlavaForConditionalGeneration(config), processor, seed=seed)


def llava_next(folder: Path, seed: int = 0) -> Path:
    """LLaVA-NeXT: CLIP at three resolutions of tiles, and Mistral."""
    from transformers import (
        CLIPVisionConfig,
        LlavaNextConfig,
        LlavaNextForConditionalGeneration,
        LlavaNextImageProcessor,
        LlavaNextProcessor,
        MistralConfig,
    )

    words = tokenizer(CHAT)
    pinpoints = [[32, 64], [64, 32], [64, 64], [96, 32], [32, 96]]
    processor = LlavaNextProcessor(
        LlavaNextImageProcessor(**_CUT, image_grid_pinpoints=pinpoints), words, **_LLAVA
    )
    config = LlavaNextConfig(
        vision_config=CLIPVisionConfig(**VISION),
        text_config=MistralConfig(**text(words, sliding_window=None)),
        image_token_index=3,
        image_grid_pinpoints=pinpoints,
    )
    return save(folder, LlavaNextForConditionalGeneration(config), processor, seed=seed)


def paligemma(folder: Path, seed: int = 0, second: bool = False) -> Path:
    """PaliGemma: SigLIP and Gemma (2, whose layers take turns with a window), a prefix prompt."""
    from transformers import (
        Gemma2Config,
        GemmaConfig,
        PaliGemmaConfig,
        PaliGemmaForConditionalGeneration,
        PaliGemmaProcessor,
        SiglipImageProcessor,
        SiglipVisionConfig,
    )

    words = tokenizer(["<|endoftext|>", "<bos>", "<eos>", "<image>"], end="<eos>")
    words.bos_token = "<bos>"
    image_processor = SiglipImageProcessor(size={"height": SIDE, "width": SIDE})
    image_processor.image_seq_length = (SIDE // PATCH) ** 2
    processor = PaliGemmaProcessor(image_processor=image_processor, tokenizer=words)
    gemma = Gemma2Config(**text(words, bos_token_id=1, sliding_window=16))
    if not second:
        gemma = GemmaConfig(**text(words, bos_token_id=1))
    config = PaliGemmaConfig(
        vision_config=SiglipVisionConfig(**VISION, vision_use_head=False).to_dict(),
        text_config=gemma.to_dict(),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        projection_dim=64,
        hidden_size=64,
    )
    return save(folder, PaliGemmaForConditionalGeneration(config), processor, seed=seed)


def _idefics_parts(words: Any) -> dict[str, Any]:
    from transformers import Idefics3VisionConfig, LlamaConfig

    return {
        "vision_config": Idefics3VisionConfig(**VISION).to_dict(),
        "text_config": LlamaConfig(**text(words)).to_dict(),
        "scale_factor": 2,
        "image_token_id": words.convert_tokens_to_ids("<image>"),
        "pad_token_id": 0,
    }


def _idefics_words() -> Any:
    tiles = [f"<row_{r}_col_{c}>" for r in (1, 2) for c in (1, 2)]
    special = ["<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
    return tokenizer([*CHAT[:3], *special, *tiles])


SIZES: dict[str, Any] = {
    "size": {"longest_edge": 2 * SIDE},
    "max_image_size": {"longest_edge": SIDE},
}


def idefics3(folder: Path, seed: int = 0) -> Path:
    """Idefics3: up to two by two tiles and the whole image, four tokens each."""
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessor,
        Idefics3Processor,
    )

    words = _idefics_words()
    processor = Idefics3Processor(
        image_processor=Idefics3ImageProcessor(**SIZES),
        tokenizer=words,
        image_seq_len=4,
        chat_template=ONE_IMAGE,
    )
    config = Idefics3Config(**_idefics_parts(words))
    return save(folder, Idefics3ForConditionalGeneration(config), processor, seed=seed)


def smolvlm(folder: Path, seed: int = 0) -> Path:
    """SmolVLM2: as Idefics3, with a processor of its own."""
    from transformers import (
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )

    words = _idefics_words()
    processor = SmolVLMProcessor(
        image_processor=SmolVLMImageProcessor(**SIZES),
        tokenizer=words,
        video_processor=SmolVLMVideoProcessor(**SIZES),
        image_seq_len=4,
        chat_template=ONE_IMAGE,
    )
    config = SmolVLMConfig(**_idefics_parts(words))
    return save(folder, SmolVLMForConditionalGeneration(config), processor, seed=seed)


def qwen2_5_vl(folder: Path, seed: int = 0) -> Path:
    """Qwen2.5-VL: vision blocks that attend within windows of 32 pixels, the last one to all."""
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    words = tokenizer()
    geometry = {"patch_size": PATCH, "merge_size": 2, "temporal_patch_size": 2}
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            **geometry, size={"shortest_edge": 16 * 16, "longest_edge": 128 * 128}
        ),
        tokenizer=words,
        video_processor=Qwen2VLVideoProcessor(**geometry),
        chat_template=TEMPLATE,
    )
    rope = {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10000.0}
    config = Qwen2_5_VLConfig(
        text_config=text(words, rope_parameters=rope, tie_word_embeddings=True),
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "out_hidden_size": 64,
            "intermediate_size": 128,
            "num_heads": 2,
            "patch_size": PATCH,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "window_size": SIDE,
            "fullatt_block_indexes": [1],
        },
        image_token_id=5,
        video_token_id=6,
        vision_start_token_id=3,
        vision_end_token_id=4,
        tie_word_embeddings=True,
    )
    return save(folder, Qwen2_5_VLForConditionalGeneration(config), processor, seed=seed)


def captioner(folder: Path, seed: int = 0) -> Path:
    """A ViT that GPT-2 reads by cross-attention; image processor and tokenizer lie apart."""
    from transformers import (
        GPT2Config,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
        ViTImageProcessor,
    )

    words = tokenizer(["<|endoftext|>", "<|start|>", "<|end|>"], end="<|end|>")
    decoder = GPT2Config(
        vocab_size=-(-len(words) // 64) * 64,
        n_embd=64,
        n_layer=2,
        n_head=2,
        n_positions=128,
        bos_token_id=1,
        eos_token_id=2,
        is_decoder=True,
        add_cross_attention=True,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        ViTConfig(**VISION), decoder, decoder_start_token_id=1, pad_token_id=0
    )
    picture = ViTImageProcessor(size={"height": SIDE, "width": SIDE})
    return save(folder, VisionEncoderDecoderModel(config), picture, words, seed=seed)


FAMILIES: dict[str, Callable[[Path], Path]] = {
    "qwen2_vl": build_qwen2_vl,
    "qwen2_5_vl": qwen2_5_vl,
    "llava": llava,
    "llava_next": llava_next,
    "paligemma": paligemma,
    "idefics3": idefics3,
    "smolvlm": smolvlm,
    "captioner": captioner,
    "two_stage": two_stage,
    "auto": vip_llava,
}
