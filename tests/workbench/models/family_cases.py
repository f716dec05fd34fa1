"""The prompts that every family is tested with, and what its processor makes of them."""

from __future__ import annotations

from functools import cache

import torch

from tests.workbench.models.tiny import ask, picture
from workbench.models.base import LoadedModel
from workbench.sample import Conversation, Message

ONE_TURN = {"paligemma", "captioner"}
ANSWER = "true false yes no one two maybe"


@cache
def prompts(name: str) -> tuple[Conversation, ...]:
    """Five prompts of many lengths and image sizes, with all that the family reads."""
    plain = [
        ask("is the red circle left of the blue square?", picture(40, 40, 1)),
        ask("one", picture(96, 32, 2)),
        ask("a longer text " * 6, picture(48, 80, 3)),
        ask("true", picture(64, 64, 4)),
        ask("yes or no", picture(33, 61, 5)),
    ]
    if name != "captioner":
        plain[3] = ask("true", picture(64, 64, 4), picture(100, 30, 6))
    if name not in ONE_TURN:
        plain[1] = ask("no image at all")
        shot = (*ask("one", picture(30, 50, 7)), Message("assistant", ("yes",)))
        plain[2] = (Message("system", ("a red circle",)), *shot, *plain[2])
    return tuple(plain)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(((a - b).abs().max() / b.abs().max()).detach())


def raw_inputs(name: str, loaded: LoadedModel, conversation: Conversation) -> dict:
    """What the processor itself makes of a conversation; nothing of ours takes part."""
    images = [image.load() for message in conversation for image in message.images]
    if name == "captioner":
        ids = [1, *loaded.tokenizer(conversation[0].text, add_special_tokens=False)["input_ids"]]
        pixels = loaded.processor.image_processor(images, return_tensors="pt")
        return {"decoder_input_ids": torch.tensor([ids]), **pixels}
    if name == "paligemma":
        text = "<image>" * len(images) + conversation[0].text
    else:
        messages = [
            {
                "role": m.role,
                "content": [
                    {"type": "text", "text": p} if isinstance(p, str) else {"type": "image"}
                    for p in m.parts
                ],
            }
            for m in conversation
        ]
        text = loaded.processor.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        if name.startswith("qwen"):
            images = vision_inputs(loaded, images)
    inputs = loaded.processor(text=[text], images=[images] if images else None, return_tensors="pt")
    return {k: v for k, v in inputs.items() if k != "labels"}


def vision_inputs(loaded: LoadedModel, images: list) -> list:
    """Pictures as Qwen's own examples prepare them: `process_vision_info` of `qwen-vl-utils`."""
    from qwen_vl_utils import process_vision_info

    made = loaded.processor.image_processor
    low, high = made.size["shortest_edge"], made.size["longest_edge"]
    content = [
        {"type": "image", "image": image, "min_pixels": low, "max_pixels": high} for image in images
    ]
    messages = [{"role": "user", "content": content}]
    found = process_vision_info(messages, image_patch_size=made.patch_size)
    return list(found[0] or ())
