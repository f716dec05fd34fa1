"""How good the demo model is: quick checks while it trains, on scenes it never sees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch

from workbench.sample import Sample

PROMPTS = {
    "demo": ("sentence", "Is this statement about the two images true or false? {}"),
    "demo_vqa": ("question", "{} Answer in a word or a phrase."),
    "demo_nli": (
        "hypothesis",
        "Hypothesis: {} Is it entailment, neutral or contradiction? Explain.",
    ),
    "demo_captions": ("caption", "Describe the image."),
}


@torch.no_grad()
def first_words(
    model: Any,
    processor: Any,
    samples: Sequence[Sample],
    prompt: str,
    role: str,
    max_new_tokens: int = 2,
) -> list[str]:
    """Greedy answers of a few tokens, through the processor and `generate`."""
    chats, images = [], []
    for sample in samples:
        parts: list[dict[str, str]] = [{"type": "image"}] * len(sample.images)
        parts.append({"type": "text", "text": prompt.format(sample.texts[role])})
        chat = [{"role": "user", "content": parts}]
        chats.append(processor.apply_chat_template(chat, add_generation_prompt=True))
        images.append([i.load() for i in sample.images])
    inputs = processor(text=chats, images=images, padding=True, return_tensors="pt")
    out = model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False)
    new = out[:, inputs["input_ids"].shape[1] :]
    return [t.strip() for t in processor.batch_decode(new, skip_special_tokens=True)]


def quick_check(
    model: Any,
    processor: Any,
    *,
    split: str = "dev",
    count: int = 192,
    batch: int = 32,
) -> dict[str, Any]:
    """Share of right answers by dataset and kind, on the first `count` samples of a split."""
    from workbench.demo.scenes import make_sample

    model.eval()
    shares: dict[str, Any] = {}
    for dataset in ("demo", "demo_vqa", "demo_nli", "demo_captions"):
        role, prompt = PROMPTS[dataset]
        n = count if dataset in ("demo", "demo_vqa") else count // 3
        length = 40 if dataset == "demo_captions" else 2
        hits: dict[str, list[bool]] = defaultdict(list)
        for start in range(0, n, batch):
            samples = [make_sample(dataset, split, i) for i in range(start, min(n, start + batch))]
            said = first_words(model, processor, samples, prompt, role, length)
            for sample, text in zip(samples, said, strict=True):
                label = (sample.label or "").lower().strip(". ")
                right = text.lower().strip(". ").startswith(label)
                hits[str(sample.metadata["kind"])].append(right)
        everything = [h for kind in hits.values() for h in kind]
        shares[dataset] = round(sum(everything) / len(everything), 3)
        shares[f"{dataset}_by_kind"] = {k: round(sum(v) / len(v), 3) for k, v in hits.items()}
    model.train()
    return shares
