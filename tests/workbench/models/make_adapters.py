"""Small PEFT adapters of every kind with weights that matter, saved as PEFT saves them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch


def configs() -> dict[str, Any]:
    """A config of each kind that changes layers, by its name here."""
    from peft import (
        IA3Config,
        LNTuningConfig,
        LoHaConfig,
        LoraConfig,
        OFTConfig,
        VeraConfig,
    )

    names = ["q_proj", "v_proj"]
    return {
        "lora": LoraConfig(r=4, target_modules=names, init_lora_weights=False),
        "dora": LoraConfig(r=4, target_modules=names, init_lora_weights=False, use_dora=True),
        "bias": LoraConfig(r=4, target_modules=names, init_lora_weights=False, bias="all"),
        "ia3": IA3Config(
            target_modules=["k_proj", "v_proj", "down_proj"],
            feedforward_modules=["down_proj"],
            init_ia3_weights=False,
        ),
        "loha": LoHaConfig(r=4, target_modules=names, init_weights=False),
        "oft": OFTConfig(oft_block_size=16, target_modules=names, init_weights=False),
        "vera": VeraConfig(r=8, target_modules=["q_proj"], init_weights=False),
        "ln": LNTuningConfig(target_modules=["input_layernorm"]),
        "saved": LoraConfig(
            r=4,
            target_modules=names,
            init_lora_weights=False,
            modules_to_save=["merger"],
        ),
    }


def build_adapter(base: Any, config: Any, folder: Path, seed: int = 1) -> Path:
    """An adapter over a copy of `base`, its own weights drawn anew, saved to `folder`."""
    from peft import get_peft_model

    # PEFT knows a captioner's decoder alone.
    base = base.decoder if getattr(base.config, "is_encoder_decoder", False) else base
    torch.manual_seed(seed)
    wrapped = get_peft_model(copy.deepcopy(base), copy.deepcopy(config))
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if parameter.requires_grad:
                spread = 0.3 if "ia3" in name or "vera_lambda" in name else 0.05
                parameter.add_(torch.randn_like(parameter) * spread)
    wrapped.save_pretrained(str(folder), save_embedding_layers=False)
    return folder


def build_prefix(base: Any, folder: Path, seed: int = 1, tokens: int = 5) -> Path:
    """A prefix of virtual tokens, as PEFT trains it for a causal language model."""
    from peft import PrefixTuningConfig

    config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=tokens)
    return _build(base, config, folder, seed)


def build_bottleneck(base: Any, folder: Path, seed: int = 1) -> Path:
    """Bottlenecks in a language model whose weights matter."""
    from workbench.models.adapters.bottleneck import put_on, take_off, write_bottleneck
    from workbench.models.adapters.bottleneck_config import BottleneckConfig, places

    torch.manual_seed(seed)
    layers = places((n for n, _ in base.named_modules() if "language" in n), "houlsby")
    made = put_on(base, BottleneckConfig("houlsby", 8, "gelu", tuple(layers)))
    with torch.no_grad():
        for bottleneck in made.values():
            bottleneck.up.weight.normal_(0, 0.1)
    folder.mkdir()
    write_bottleneck(made, folder)
    take_off(base, made)
    return folder


def build_prompt(base: Any, folder: Path, seed: int = 1, tokens: int = 5) -> Path:
    """Embeddings of virtual tokens, as PEFT trains them for a causal language model."""
    from peft import PromptTuningConfig

    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=tokens)
    return _build(base, config, folder, seed)


def _build(base: Any, config: Any, folder: Path, seed: int) -> Path:
    from peft import get_peft_model

    # PEFT knows a captioner's decoder alone.
    base = base.decoder if getattr(base.config, "is_encoder_decoder", False) else base
    torch.manual_seed(seed)
    wrapped = get_peft_model(copy.deepcopy(base), config)
    with torch.no_grad():
        for parameter in wrapped.prompt_encoder.parameters():
            parameter.normal_(0, 1.0)
    wrapped.save_pretrained(str(folder))
    return folder
