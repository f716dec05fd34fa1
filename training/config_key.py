"""Which keys of a fine-tuning's config a run's key is made of.

Guarantee: a key that came later and is as usual changes no run's key, so that runs of older
versions can be resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.train_config import TrainConfig

# The keys that a run's key has always been made of.
_FIRST = frozenset(
    {
        *("train", "eval", "report", "overlap", "model", "adapter", "quantization", "dtype"),
        *("device", "attention", "revision", "image_min_pixels", "image_max_pixels"),
        *("quant_type", "double_quant", "quant_compute_dtype", "lora", "templates"),
        *("batch_size", "gradient_accumulation", "learning_rate", "scheduler", "warmup"),
        *("weight_decay", "max_grad_norm", "label_smoothing", "epochs", "max_steps"),
        *("max_minutes", "eval_samples", "eval_batch_size", "eval_new_tokens", "keep"),
        *("save_every", "keep_checkpoints", "log_every", "cache_mb", "seed", "threads", "name"),
    }
)
_FIRST_LORA = frozenset(
    {"r", "alpha", "dropout", "target_modules", "modules_to_save", "rslora", "dora"}
)


def without_later(values: Mapping[str, Any]) -> dict[str, Any]:
    """A config's values without the keys that came later and are as usual.

    A run's key is made of them, so that the runs of older versions can be resumed.
    """
    usual = TrainConfig(train=("-",)).to_json()
    out = {k: v for k, v in values.items() if k in _FIRST or v != usual[k]}
    lora = usual["lora"]
    out["lora"] = {k: v for k, v in out["lora"].items() if k in _FIRST_LORA or v != lora[k]}
    return out
