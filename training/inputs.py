"""What a training starts from, as hashes: the bytes of the model, the data's tables and pictures.

Guarantee: torch-free and cheap (hashes of files are kept), so that it can be told before anything
is loaded whether a run that is there was trained from the same, and what has changed since. Not the
run's key, which wants the model in memory: `training.train`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from training.train_config import TrainConfig
from workbench.errors import UsageError

if TYPE_CHECKING:
    from sessions.runs import Run
    from workbench.data.base import Source

STARTED_FROM = "started_from"  # in a run's record

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


def started_from(config: TrainConfig) -> dict[str, str]:
    """What lies outside of a config and was trained from -> its hash, in the config's words.

    Raises:
        UnknownName: There is no such model, adapter, dataset or split.
        DataError: The data cannot be read.
    """
    from workbench.data.source import open_source
    from workbench.models.identity import model_identity
    from workbench.models.locate import find_adapter, find_model

    spec = config.spec
    path = find_model(spec.model, spec.revision)
    found = {
        f"model {config.model}": model_identity(
            path, None, spec.quantization, spec.dtype, spec.extra_options
        )
    }
    if config.adapter:
        folder = find_adapter(config.adapter)
        found[f"adapter {config.adapter}"] = model_identity(folder, None, "none", "")
    named = {"train": config.train, "eval": (config.eval,)}
    if config.overlap == "leave_out":
        named["report"] = (config.report,)
    for key, names in named.items():
        for name in filter(None, names):
            found |= revision_of(f"{key} {name}", open_source(name))
    return found


def revision_of(what: str, source: Source) -> dict[str, str]:
    """`{what: revision}` of a split, and the hash of the picture files that it names."""
    from workbench.data.image_ids import files_digest

    pictures = files_digest(source)
    return {what: source.revision} | ({f"the pictures of {what}": pictures} if pictures else {})


def digest_of(*words: str) -> str:
    """Hash of some words in order."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def refuse_changed(run: Run, keys: Sequence[str], parts: Mapping[str, str]) -> None:
    """Refuse to resume a run from something else than it began with.

    Args:
        run: That is to go on.
        keys: Of the config, that have other values than the run's.
        parts: As `started_from` gives them, some or all; what an older run has no record of passes.

    Raises:
        UsageError: Naming each key and each part that is another one.
    """
    began = run.config.get(STARTED_FROM)
    began = began if isinstance(began, dict) else {}
    changed = [f"'{key}' of its config" for key in keys]
    changed += [name for name, digest in parts.items() if began.get(name, digest) != digest]
    if changed:
        raise UsageError(
            f"run {run.id} cannot be resumed: changed since it began: {', '.join(changed)}",
            hint="bring that back as it was, or start a new run",
            kind="other_run",
        )
