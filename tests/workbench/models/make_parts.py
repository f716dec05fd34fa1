"""What the small models of `make_families` are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.workbench.models.tiny import TEMPLATE

CHAT = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"]
ONE_IMAGE = TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", "<image>\n")
SIDE, PATCH = 32, 8

VISION: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": PATCH,
}


def text(words: Any, **more: Any) -> dict[str, Any]:
    """The settings of a language model of two layers over a tokenizer."""
    return {
        "vocab_size": -(-len(words) // 64) * 64,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "max_position_embeddings": 512,
        "pad_token_id": 0,
        "eos_token_id": 2,
        "bos_token_id": None,
        **more,
    }


def save(folder: Path, model: Any, *parts: Any, seed: int = 0, scale: float = 0.1) -> Path:
    """Spread the weights out and save model and processors."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, scale, generator=generator)
    model.generation_config.eos_token_id = [2]
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    return folder
