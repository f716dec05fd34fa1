"""Train the demo model: `python -m training.demo_model --out FOLDER`.

The recipe: learn to see first (captions of single pictures), then statements, hypotheses and
questions with the deciding words weighted; AdamW, a constant rate after warm-up that falls to
zero over the last part. Checkpoints are atomic and a run goes on where it was; batch `i` depends
on the seed and `i` alone, so an interrupted run sees the same batches. About two hours on two
CPU cores. Not for other models: see `training.train`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from transformers import Qwen2VLForConditionalGeneration, Qwen2VLProcessor

from training.demo_model_build import build_model, build_processor, save
from training.demo_model_data import Batches, Stages, check_against_processor
from training.demo_model_eval import quick_check


def learning_rate(step: int, *, peak: float, warmup: int, steps: int, decay: int) -> float:
    """Warm-up, a constant, then a cosine to zero over the last `decay` of `steps`."""
    if step < warmup:
        return peak * (step + 1) / warmup
    into = max(0, step - (steps - decay)) / max(1, decay)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, into)))


def loss_of(model: Qwen2VLForConditionalGeneration, batch: dict[str, Any]) -> torch.Tensor:
    """Weighted cross-entropy of the answers' tokens, a scalar.

    The logits are computed where an answer is predicted and nowhere else, which saves two thirds
    of the output layer.
    """
    ids, weights = batch["input_ids"], batch["weights"]
    kinds = (ids == model.config.image_token_id).int()
    # All rows open alike and are padded on the right: positions of one row serve for all.
    positions, _ = model.model.get_rope_index(
        ids[:1],
        mm_token_type_ids=kinds[:1],
        image_grid_thw=batch["image_grid_thw"][: batch["images_per_row"]],
        attention_mask=torch.ones_like(ids[:1]),
    )  # (3, 1, t)
    hidden = model.model(
        input_ids=ids,
        position_ids=positions.expand(-1, len(ids), -1),
        pixel_values=batch["pixel_values"],
        image_grid_thw=batch["image_grid_thw"],
        use_cache=False,
    ).last_hidden_state  # (b, t, d)
    asked = weights[:, 1:] > 0  # (b, t - 1)
    logits = model.lm_head(hidden[:, :-1][asked])  # (n, vocabulary)
    losses = F.cross_entropy(logits, ids[:, 1:][asked], reduction="none")
    chosen = weights[:, 1:][asked]
    return (losses * chosen).sum() / chosen.sum()


def checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint atomically."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="checkpoints, log, the model")
    parser.add_argument("--init", type=Path, help="start from the weights of this folder")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--seeing-steps", type=int, default=1200)
    parser.add_argument("--asking-steps", type=int, default=4500)
    parser.add_argument("--pairing-steps", type=int, default=5300)
    parser.add_argument("--placing-steps", type=int, default=6500)
    parser.add_argument("--decay-steps", type=int, default=2500)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--check-every", type=int, default=500)
    parser.add_argument("--save-every", type=int, default=250)
    return parser.parse_args()


def beginning(
    init: Path | None, seed: int
) -> tuple[Qwen2VLProcessor, Qwen2VLForConditionalGeneration]:
    """The processor and the model of a folder, or new ones."""
    if init is None:
        processor = build_processor()
        return processor, build_model(processor.tokenizer, seed=seed)
    processor = Qwen2VLProcessor.from_pretrained(init)
    model = Qwen2VLForConditionalGeneration.from_pretrained(init, dtype=torch.float32)
    return processor, model.train()


def main() -> None:
    """Train, or go on with training."""
    args = parse()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    processor, model = beginning(args.init, args.seed)
    decays = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decays, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}],
        lr=args.lr,
        betas=(0.9, 0.98),
        fused=True,
    )
    file, step, spent = args.out / "checkpoint.pt", 0, 0.0
    if file.exists():
        state = torch.load(file, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["seconds"]
    batches = Batches(
        processor,
        batch_size=args.batch_size,
        seed=args.seed,
        start=step,
        stages=Stages(args.seeing_steps, args.asking_steps, args.pairing_steps, args.placing_steps),
    )
    check_against_processor(batches, processor)
    loader = iter(torch.utils.data.DataLoader(batches, batch_size=None, num_workers=1))
    started, total = time.monotonic() - spent, 0.0
    while step < args.steps:
        rate = learning_rate(
            step, peak=args.lr, warmup=200, steps=args.steps, decay=args.decay_steps
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = loss_of(model, next(loader))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        total += loss.item()
        if step % 50 == 0:
            line: dict[str, Any] = {"step": step, "loss": round(total / 50, 4), "lr": rate}
            line["seconds"], total = round(time.monotonic() - started, 1), 0.0
            if step % args.check_every == 0:
                line |= quick_check(model, processor)
            with (args.out / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            os.write(2, (json.dumps(line) + "\n").encode())
        if step % args.save_every == 0 or step == args.steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            state |= {"step": step, "seconds": time.monotonic() - started}
            checkpoint(file, state)
            save(model, processor, args.out / "model")


if __name__ == "__main__":
    main()
