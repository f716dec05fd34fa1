"""Build the demo model's untrained folder: a small Qwen2-VL with everything a large one has.

Real classes throughout (`Qwen2VLForConditionalGeneration`, `Qwen2VLProcessor`, a byte-level BPE
tokenizer, a chat template, a generation config), so that nothing else in the project knows that
it is small. Every linear layer's input width is a multiple of 64: bitsandbytes' 4-bit
quantisation needs that on a CPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    Qwen2Tokenizer,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

PATCH = 8  # pixels; two by two patches make one token of 16 x 16 pixels
VOCABULARY = 1024
CONTEXT = 2048
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
# ChatML as Qwen2-VL's, but for the default system turn: a small model's context is dear.
CHAT_TEMPLATE = """\
{%- for message in messages %}<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}{% else %}\
{%- for part in message['content'] %}\
{%- if part['type'] == 'image' or 'image' in part or 'image_url' in part %}\
<|vision_start|><|image_pad|><|vision_end|>\
{%- elif part['type'] == 'video' or 'video' in part %}<|vision_start|><|video_pad|><|vision_end|>\
{%- elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
# Words that users of the demo type beside those that its data holds: one token each.
_COMMON = """
a about above after all also an and another answer any are as at background be because below
beside between big both bottom but by can caption category choose class color colour colours
compare contain contains contradiction contradicts correct count dark describe description
detail difference different do does each entailment entails example exactly explain explanation
false fewer first following for from give has have hateful here how hypothesis if image images
in is it judge just kind label large left less light like line list look many maybe me middle
more most must name neutral next no none not nothing number object objects of offensive on one
only or other out over pair passage phrase photo picture pictures please present question reason
reply rectangle red right same say second see sentence shape shapes short should show shows side
single size small some statement than that the their them then there these they thing think this
through to top touching true two under undecided unsafe up use using visible what when where
whether which while who why with word words write wrong yes you your zero circles squares
triangles stars rectangles box boxes block blocks tower grey purple orange white pink item items
edge corner touch atleast black airplane automobile bird cat deer dog frog horse ship truck
animal person man woman people sitting standing playing street water sky car
"""


def corpus() -> list[str]:
    """Texts to train the tokenizer on: the demo's own, and common words in both cases."""
    from workbench.demo.scenes import make_sample

    lines = []
    for dataset in ("demo", "demo_nli", "demo_vqa", "demo_captions"):
        for index in range(600):
            sample = make_sample(dataset, "train", index)
            lines += [*sample.texts.values(), *sample.references, *sample.explanations]
    for word in _COMMON.split():
        lines += [f" {word}"] * 40 + [word] * 10 + [word.capitalize()] * 12
    return lines + [f" {n}" for n in range(100)]


def build_tokenizer() -> Qwen2Tokenizer:
    """Train a byte-level BPE of `VOCABULARY` entries; any text can be encoded."""
    import json
    import tempfile

    from tokenizers import Tokenizer, models, trainers
    from tokenizers import pre_tokenizers as pre

    # Qwen2's own pre-tokenizer, so that what is trained is what will be applied.
    shell = Qwen2Tokenizer()
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = shell.backend_tokenizer.normalizer
    bpe.pre_tokenizer = shell.backend_tokenizer.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL),
        initial_alphabet=pre.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(corpus(), trainer)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bpe.json"
        bpe.save(str(file))
        model = json.loads(file.read_text())["model"]
    return Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(m) for m in model["merges"]],  # type: ignore[arg-type]
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL),
        model_max_length=CONTEXT,
        padding_side="left",
    )


def build_processor() -> Qwen2VLProcessor:
    """Tokenizer, image and video processor and chat template in one."""
    size = {"shortest_edge": 64 * 64, "longest_edge": 160 * 256}
    vision = {"patch_size": PATCH, "merge_size": 2, "temporal_patch_size": 2, "size": size}
    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(**vision),
        video_processor=Qwen2VLVideoProcessor(**vision),
        tokenizer=build_tokenizer(),
        chat_template=CHAT_TEMPLATE,
    )


def build_model(tokenizer: Qwen2Tokenizer, seed: int = 0) -> Qwen2VLForConditionalGeneration:
    """The untrained model, about 2 million parameters, fp32."""
    ids: dict[str, Any] = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    assert len(tokenizer) <= VOCABULARY, len(tokenizer)
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": VOCABULARY,
            "hidden_size": 128,
            "intermediate_size": 384,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": CONTEXT,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_section": [4, 6, 6],
            },
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
            "tie_word_embeddings": True,
        },
        vision_config={
            "depth": 3,
            "embed_dim": 128,
            "hidden_size": 128,
            "num_heads": 4,
            "mlp_ratio": 2,
            "patch_size": PATCH,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = Qwen2VLForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        bos_token_id=ids["<|endoftext|>"],
        eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]],
        pad_token_id=ids["<|endoftext|>"],
        do_sample=False,
    )
    return model


def save(model: Qwen2VLForConditionalGeneration, processor: Qwen2VLProcessor, to: Path) -> None:
    """Write the folder as any local model lies: weights as bfloat16 safetensors, 4 MB."""
    import copy

    to.mkdir(parents=True, exist_ok=True)
    half: Any = copy.deepcopy(model)
    half.to(torch.bfloat16)
    for part in (half.config.text_config, half.config.vision_config):
        part.dtype = torch.bfloat16  # a model that was loaded has written down its own here
    half.save_pretrained(to)
    processor.save_pretrained(to)
    for file in to.iterdir():
        file.chmod(0o644)  # safetensors writes 0600: an installed package must be readable
