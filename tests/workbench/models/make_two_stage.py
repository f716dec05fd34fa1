"""A small ResNet and a small Phi with their real processors, and the model composed of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.workbench.models.make_parts import save, text
from tests.workbench.models.tiny import tokenizer

SIDE = 64


def resnet(folder: Path, seed: int = 0, head: bool = True) -> Path:
    """Bottlenecks of a ResNet-50 in three stages, with batch norms that have seen something."""
    from transformers import (
        ConvNextImageProcessor,
        ResNetConfig,
        ResNetForImageClassification,
        ResNetModel,
    )

    config = ResNetConfig(
        embedding_size=16, hidden_sizes=[16, 32, 64], depths=[1, 2, 1], num_labels=5
    )
    torch.manual_seed(seed)
    model = (ResNetForImageClassification if head else ResNetModel)(config)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    model.save_pretrained(folder)
    ConvNextImageProcessor(size={"shortest_edge": SIDE}).save_pretrained(folder)
    return folder


def code_gen_tokenizer() -> Any:
    """Phi-2's class over a vocabulary trained here; it ends an answer with token 2, as the rest."""
    import json

    from transformers import CodeGenTokenizer

    special = ["<|spare_0|>", "<|spare_1|>", "<|endoftext|>"]
    trained = json.loads(tokenizer(special, special[2]).backend_tokenizer.to_str())["model"]
    merges = [tuple(pair) for pair in trained["merges"]]
    return CodeGenTokenizer(vocab=trained["vocab"], merges=merges)


def phi(folder: Path, seed: int = 0, **more: Any) -> Path:
    """Phi-2's parts, small; fewer rows of embeddings to spare."""
    from transformers import PhiConfig, PhiForCausalLM

    words = code_gen_tokenizer()
    settings = text(words, bos_token_id=2, pad_token_id=None, partial_rotary_factor=0.4, **more)
    del settings["head_dim"], settings["num_key_value_heads"]
    model = PhiForCausalLM(PhiConfig(**settings))
    save(folder, model, words, seed=seed)
    return folder


def two_stage(folder: Path, seed: int = 0, **recipe: Any) -> Path:
    """The two composed as `wb models compose` does."""
    from workbench.models.two_stage.build import Composition, compose

    vision = resnet(folder.with_name(f"{folder.name}-resnet"), seed)
    language = phi(folder.with_name(f"{folder.name}-phi"), seed)
    compose(Composition(str(vision), str(language), seed=seed, **recipe), folder)
    return folder


def aligned(folder: Path, seed: int = 0, shared: int = 24) -> Path:
    """What a contrastive training leaves: an encoder that is not the one it began as."""
    from workbench.models.two_stage.aligned_model import AlignedConfig, AlignedModel
    from workbench.models.two_stage.processor import fit_images
    from workbench.models.two_stage.resnets import load_resnet

    net, own = load_resnet(str(resnet(folder.with_name(f"{folder.name}-resnet"), seed)))
    processor, side = fit_images(own, "pad", 32)
    config = AlignedConfig(
        vision_config=net.config,
        shared_size=shared,
        text_size=64,
        image_size=side,
        image_fit="pad",
        text_encoder="phi",
    )
    torch.manual_seed(seed)
    model = AlignedModel(config, net)
    model.begin(20.0, -7.0)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
