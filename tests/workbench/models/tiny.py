"""Small random models of the real classes, with tokenizers trained here: nothing is downloaded."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from PIL import Image

from workbench.sample import ImageRef, Message

SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% for c in m.content %}{% if c.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c.text }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = "a red circle is left of the blue square on green. true false yes no one two maybe é 猫"


def tokenizer(special=SPECIAL, end="<|im_end|>"):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator([WORDS] * 5, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token=end,
        pad_token="<|endoftext|>",
        additional_special_tokens=special,
    )


def build_qwen2_vl(folder: Path, seed: int = 0, context: int = 1024) -> Path:
    """A random Qwen2-VL of about one million parameters, saved as a folder."""
    from transformers import (
        Qwen2VLConfig,
        Qwen2VLForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLProcessor,
        Qwen2VLVideoProcessor,
    )

    words = tokenizer()
    geometry = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2}
    processor = Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            **geometry, size={"shortest_edge": 16 * 16, "longest_edge": 128 * 128}
        ),
        tokenizer=words,
        video_processor=Qwen2VLVideoProcessor(**geometry),
        chat_template=TEMPLATE,
    )
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": -(-len(words) // 64) * 64,
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": context,
            "rope_parameters": {
                "rope_type": "default",
                "type": "mrope",
                "mrope_section": [4, 6, 6],
                "rope_theta": 10000.0,
            },
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": 2,
            "pad_token_id": 0,
        },
        vision_config={
            "depth": 2,
            "embed_dim": 128,
            "hidden_size": 128,
            "num_heads": 4,
            "mlp_ratio": 2,
            "patch_size": 8,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
        image_token_id=5,
        video_token_id=6,
        vision_start_token_id=3,
        vision_end_token_id=4,
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = Qwen2VLForConditionalGeneration(config)
    with torch.no_grad():  # spread out: near-uniform logits would make every test easy to pass
        for parameter in model.parameters():
            parameter.normal_(0, 0.08) if parameter.ndim > 1 else None
    # Nothing ends an answer by chance: lengths are then what a test asks for.
    model.generation_config.eos_token_id = [2]
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def picture(width: int = 64, height: int = 64, seed: int = 0, name: str = "") -> ImageRef:
    """A PNG of coloured noise in blocks, encoded."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(0, 256, (4, 4, 3), generator=generator, dtype=torch.uint8)
    image = Image.fromarray(blocks.numpy(), "RGB").resize((width, height), Image.Resampling.NEAREST)
    out = io.BytesIO()
    image.save(out, format="PNG")
    return ImageRef(data=out.getvalue(), name=name)


def ask(text: str, *images: ImageRef, system: str | None = None) -> tuple[Message, ...]:
    """A one-turn conversation."""
    user = Message("user", (*images, text))
    return (Message("system", (system,)), user) if system else (user,)


def mixed_conversations() -> list[tuple[Message, ...]]:
    """Eight prompts of many lengths: none to three images of several sizes, a system turn."""
    return [
        ask("is the red circle left of the blue square?", picture(64, 64, 1), picture(64, 64, 2)),
        ask("no image at all"),
        ask("one", picture(96, 32, 3)),
        ask("a longer text " * 9, picture(48, 80, 4)),
        ask("yes or no", picture(64, 64, 5), picture(32, 96, 6), picture(100, 70, 7)),
        ask("true", system="one two one two"),
        ask("é 猫", picture(16, 16, 8)),
        ask("a red circle on green. " * 4, picture(128, 128, 9)),
    ]


def build_lora(loaded, folder: Path, seed: int = 1, targets=("q_proj", "v_proj")) -> Path:
    """A LoRA adapter whose B is not zero, saved as PEFT does; the model is left without it."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=16, target_modules=list(targets), init_lora_weights=False)
    wrapped = get_peft_model(loaded.base, config)
    wrapped.save_pretrained(folder)
    wrapped.unload()
    if hasattr(loaded.base, "peft_config"):
        del loaded.base.peft_config
    return folder


def build_head(loaded, folder: Path, *, labels=("true", "false", "maybe"), seed: int = 2, **knobs):
    """A head with weights that matter, saved into a folder that is there; returns it."""
    from workbench.models.head import Head, width_of, write_head
    from workbench.models.head_config import HeadConfig

    torch.manual_seed(seed)
    head = Head(HeadConfig(tuple(labels), width_of(loaded.base), **knobs)).eval()
    write_head(head, folder)
    return head
