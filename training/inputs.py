"""What a training starts from, as a hash: the bytes of the model and of the data's tables.

Guarantee: torch-free and cheap (hashes of files are kept), so that it can be told before anything
is loaded whether a run that is there was trained from the same. Not the run's key, which wants the
model in memory: `training.train`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from training.train_config import TrainConfig

# Settings that change no result, or only how it is arrived at.
NOT_IN_KEY = frozenset(
    {
        *("threads", "name", "eval_batch_size", "cache_mb", "keep_checkpoints", "device"),
        *("trainer", "eval_at_start", "eval_metrics", "bertscore_model", "tensorboard"),
    }
)


def inputs_digest(config: TrainConfig) -> str:
    """Hex sha256 of the model's files, an adapter's, and the data's revisions.

    Raises:
        UnknownName: There is no such model, adapter, dataset or split.
        DataError: The data cannot be read.
    """
    from workbench.data.source import open_source
    from workbench.models.identity import model_identity
    from workbench.models.locate import find_adapter, find_model

    spec = config.spec
    adapter = find_adapter(config.adapter) if config.adapter else None
    path = find_model(spec.model, spec.revision)
    parts = {
        "model": model_identity(path, adapter, spec.quantization, spec.dtype, spec.extra_options),
        "data": [open_source(name).revision for name in (*config.train, config.eval) if name],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def same_training(config: TrainConfig, recorded: dict[str, Any]) -> bool:
    """Whether a run's recorded config trains what this one does.

    Args:
        config: Of the training that is wanted.
        recorded: `config` of a run's `config.json`.
    """
    usual = TrainConfig(train=("-",)).to_json()
    wanted = config.to_json()
    # What older versions had no key for they left at its default.
    names = (set(usual) | set(recorded)) - NOT_IN_KEY
    return all(wanted.get(n) == recorded.get(n, usual.get(n)) for n in names)
